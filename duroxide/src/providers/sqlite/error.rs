//! Database errors, classified, with the operation's name.

use rusqlite::ErrorCode;

use crate::lease::Refusal;
use crate::providers::error::ProviderError;

/// Why a request to the store failed, as it is known where it happens.
#[derive(Debug)]
pub(super) enum StoreError {
    /// SQLite said no.
    Sql(rusqlite::Error),
    /// The lease is gone: unknown, superseded, expired or already acknowledged.
    Fenced(&'static str),
    /// What is stored cannot be read.
    Unreadable(String),
    /// The request itself is wrong.
    Refused(String),
    /// Too many messages wait for an instance.
    Full { instance: String, waiting_max: usize },
}

impl StoreError {
    /// What an unknown id is told.
    pub(super) fn not_found(what: &str) -> Self {
        StoreError::Refused(format!("{what} not found"))
    }

    /// The same error as callers of the contract see it.
    pub(super) fn during(self, operation: &str) -> ProviderError {
        match self {
            StoreError::Sql(error) if may_pass(&error) => ProviderError::retryable(operation, error.to_string()),
            StoreError::Sql(error) => ProviderError::permanent(operation, error.to_string()),
            StoreError::Fenced(text) => ProviderError::permanent(operation, text),
            StoreError::Full { instance, waiting_max } => ProviderError::queue_full(&instance, waiting_max),
            StoreError::Unreadable(text) | StoreError::Refused(text) => ProviderError::permanent(operation, text),
        }
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        StoreError::Fenced(match refusal {
            Refusal::Unknown => "Invalid lock token or already acked",
            Refusal::Expired => "Instance lock expired: the lease ended before the call",
        })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::Sql(error)
    }
}

/// Whether the same call may work later. A full or read-only disk may be mended by an operator, and no orchestration
/// should fail for it.
pub(super) fn may_pass(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    let may_pass = code.is_some_and(|code| {
        matches!(
            code,
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
                | ErrorCode::OperationAborted
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::SchemaChanged
        )
    });
    may_pass || is_closed(error)
}

/// Whether the store refuses every change because it is being moved: the triggers said so.
fn is_closed(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_TRIGGER)
}

/// Whether a row with this key exists already.
pub(super) fn is_duplicate(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) && !is_closed(error)
}
