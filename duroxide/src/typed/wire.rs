//! Arguments by name, and errors, as history keeps them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Payload;
use crate::codec::{self, CodecError};

/// Room for a few small arguments, so that they are not moved while they are written.
const FIRST_BYTES: usize = 256;

/// Several arguments on their way out: an object keyed by parameter name.
pub struct Object {
    /// Canonical JSON as far as it goes.
    text: String,
    last: &'static str,
    /// Whether each name came after the one before, as the macros write them.
    is_sorted: bool,
}

impl Object {
    /// An object without fields.
    #[allow(clippy::new_without_default, reason = "generated code calls `new`")]
    pub fn new() -> Self {
        let mut text = String::with_capacity(FIRST_BYTES);
        text.push('{');
        Object { text, last: "", is_sorted: true }
    }

    /// Adds an argument. A name is an identifier, so that JSON has nothing to escape in it.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn with<T: Payload>(mut self, name: &'static str, value: &T) -> Result<Self, CodecError> {
        if !self.last.is_empty() {
            self.text.push(',');
        }
        self.is_sorted &= self.last < name;
        self.last = name;
        self.text.extend(["\"", name, "\":"]);
        self.text = codec::append_json(self.text, value).map_err(|error| CodecError::at(name, error))?;
        Ok(self)
    }

    /// The object as canonical JSON.
    ///
    /// # Errors
    /// Never, as the fields are JSON already; the signature is that of the other encoders.
    pub fn finish(mut self) -> Result<String, CodecError> {
        self.text.push('}');
        if self.is_sorted { Ok(self.text) } else { codec::to_json(&codec::from_json::<Value>(&self.text)?) }
    }
}

/// Several arguments on their way in.
pub struct Fields {
    fields: BTreeMap<String, Value>,
}

impl Fields {
    /// Reads an object. Fields that no argument asks for are left alone, so that an argument can be removed.
    ///
    /// # Errors
    /// When the text is not a JSON object.
    pub fn read(text: &str) -> Result<Self, CodecError> {
        Ok(Fields { fields: codec::from_json(text)? })
    }

    /// The argument `name`. One that may be absent by its type (`Option`) may be absent.
    ///
    /// # Errors
    /// When it is missing or does not decode; the text has the path inside the payload.
    pub fn take<T: Payload>(&mut self, name: &'static str) -> Result<T, CodecError> {
        match self.fields.remove(name) {
            Some(value) => read(name, value),
            None => serde_json::from_value(Value::Null).map_err(|_| CodecError::missing(name)),
        }
    }

    /// The same, or the default of the type when it is missing.
    ///
    /// # Errors
    /// When it is there and does not decode.
    pub fn take_or_default<T: Payload + Default>(&mut self, name: &'static str) -> Result<T, CodecError> {
        self.fields.remove(name).map_or_else(|| Ok(T::default()), |value| read(name, value))
    }
}

fn read<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, CodecError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { name.to_owned() } else { format!("{name}.{path}") };
        CodecError::at(&path, error.into_inner())
    })
}

/// An error as the text that history keeps: strict JSON, except that a string is written raw, so that programs which
/// handle strings see the message itself. A string that begins with a quote stays JSON, or reading would take the
/// quotes for JSON's.
pub(crate) fn write_error<E: Serialize>(error: &E) -> String {
    let raw = match codec::encode(error) {
        Ok(raw) => raw,
        Err(unwritable) => return format!("the error has no JSON form: {unwritable}"),
    };
    if raw.starts_with('"') { Value::String(raw).to_string() } else { raw }
}

/// The reverse of [`write_error`].
pub(crate) fn read_error<E: DeserializeOwned>(text: &str) -> Result<E, CodecError> {
    codec::from_json_or_text(text)
}
