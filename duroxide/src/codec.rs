//! Values to strings and back: canonical JSON, keys sorted.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a value could not be written or read: the serde text, with the path inside the payload when reading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[cfg_attr(not(feature = "macros"), expect(unreachable_pub, reason = "generated code names it"))]
pub struct CodecError {
    message: String,
}

impl CodecError {
    fn new(error: impl ToString) -> Self {
        CodecError { message: error.to_string() }
    }

    #[cfg(feature = "macros")]
    pub(crate) fn at(path: &str, error: impl std::fmt::Display) -> Self {
        CodecError::new(format!("{path}: {error}"))
    }

    #[cfg(feature = "macros")]
    pub(crate) fn missing(name: &str) -> Self {
        CodecError::new(format!("argument `{name}` is missing"))
    }
}

/// Strict JSON with sorted keys: the order must not depend on a feature that some dependency switches on.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, CodecError> {
    let mut value = serde_json::to_value(value).map_err(CodecError::new)?;
    value.sort_all_objects();
    Ok(value.to_string())
}

/// Strict JSON; text that does not decode as `T` is tried once as a JSON string, so that a plain word reaches a
/// `String`, and no typed value is ever guessed at. The error is that of the first reading.
pub(crate) fn from_json_or_text<T: DeserializeOwned>(text: &str) -> Result<T, CodecError> {
    from_json(text).or_else(|error| serde_json::from_value(Value::String(text.to_owned())).map_err(|_| error))
}

/// Strict JSON; the error names the path inside the payload.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, CodecError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if path == "." { CodecError::new(inner) } else { CodecError::new(format!("{path}: {inner}")) }
    })?;
    reader.end().map_err(CodecError::new)?;
    Ok(value)
}

/// The `_typed` methods' form: JSON, except that a value whose JSON is a string is written raw.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<String, CodecError> {
    let mut value = serde_json::to_value(value).map_err(CodecError::new)?;
    value.sort_all_objects();
    match value {
        Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

/// Reads what [`encode`] wrote: JSON, or else the text itself as a string value.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, CodecError> {
    from_json_or_text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Order {
        zebra: u32,
        apple: Option<String>,
    }

    #[test]
    fn keys_are_sorted_whatever_the_field_order() {
        let json = to_json(&Order { zebra: 1, apple: None }).unwrap();
        assert_eq!(json, r#"{"apple":null,"zebra":1}"#);
    }

    #[test]
    fn a_string_is_written_raw_and_read_back_either_way() {
        assert_eq!(encode("Rust").unwrap(), "Rust");
        assert_eq!(decode::<String>("Rust").unwrap(), "Rust");
        assert_eq!(decode::<String>("\"Rust\"").unwrap(), "Rust");
        assert_eq!(from_json_or_text::<String>("42").unwrap(), "42");
        assert_eq!(from_json_or_text::<u32>("42").unwrap(), 42);
        assert!(from_json_or_text::<u32>("Rust").is_err());
    }

    #[test]
    fn an_error_names_the_path_inside_the_payload() {
        let error = from_json::<Vec<Order>>(r#"[{"zebra":1},{"zebra":"x"}]"#).unwrap_err().to_string();
        assert!(error.starts_with("[1].zebra: invalid type"), "{error}");
        assert!(from_json::<u32>("1 2").is_err());
    }
}
