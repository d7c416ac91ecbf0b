//! Retryable or permanent, and in which operation.

use crate::model::error::ErrorDetails;

/// What a store answers when an operation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderError {
    /// Which operation.
    pub operation: String,
    /// What went wrong.
    pub message: String,
    /// Whether the same call may work later. A retryable error may mean that the operation happened all the same.
    pub retryable: bool,
}

impl ProviderError {
    /// The same call may work later: busy, I/O or connection trouble.
    pub fn retryable(operation: impl Into<String>, message: impl Into<String>) -> Self {
        ProviderError { operation: operation.into(), message: message.into(), retryable: true }
    }

    /// The same call never works: bad token, duplicate event, unknown id, unreadable data.
    pub fn permanent(operation: impl Into<String>, message: impl Into<String>) -> Self {
        ProviderError { operation: operation.into(), message: message.into(), retryable: false }
    }

    /// So many messages wait for an instance that no more are taken: later there may be fewer.
    pub(in crate::providers) fn queue_full(instance: &str, waiting_max: usize) -> Self {
        ProviderError::retryable(
            "enqueue_for_orchestrator",
            format!("messages waiting for instance '{instance}': expected fewer than {waiting_max}, found that many"),
        )
    }

    /// Whether the same call may work later.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// As history records it.
    pub fn to_infrastructure_error(&self) -> ErrorDetails {
        ErrorDetails::Infrastructure {
            operation: self.operation.clone(),
            message: self.message.clone(),
            retryable: self.retryable,
        }
    }
}

impl std::fmt::Display for ProviderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.operation, self.message)
    }
}

impl std::error::Error for ProviderError {}

impl From<String> for ProviderError {
    fn from(message: String) -> Self {
        ProviderError::retryable("unknown", message)
    }
}

impl From<&str> for ProviderError {
    fn from(message: &str) -> Self {
        ProviderError::retryable("unknown", message)
    }
}
