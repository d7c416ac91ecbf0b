//! Values to strings and back: canonical JSON, keys sorted.

mod canonical;
#[cfg(test)]
mod tests;
mod told;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use told::told;

/// Why a value could not be written or read: what serde says but for the value itself, and, when reading, the path inside
/// the payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[cfg_attr(not(feature = "macros"), expect(unreachable_pub, reason = "generated code names it"))]
pub struct CodecError {
    message: String,
}

impl CodecError {
    fn new(error: impl std::fmt::Display) -> Self {
        CodecError { message: told(error) }
    }

    #[cfg(feature = "macros")]
    pub(crate) fn at(path: &str, error: impl std::fmt::Display) -> Self {
        CodecError::new(format!("{path}: {}", told(error)))
    }

    #[cfg(feature = "macros")]
    pub(crate) fn missing(name: &str) -> Self {
        CodecError::new(format!("argument `{name}` is missing"))
    }
}

/// Strict JSON with sorted keys: the order must not depend on a feature that some dependency switches on.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, CodecError> {
    canonical::append(Vec::new(), value).map(as_text).map_err(CodecError::new)
}

/// The same behind `text`, which stays as it is.
#[cfg(feature = "macros")]
pub(crate) fn append_json<T: Serialize + ?Sized>(text: String, value: &T) -> Result<String, CodecError> {
    canonical::append(text.into_bytes(), value).map(as_text).map_err(CodecError::new)
}

fn as_text(json: Vec<u8>) -> String {
    String::from_utf8(json).expect("JSON of texts is text, and moving its members tears none apart")
}

/// Strict JSON; text that does not decode as `T` is tried once as a JSON string, so that a plain word reaches a
/// `String`, and no typed value is ever guessed at. The error is that of the first reading.
pub(crate) fn from_json_or_text<T: DeserializeOwned>(text: &str) -> Result<T, CodecError> {
    from_json(text).or_else(|error| serde_json::from_value(Value::String(text.to_owned())).map_err(|_| error))
}

/// Strict JSON; the error names the path inside the payload.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, CodecError> {
    // To know the path at each value takes as long as the values: only what cannot be read is read with it.
    serde_json::from_str(text).or_else(|_| with_path(text))
}

fn with_path<T: DeserializeOwned>(text: &str) -> Result<T, CodecError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if path == "." { CodecError::new(inner) } else { CodecError::new(format!("{path}: {}", told(inner))) }
    })?;
    reader.end().map_err(CodecError::new)?;
    Ok(value)
}

/// The `_typed` methods' form: JSON, except that a value whose JSON is a string is written raw.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<String, CodecError> {
    let json = to_json(value)?;
    if json.starts_with('"') { from_json(&json) } else { Ok(json) }
}

/// Reads what [`encode`] wrote: JSON, or else the text itself as a string value.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, CodecError> {
    from_json_or_text(text)
}
