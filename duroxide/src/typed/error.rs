//! `CallError<E>`: the user's error, or what happened instead.

use std::fmt::{self, Display};

use serde::de::DeserializeOwned;

use super::wire;
use crate::client::ClientError;
use crate::codec::CodecError;
use crate::model::error::{AppErrorKind, ErrorDetails};

/// Why a typed call has no value: the error that the user's code returned, or what happened instead.
///
/// In an orchestration `?` turns it into the orchestration's own error through `From`; into a `String` it converts
/// by itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The error that the activity or orchestration returned.
    App(E),
    /// No answer in the time given; what was called may still run.
    TimedOut,
    /// It was cancelled.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// Its code panicked.
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// A value could not be written, or one in history does not fit the type.
    Codec {
        /// What serde said, with the path inside the payload.
        message: String,
    },
    /// It failed with a text that is not the error type, as handlers registered by strings may.
    Other(String),
    /// The runtime or the store failed, history does not fit the code, or it was tried too often.
    System(ErrorDetails),
    /// The client could not ask.
    Client(ClientError),
}

impl<E> CallError<E> {
    /// The error of the user's code, if that is what it is.
    pub fn app(self) -> Option<E> {
        match self {
            CallError::App(error) => Some(error),
            CallError::TimedOut
            | CallError::Cancelled { .. }
            | CallError::Panicked { .. }
            | CallError::Codec { .. }
            | CallError::Other(_)
            | CallError::System(_)
            | CallError::Client(_) => None,
        }
    }

    pub(crate) fn codec(error: &CodecError) -> Self {
        CallError::Codec { message: error.to_string() }
    }
}

impl<E: DeserializeOwned> CallError<E> {
    /// The kind decides first; only what user code returned is read as the user's error.
    pub(crate) fn of(details: ErrorDetails) -> Self {
        match details {
            ErrorDetails::Application { kind, message, .. } => match kind {
                AppErrorKind::ActivityFailed | AppErrorKind::OrchestrationFailed => {
                    wire::read_error(&message).map_or_else(|_| CallError::Other(message), CallError::App)
                }
                AppErrorKind::Panicked => CallError::Panicked { message },
                AppErrorKind::Cancelled { reason } => CallError::Cancelled { reason },
            },
            system @ (ErrorDetails::Infrastructure { .. }
            | ErrorDetails::Configuration { .. }
            | ErrorDetails::Poison { .. }) => CallError::System(system),
        }
    }
}

impl<E: Display> Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::App(error) => error.fmt(f),
            CallError::TimedOut => f.write_str("no answer in the time given"),
            CallError::Cancelled { reason } => write!(f, "canceled: {reason}"),
            CallError::Panicked { message } => write!(f, "panicked: {message}"),
            CallError::Codec { message } => write!(f, "a value does not fit its type: {message}"),
            CallError::Other(text) => f.write_str(text),
            CallError::System(details) => f.write_str(&details.display_message()),
            CallError::Client(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + Display> std::error::Error for CallError<E> {}

/// Orchestrations whose error is a `String` may use `?` on every call.
impl<E: Display> From<CallError<E>> for String {
    fn from(error: CallError<E>) -> Self {
        error.to_string()
    }
}

impl<E> From<ClientError> for CallError<E> {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Timeout => CallError::TimedOut,
            other @ (ClientError::Provider(_)
            | ClientError::ManagementNotAvailable
            | ClientError::InvalidInput { .. }
            | ClientError::InstanceStillRunning { .. }
            | ClientError::CannotDeleteSubOrchestration { .. }
            | ClientError::InstanceNotFound { .. }) => CallError::Client(other),
        }
    }
}
