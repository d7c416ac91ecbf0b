//! The storage contract: one trait, and the stores that fulfil it.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::status::{OrchestrationStatus, Stand};

pub mod encoded;
pub mod error;
pub mod express;
pub mod insight;
pub mod instrumented;
mod legacy;
pub mod management;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
pub(crate) mod running;
pub mod signal;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod traces;
pub mod transaction;
pub mod transfer;
pub(crate) mod unreadable;

pub use crate::model::commit::ExecutionMetadata;
pub use crate::model::event::{Event, EventKind};
pub use crate::model::filter::{
    DispatcherCapabilityFilter, SemverRange, SessionFetchConfig, TagFilter, current_build_version,
};
pub use crate::model::info::ActivityProgress;
pub use crate::model::item::{KvEntry, OrchestrationItem, ScheduledActivityIdentifier};
pub use crate::model::limits::{MAX_TAG_NAME_BYTES, MAX_WORKER_TAGS};
pub use crate::model::start::StartOutcome;
pub use crate::model::stats::SystemStats;
pub use crate::model::work_item::WorkItem;
pub use error::ProviderError;
pub use express::ExpressProvider;
pub use insight::InsightProvider;
pub use management::{
    DeleteInstanceResult, ExecutionInfo, InstanceFilter, InstanceInfo, InstanceTree, ManagementProvider, ProviderAdmin,
    PruneOptions, PruneResult, QueueDepths, SystemMetrics,
};
pub use signal::WorkSignal;
pub use traces::TraceProvider;
pub use transaction::TransactionProvider;
pub use transfer::TransferStore;

/// A store: histories, queues and leases.
///
/// A store keeps what it is given and invents no event or execution ids. Times are wall-clock milliseconds since the
/// Unix epoch. Errors say whether the same call may work later: trouble with locks, I/O or connections is retryable;
/// a bad token, a duplicate event, an unknown id or unreadable data is permanent.
///
/// Methods with a default are built from the required ones, so that a wrapper that forwards only those keeps working.
#[async_trait]
pub trait Provider: Any + Send + Sync {
    /// Short name for logs.
    fn name(&self) -> &str {
        "unknown"
    }

    /// Version for logs.
    fn version(&self) -> &str {
        "0.0.0"
    }

    /// Leases the instance of the earliest visible message and takes all its visible messages as one batch.
    ///
    /// Returns the item, the lease token and the highest attempt count of the batch (1 on the first fetch). `None`
    /// when no instance is eligible under `filter`. May wait for work up to `poll_timeout`.
    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError>;

    /// Commits one turn, all or nothing: deletes the batch, appends `history_delta`, enqueues, updates the instance
    /// and execution rows, removes cancelled activities, releases the lease.
    ///
    /// # Errors
    /// Permanent, and nothing changes, when the token is unknown, superseded or expired, or an event id is 0 or taken.
    #[allow(clippy::too_many_arguments, reason = "the signature is a promise to stores written by others")]
    async fn ack_orchestration_item(
        &self,
        lock_token: &str,
        execution_id: u64,
        history_delta: Vec<Event>,
        worker_items: Vec<WorkItem>,
        orchestrator_items: Vec<WorkItem>,
        metadata: ExecutionMetadata,
        cancelled_activities: Vec<ScheduledActivityIdentifier>,
    ) -> Result<(), ProviderError>;

    /// Gives a fetched batch back, hidden for `delay`; with `ignore_attempt` the attempt does not count.
    ///
    /// # Errors
    /// Permanent when the token is unknown.
    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError>;

    /// Events of the newest execution, ascending; empty for an unknown instance.
    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError>;

    /// Events of one execution, ascending; empty when there is none.
    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError>;

    /// Appends events without a lease, to set up tests.
    ///
    /// # Errors
    /// Permanent when an event id is 0 or taken.
    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Result<(), ProviderError>;

    /// Enqueues an activity, visible now.
    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError>;

    /// Leases the earliest visible activity that passes the session and tag rules.
    ///
    /// Returns the item, the lease token and its attempt count. May wait for work up to `poll_timeout`.
    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError>;

    /// Removes a leased activity and, in the same transaction, enqueues its completion if there is one.
    ///
    /// # Errors
    /// Permanent, and nothing changes, when no row holds the token or its lease expired.
    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError>;

    /// Extends a live lease to now + `extend_for`.
    ///
    /// # Errors
    /// Permanent when the row is gone (cancelled or acked), the token is wrong or the lease expired.
    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError>;

    /// Extends the live sessions of these owners that were active within `idle_timeout`; returns how many.
    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError>;

    /// Deletes expired sessions that no activity refers to; returns how many.
    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Result<usize, ProviderError>;

    /// Gives a leased activity back, hidden for `delay`; with `ignore_attempt` the attempt does not count.
    ///
    /// # Errors
    /// Permanent when the token is unknown.
    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError>;

