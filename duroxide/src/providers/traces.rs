//! What a store may keep of traces: the context in which an instance was started, beside it and not in its history.
//!
//! Nothing in here is needed to run anything. Nobody asks for it unless a client or a runtime was given a propagator.

use async_trait::async_trait;

pub use crate::model::trace::{TraceContext, TraceContextError};

use super::{ProviderError, StartOutcome, WorkItem};

/// The half of a store that keeps contexts, reached through
/// [`Provider::as_trace_capability`](super::Provider::as_trace_capability).
///
/// An instance has the context that came first, from before it exists until it is deleted. What was kept for a start
/// that never came gives way to the next: it neither stands in the way of a later start nor of an import.
#[async_trait]
pub trait TraceProvider: Send + Sync {
    /// Enqueues a start and, in the same transaction, keeps its context, unless the instance exists or has one already.
    ///
    /// With `waiting_max` the start is put into the queue as [`enqueue_if_room`](super::Provider::enqueue_if_room) has it,
    /// and without as [`enqueue_start`](super::Provider::enqueue_start) has it; then nothing is kept for one that is not
    /// queued.
    ///
    /// # Errors
    /// As there, and permanent for anything but `StartOrchestration`.
    async fn start_traced(
        &self,
        start: WorkItem,
        waiting_max: Option<usize>,
        trace: &TraceContext,
    ) -> Result<StartOutcome, ProviderError>;

    /// Keeps the contexts of instances that a turn is about to start, except of those that exist or have one already.
    async fn keep_traces(&self, traces: &[(String, TraceContext)]) -> Result<(), ProviderError>;

    /// The context in which an instance was started; `None` when there was none, or what is there cannot be read.
    async fn read_trace(&self, instance: &str) -> Result<Option<TraceContext>, ProviderError>;
}

/// The instance of a start.
pub(crate) fn started(start: &WorkItem) -> Result<&str, ProviderError> {
    match start {
        WorkItem::StartOrchestration { instance, .. } => Ok(instance),
        _ => Err(ProviderError::permanent("start_traced", "expected a StartOrchestration")),
    }
}

/// What became of a start that was put into the queue by one rule or the other.
pub(crate) fn queued(waiting_max: Option<usize>) -> StartOutcome {
    if waiting_max.is_some() { StartOutcome::Uncompared } else { StartOutcome::Queued }
}
