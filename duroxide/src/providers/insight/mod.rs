//! What a store may tell an operator: lists by index, who is there to work, what waits in the queues and why.
//!
//! Nothing in here is needed to run anything. A store that has none of it serves the whole contract all the same.

use std::time::Duration;

use async_trait::async_trait;

pub use crate::model::insight::{
    DEFAULT_PAGE, Durability, HandlerInfo, HandlerSort, HandlerSource, InstanceCursor, InstancePage, InstanceQuery,
    InstanceRow, MAX_PAGE, ParentFilter, Place, PlaceKind, QuarantinedRow, Queue, QueueFigures, QueueOverview,
    QueueRow, RowState, TagsServed, Unserved, WorkerInfo,
};

use super::ProviderError;

pub(crate) mod glance;
pub(crate) mod served;

/// How long a worker may be silent before it is forgotten.
pub(crate) const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The first text behind all that begin with `prefix`, in the order of code points; `None` when there is none.
#[cfg(any(test, feature = "sqlite", feature = "postgres"))]
pub(crate) fn behind_prefix(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

/// The operator's half of a store, reached through
/// [`Provider::as_insight_capability`](super::Provider::as_insight_capability).
///
/// Lists are answered from indexes, never from histories, and are read beside whatever else the store does. The laws
/// for it are `conformance::insight` and `conformance::waiting`.
#[async_trait]
pub trait InsightProvider: Send + Sync {
    /// The instances that match, newest first, a page at a time.
    async fn find_instances(&self, query: &InstanceQuery) -> Result<InstancePage, ProviderError>;

    /// Keeps what a worker says of itself, in the place of what it said before. It counts as alive for `alive_for`
    /// from now by the store's clock; the times in `worker` are not looked at. Forgets workers that have been silent
    /// for a day.
    async fn announce_worker(&self, worker: &WorkerInfo, alive_for: Duration) -> Result<(), ProviderError>;

    /// A worker is still there. `false` when the store does not know it (any more): it must be announced again.
    async fn refresh_worker(&self, worker_id: &str, alive_for: Duration) -> Result<bool, ProviderError>;

    /// Forgets a worker that has ended. Nothing happens when the store does not know it.
    async fn retire_worker(&self, worker_id: &str) -> Result<(), ProviderError>;

    /// All workers that the store knows, those that are alive first, then by node and start.
    async fn list_workers(&self) -> Result<Vec<WorkerInfo>, ProviderError>;

    /// Work that is ready, or will be, and for which no live worker has a handler or serves the tag: most instances
    /// first, at most `limit` (see [`MAX_PAGE`]).
    ///
    /// Running instances are counted, all of them. Of what waits in the queues a store may look at the oldest rows of
    /// each kind and tag only (ours: 10,000): what can be served leaves there, and what cannot gathers.
    async fn list_unserved(&self, limit: usize) -> Result<Vec<Unserved>, ProviderError>;

    /// How much waits where.
    async fn queue_overview(&self) -> Result<QueueOverview, ProviderError>;

    /// Rows of a queue behind the row `after`, ascending, at most `limit` (see [`MAX_PAGE`]).
    async fn list_queue(&self, queue: Queue, after: Option<u64>, limit: usize) -> Result<Vec<QueueRow>, ProviderError>;

    /// All rows of both queues that belong to an instance, ascending in each, at most [`MAX_PAGE`] of each.
    async fn list_rows_of(&self, instance: &str) -> Result<Vec<QueueRow>, ProviderError>;

    /// Rows that could not be read, behind the row `after`, ascending, at most `limit` (see [`MAX_PAGE`]); with
    /// `instance` only its rows.
    async fn list_quarantined(
        &self,
        instance: Option<&str>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<QuarantinedRow>, ProviderError>;

    /// Puts a row back into its queue as it was, to be read by a version that understands it. `false` when there is no
    /// such row.
    ///
    /// # Errors
    /// Permanent, with the row where it is, when it still cannot be read: it would come back at once.
    async fn retry_quarantined(&self, id: u64) -> Result<bool, ProviderError>;

    /// Deletes a row for good. `false` when there is no such row.
    async fn drop_quarantined(&self, id: u64) -> Result<bool, ProviderError>;

    /// Deletes a message that is [parked](RowState::Parked), by its number in the orchestrator queue. `false` when there
    /// is no such row, or it is not parked (any more): what an instance may take is not deleted.
    ///
    /// # Errors
    /// Permanent, with nothing changed, when the store cannot do that. That is what it says by default.
    async fn drop_parked(&self, id: u64) -> Result<bool, ProviderError> {
        let refusal = format!("expected a store that deletes parked messages, found one that cannot delete row {id}");
        Err(ProviderError::permanent("drop_parked", refusal))
    }

    /// What its commits survive, as it was opened here; by default it does not say.
    fn durability(&self) -> Option<Durability> {
        None
    }

    /// Looks through the whole store for what must not be: damage of the database itself, rows that belong to
    /// nothing, what cannot be read, histories without their beginning. One line for each finding, none when all is
    /// well. May take long.
    async fn check_integrity(&self) -> Result<Vec<String>, ProviderError>;
}

#[cfg(test)]
mod tests {
    use super::behind_prefix;

    #[test]
    fn what_is_behind_a_prefix_is_behind_all_that_begin_with_it() {
        // Prefix, and the first text behind.
        for (prefix, expected) in [
            ("", None),
            ("a", Some("b")),
            ("order-", Some("order.")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
        ] {
            assert_eq!(behind_prefix(prefix).as_deref(), expected, "{prefix:?}");
        }
    }
}
