//! What each kind of work fills in of the loop that all slots run.

use std::sync::Arc;

use crate::providers::ProviderError;
use crate::providers::signal::WorkQueue;

/// One kind of work.
pub(crate) trait Processor: Send + Sync + 'static {
    /// What a fetch brings: an item under a lease.
    type Work: Send + 'static;

    /// The queue it comes from.
    const QUEUE: WorkQueue;

    /// Takes the next item under a lease, if there is one. May be dropped at any await.
    fn fetch(&self, worker_id: &Arc<str>) -> impl Future<Output = Result<Option<Self::Work>, ProviderError>> + Send;

    /// Does the work and commits it, or gives it back. Is never dropped but by an abort.
    fn process(&self, worker_id: &Arc<str>, work: Self::Work) -> impl Future<Output = ()> + Send;
}
