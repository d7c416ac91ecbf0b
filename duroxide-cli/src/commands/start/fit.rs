//! Whether an input may be read as the Rust types that a handler takes; what is unknown passes.

use serde_json::Value;

/// What a JSON value must be, as far as the name of a Rust type tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Truth,
    Signed,
    Unsigned,
    Number,
    List,
    Nothing,
    /// A type of the user's, or one that has several forms.
    Any,
}

/// The types that everybody writes, by how their names begin once paths are taken off.
const SHAPES: &[(&str, Shape)] = &[
    ("String", Shape::Text),
    ("&str", Shape::Text),
    ("char", Shape::Text),
    ("bool", Shape::Truth),
    ("i8", Shape::Signed),
    ("i16", Shape::Signed),
    ("i32", Shape::Signed),
    ("i64", Shape::Signed),
    ("isize", Shape::Signed),
    ("u8", Shape::Unsigned),
    ("u16", Shape::Unsigned),
    ("u32", Shape::Unsigned),
    ("u64", Shape::Unsigned),
    ("usize", Shape::Unsigned),
    ("f32", Shape::Number),
    ("f64", Shape::Number),
    ("Vec<", Shape::List),
    ("()", Shape::Nothing),
];

/// Checks an input against the arguments of a handler, each with its name and type.
pub(super) fn input(arguments: &[(String, String)], input: &str) -> Result<(), String> {
    match arguments {
        [] => Ok(()),
        [(name, of)] => {
            // Text that is no JSON reaches a `String` as it is.
            let value = serde_json::from_str(input).unwrap_or_else(|_| Value::String(input.to_owned()));
            one(name, of, Some(&value))
        }
        several => {
            let names = || several.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            match serde_json::from_str(input) {
                Ok(Value::Object(fields)) => several.iter().try_for_each(|(name, of)| one(name, of, fields.get(name))),
                Ok(other) => Err(format!("expected an object with {}, found {}", names(), found(&other))),
                Err(error) => Err(format!("expected an object with {}, found no JSON: {error}", names())),
            }
        }
    }
}

fn one(name: &str, of: &str, value: Option<&Value>) -> Result<(), String> {
    let plain = plain(of);
    let Some(value) = value else {
        // Of unknown types, some have a default.
        return match shape(&plain) {
            Shape::Any => Ok(()),
            _ => Err(format!("argument `{name}: {of}` is missing")),
        };
    };
    if fits(shape(&plain), value) { Ok(()) } else { Err(format!("argument `{name}: {of}`: found {}", found(value))) }
}

/// `alloc::string::String` as `String`.
fn plain(of: &str) -> String {
    let head = of.split('<').next().unwrap_or(of);
    let last = head.rsplit("::").next().unwrap_or(head).trim();
    if of.contains('<') { format!("{last}<") } else { last.to_owned() }
}

fn shape(plain: &str) -> Shape {
    SHAPES.iter().find(|(name, _)| *name == plain).map_or(Shape::Any, |(_, shape)| *shape)
}

fn fits(shape: Shape, value: &Value) -> bool {
    match shape {
        // A number may be given where text is wanted: it is read as its digits, if it is no JSON string.
        Shape::Text => !matches!(value, Value::Object(_) | Value::Array(_) | Value::Null),
        Shape::Truth => value.is_boolean(),
        Shape::Signed => value.is_i64(),
        Shape::Unsigned => value.is_u64(),
        Shape::Number => value.is_number(),
        Shape::List => value.is_array() || value.is_string(),
        Shape::Nothing => value.is_null(),
        Shape::Any => true,
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::input;

    fn arguments(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(name, of)| ((*name).to_owned(), (*of).to_owned())).collect()
    }

    #[test]
    fn one_argument_is_its_value() {
        let cents = arguments(&[("cents", "u64")]);
        assert_eq!(input(&cents, "12"), Ok(()));
        assert_eq!(input(&cents, "-12"), Err("argument `cents: u64`: found -12".to_owned()));
        assert_eq!(input(&cents, "null"), Err("argument `cents: u64`: found null".to_owned()));
        assert_eq!(input(&arguments(&[("name", "alloc::string::String")]), "plain words"), Ok(()));
        assert!(input(&arguments(&[("names", "Vec<String>")]), "{}").is_err());
        assert_eq!(input(&arguments(&[("order", "shop::Order")]), "{\"a\":1}"), Ok(()));
        assert_eq!(input(&arguments(&[("order", "Option<u64>")]), "null"), Ok(()));
        assert_eq!(input(&[], "whatever"), Ok(()));
    }

    #[test]
    fn several_arguments_are_an_object() {
        let two = arguments(&[("id", "String"), ("cents", "u64"), ("note", "Option<String>")]);
        assert_eq!(input(&two, r#"{"id":"a","cents":1}"#), Ok(()));
        assert_eq!(input(&two, r#"{"id":"a"}"#), Err("argument `cents: u64` is missing".to_owned()));
        assert_eq!(input(&two, r#"{"id":"a","cents":"1"}"#), Err("argument `cents: u64`: found a string".to_owned()));
        assert_eq!(input(&two, "7"), Err("expected an object with `id`, `cents`, `note`, found 7".to_owned()));
    }
}
