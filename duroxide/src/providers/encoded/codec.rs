//! What users give: how a payload is written, and how it is read again.

/// Turns payloads into what is stored, and back.
///
/// It sees each payload by itself, as text; what it returns is text again. It may encode the same payload differently
/// each time. Whatever it encoded, it must be able to decode as long as it is stored: after a change of keys, the old
/// ones are still needed. It runs on the threads of the runtime, so it should not block.
pub trait PayloadCodec: Send + Sync + 'static {
    /// What is stored in the place of `payload`.
    ///
    /// # Errors
    /// Nothing is stored then, and whoever asked for it is told.
    fn encode(&self, payload: &str) -> Result<String, CodecError>;

    /// The payload that `stored` was made of.
    ///
    /// # Errors
    /// When it was made by something else, or with a key that is not known here.
    fn decode(&self, stored: &str) -> Result<String, CodecError>;
}

/// Why a payload cannot be encoded or decoded. Says what was expected and found, and quotes no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CodecError {
    message: String,
}

impl CodecError {
    /// An error with this text.
    pub fn new(message: impl Into<String>) -> Self {
        CodecError { message: message.into() }
    }
}
