//! Why a heartbeat was not kept.

use crate::model::limits::LimitExceeded;
use crate::providers::ProviderError;

/// Why a heartbeat was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeartbeatError {
    /// Nobody waits for the result any more: the activity was cancelled, or its lease was lost and somebody else runs
    /// it. The activity should stop.
    #[error("nobody waits for the activity any more: it was cancelled, or its lease was lost")]
    Cancelled,
    /// The progress is too large.
    #[error("{0}")]
    TooLarge(#[from] LimitExceeded),
    /// The store has trouble; the next heartbeat may be kept.
    #[error("{0}")]
    Store(ProviderError),
}
