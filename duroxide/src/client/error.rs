//! What a client call can fail with.

use crate::model::limits::LimitExceeded;
use crate::providers::ProviderError;

/// Why a client call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The store failed.
    #[error("{0}")]
    Provider(#[from] ProviderError),
    /// The store has no administrator's half.
    #[error("Management features not available - provider doesn't implement ProviderAdmin")]
    ManagementNotAvailable,
    /// An argument was refused before anything was stored.
    #[error("Invalid input: {message}")]
    InvalidInput {
        /// What is wrong with it.
        message: String,
    },
    /// The time given to a wait has passed.
    #[error("Operation timed out")]
    Timeout,
    /// The instance cannot be deleted while it runs.
    #[error("Instance {instance_id} is still running. Use force=true or cancel first.")]
    InstanceStillRunning {
        /// Which one.
        instance_id: String,
    },
    /// A child is deleted with its root only.
    #[error("Cannot delete sub-orchestration {instance_id} directly. Delete the root orchestration instead.")]
    CannotDeleteSubOrchestration {
        /// Which one.
        instance_id: String,
    },
    /// There is no such instance.
    #[error("Instance {instance_id} not found")]
    InstanceNotFound {
        /// Which one.
        instance_id: String,
    },
}

impl From<LimitExceeded> for ClientError {
    /// Programs match all variants, so there is none of its own.
    fn from(exceeded: LimitExceeded) -> Self {
        ClientError::invalid(exceeded.to_string())
    }
}

impl ClientError {
    /// Whether the same call may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            ClientError::Provider(error) => error.is_retryable(),
            ClientError::Timeout => true,
            ClientError::ManagementNotAvailable
            | ClientError::InvalidInput { .. }
            | ClientError::InstanceStillRunning { .. }
            | ClientError::CannotDeleteSubOrchestration { .. }
            | ClientError::InstanceNotFound { .. } => false,
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        ClientError::InvalidInput { message: message.into() }
    }
}