    /// Extends a live lease to now + `extend_for`.
    ///
    /// # Errors
    /// Permanent when the token is unknown or acked, or the lease expired.
    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError>;

    /// Enqueues a message for an instance, visible after `delay`. Creates no instance.
    ///
    /// # Errors
    /// Permanent for `ActivityExecute`, which belongs to the worker queue.
    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError>;

    /// Enqueues the start of a root orchestration unless its id is taken. In one transaction the start is compared, by
    /// orchestration and input, with the first event of the instance or with a start that is queued for it. When the
    /// first execution was pruned, the orchestration alone is compared.
    ///
    /// A store that does not implement this enqueues the start uncompared.
    ///
    /// # Errors
    /// Permanent for anything but `StartOrchestration`.
    async fn enqueue_start(&self, item: WorkItem) -> Result<StartOutcome, ProviderError> {
        if !matches!(item, WorkItem::StartOrchestration { .. }) {
            return Err(ProviderError::permanent("enqueue_start", "expected a StartOrchestration"));
        }
        self.enqueue_for_orchestrator(item, None).await?;
        Ok(StartOutcome::Uncompared)
    }

    /// The administrator's half of the contract, if the store has it.
    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        None
    }

    /// The quick half, if the store has it: dispatchers then use it instead of the required methods it stands for.
    fn as_express_capability(&self) -> Option<&dyn ExpressProvider> {
        None
    }

    /// The transactional half, if the store has it: users' transactions may start and signal orchestrations, and
    /// activities may write in one transaction with their completions.
    fn as_transaction_capability(&self) -> Option<&dyn TransactionProvider> {
        None
    }

    /// The half that keeps the trace contexts of instances, if the store has it.
    fn as_trace_capability(&self) -> Option<&dyn TraceProvider> {
        None
    }

    /// The operator's half, if the store has it: lists by index, workers, what waits in the queues.
    fn as_insight_capability(&self) -> Option<&dyn InsightProvider> {
        None
    }

    /// What the store needs to be copied to another one, if it has it.
    fn as_transfer_capability(&self) -> Option<&dyn TransferStore> {
        None
    }

    /// A signal that fires when this process made work ready, so that dispatchers need not wait for the next poll.
    ///
    /// A hint only: dispatchers poll all the same. `None` when the store cannot tell.
    fn work_signal(&self) -> Option<Arc<WorkSignal>> {
        None
    }

    /// Where an instance stands. By default its history is read; a store does better that finds its end without.
    ///
    /// # Errors
    /// When history could not be read.
    async fn get_status(&self, instance: &str) -> Result<OrchestrationStatus, ProviderError> {
        let stand = Stand::of(&self.read(instance).await?);
        if stand == Stand::NotFound {
            return Ok(OrchestrationStatus::NotFound);
        }
        // A status without its custom half is better than none.
        let (custom_status, version) = self.get_custom_status(instance, 0).await.ok().flatten().unwrap_or_default();
        Ok(stand.with_custom_status(custom_status, version))
    }

    /// The custom status and its version, if the version is above `last_seen_version`; `None` otherwise.
    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError>;

    /// One key-value, changes of the running execution included.
    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError>;

    /// All key-values, changes of the running execution included.
    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError>;

    /// Sizes of the current execution; `None` for an unknown instance.
    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError>;

    /// [`enqueue_for_orchestrator`](Self::enqueue_for_orchestrator), unless `waiting_max` messages or more wait for
    /// the instance already.
    ///
    /// By default every message is taken: the store cannot tell cheaply.
    ///
    /// # Errors
    /// As there, and retryable when there are so many.
    async fn enqueue_if_room(
        &self,
        item: WorkItem,
        delay: Option<Duration>,
        _waiting_max: usize,
    ) -> Result<(), ProviderError> {
        self.enqueue_for_orchestrator(item, delay).await
    }

    /// The fencing token of a live lease on an activity: greater than that of every lease on it before. It survives a
    /// crash from the moment it is told.
    ///
    /// `None`, the default, when the store cannot tell.
    ///
    /// # Errors
    /// Permanent when the row is gone, the token is wrong or the lease expired.
    async fn activity_fence(&self, _token: &str) -> Result<Option<u64>, ProviderError> {
        Ok(None)
    }

    /// Keeps what a leased activity says of its progress, in the place of what it said before. The lease is not
    /// extended. What was said is gone with the activity, and may be lost by a power cut.
    ///
    /// `false`, the default, when the store has no place for it.
    ///
    /// # Errors
    /// Permanent when the row is gone (cancelled or acked), the token is wrong or the lease expired.
    async fn heartbeat_work_item(&self, _token: &str, _progress: &str) -> Result<bool, ProviderError> {
        Ok(false)
    }

    /// What the activities of an instance that have not ended said of their progress, ascending by execution and
    /// schedule event; empty when they said nothing, by default, and for an unknown instance.
    async fn read_progress(&self, _instance: &str) -> Result<Vec<ActivityProgress>, ProviderError> {
        Ok(Vec::new())
    }
}
