//! What each kind of work fills in of the loop that all slots run.

use std::sync::Arc;

use super::supply::Supply;
use crate::providers::ProviderError;
use crate::providers::signal::WorkQueue;

/// One kind of work.
pub(crate) trait Processor: Send + Sync + 'static {
    /// What a fetch brings: an item under a lease.
    type Work: Send + 'static;

    /// What is left to be stored when user code has run.
    type Done: Weigh + Send + 'static;

    /// The queue it comes from.
    const QUEUE: WorkQueue;

    /// What was fetched for all slots together.
    fn supply(&self) -> &Arc<Supply<Self::Work>>;

    /// Takes the next item under a lease, if there is one. May be dropped at any await.
    fn fetch(&self, worker_id: &Arc<str>) -> impl Future<Output = Result<Option<Self::Work>, ProviderError>> + Send;

    /// Waits for work that is handed over in the moment in which it is there. Never returns where nobody hands any over;
    /// `None` when it came to nothing. May be dropped at any await.
    fn stand(&self) -> impl Future<Output = Option<Self::Work>> + Send;

    /// Does the work. `None` when it was given back or needed no code, and everything is stored.
    fn process(&self, worker_id: &Arc<str>, work: Self::Work) -> impl Future<Output = Option<Self::Done>> + Send;

    /// Stores what was done. The slot may be busy with the next item meanwhile: a slot bounds how much user code
    /// runs at once, not how many commits wait for the disk together.
    fn commit(&self, done: Self::Done) -> impl Future<Output = ()> + Send;

    /// Gives back what was fetched and not begun.
    fn give_back(&self, work: Self::Work) -> impl Future<Output = ()> + Send;
}

/// How much memory a commit holds while it waits.
pub(crate) trait Weigh {
    /// Bytes of payload, roughly.
    fn weight(&self) -> usize;
}
