//! The contract in plain maps: for tests and simulation, and the model that other stores are compared with.

mod ack;
mod admin;
mod express;
mod fetch;
mod heartbeat;
mod history;
mod insight;
mod kv;
mod prune;
mod queue;
mod rings;
mod session;
mod start;
mod tables;
#[cfg(test)]
mod tests;
mod traces;
mod waiting;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use self::tables::Tables;
use super::error::ProviderError;
use super::management::{
    DeleteInstanceResult, ExecutionInfo, InstanceFilter, InstanceInfo, InstanceTree, ProviderAdmin, PruneOptions,
    PruneResult, QueueDepths, SystemMetrics,
};
use super::signal::WorkSignal;
use super::{
    ActivityProgress, DispatcherCapabilityFilter, Event, ExecutionMetadata, InsightProvider, OrchestrationItem,
    Provider, ScheduledActivityIdentifier, SessionFetchConfig, StartOutcome, SystemStats, TagFilter, TraceProvider,
    WorkItem,
};
use crate::clock;
use crate::model::VERSION;
use crate::model::commit::Commit;

/// The name in logs, and the owner of its leases: one object is one incarnation.
const NAME: &str = "memory";

/// Milliseconds since the Unix epoch, by whatever clock a test prefers.
type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A store that lives as long as the object: for tests, examples and simulation.
///
/// It fulfils the whole contract but durability. Empty queues answer at once; [`Provider::work_signal`] tells when to
/// look again.
pub struct MemoryProvider {
    /// Never held across an await.
    tables: Mutex<Tables>,
    clock: Clock,
    signal: Arc<WorkSignal>,
}

impl Default for MemoryProvider {
    fn default() -> Self {
        MemoryProvider::new()
    }
}

impl std::fmt::Debug for MemoryProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryProvider").finish_non_exhaustive()
    }
}

impl MemoryProvider {
    /// An empty store on the wall clock.
    pub fn new() -> Self {
        MemoryProvider::with_clock(Arc::new(clock::now_ms))
    }

    /// An empty store on another clock, which returns milliseconds since the Unix epoch: for virtual time.
    #[doc(hidden)]
    pub fn with_clock(clock: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        MemoryProvider { tables: Mutex::default(), clock, signal: Arc::new(WorkSignal::new()) }
    }

    /// One look, or one transaction: what `act` does is seen by others all at once, then those who wait are told.
    fn with<T>(&self, act: impl FnOnce(&mut Tables, u64) -> T) -> T {
        let now_ms = (self.clock)();
        // A panic inside would be a bug of ours; what is there is still what was committed.
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = act(&mut tables, now_ms);
        let rings = std::mem::take(&mut tables.rings);
        drop(tables);
        rings.ring(&self.signal, now_ms);
        outcome
    }
}

/// Damage and inspection, for tests of what a store does with rows that it cannot read.
#[cfg(any(test, feature = "provider-test"))]
#[doc(hidden)]
impl MemoryProvider {
    /// Makes all history of an instance unreadable.
    pub fn corrupt_history(&self, instance: &str) {
        self.with(|tables, _| {
            let executions = tables.history.get_mut(instance).into_iter().flatten();
            for text in executions.flat_map(|(_, events)| events.values_mut()) {
                "{not json".clone_into(text);
            }
        });
    }

    /// Puts any text in the place of one event.
    pub fn replace_event(&self, instance: &str, execution_id: u64, event_id: u64, text: &str) {
        self.with(|tables, _| {
            let executions = tables.history.entry(instance.to_owned()).or_default();
            let events = executions.entry(execution_id).or_default();
            events.insert(event_id, text.to_owned());
        });
    }

    /// Puts any text into the orchestrator queue.
    pub fn enqueue_text(&self, instance: &str, text: &str) {
        self.with(|tables, now_ms| {
            let kind = tables::MessageKind::Other;
            tables.push_text(instance.to_owned(), text.to_owned(), kind, now_ms, now_ms);
        });
    }

    /// Puts any text in the place of an activity.
    pub fn replace_activity(&self, activity_id: u64, text: &str) {
        self.with(|tables, _| {
            let is_it = |row: &&mut tables::ActivityRow| {
                row.identity.as_ref().is_some_and(|identity| identity.activity_id == activity_id)
            };
            for row in tables.activities.values_mut().filter(is_it) {
                text.clone_into(&mut row.text);
            }
        });
    }

    /// Rows that could not be read and were put aside.
    pub fn quarantined(&self) -> Vec<String> {
        self.with(|tables, _| tables.quarantine.values().map(|row| row.body.clone()).collect())
    }

    /// The highest attempt count among the messages of an instance.
    pub fn max_attempt_count(&self, instance: &str) -> u32 {
        self.with(|tables, _| tables.max_attempt_count(instance))
    }
}

#[async_trait]
impl Provider for MemoryProvider {
    fn name(&self) -> &str {
        NAME
    }

    fn version(&self) -> &str {
        VERSION
    }

    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        _poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        Ok(self.with(|tables, now_ms| tables.fetch(lock_timeout, filter, now_ms)))
    }

    async fn ack_orchestration_item(
        &self,
        lock_token: &str,
        execution_id: u64,
        history_delta: Vec<Event>,
        worker_items: Vec<WorkItem>,
        orchestrator_items: Vec<WorkItem>,
        metadata: ExecutionMetadata,
        cancelled_activities: Vec<ScheduledActivityIdentifier>,
    ) -> Result<(), ProviderError> {
        let commit = Commit {
            execution_id,
            delta: history_delta,
            worker_items,
            orchestrator_items,
            metadata,
            cancelled_activities,
        };
        self.with(|tables, now_ms| tables.ack(lock_token, commit, now_ms))
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        self.with(|tables, now_ms| tables.abandon(lock_token, delay, ignore_attempt, now_ms))
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.with(|tables, _| tables.read("read", instance, tables.latest_execution_id(instance)))
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        self.with(|tables, _| tables.read("read_with_execution", instance, execution_id))
    }

    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Result<(), ProviderError> {
        self.with(|tables, _| {
            let rows = tables.check_append("append_with_execution", instance, execution_id, &new_events)?;
            tables.append(instance, execution_id, rows);
            Ok(())
        })
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError> {
        self.with(|tables, now_ms| tables.push_activity(&item, now_ms));
        Ok(())
    }

    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        _poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError> {
        Ok(self.with(|tables, now_ms| tables.fetch_activity(lock_timeout, session, tag_filter, now_ms)))
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        self.with(|tables, now_ms| tables.ack_activity(token, completion.as_ref(), now_ms))
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.with(|tables, now_ms| tables.renew_activity(token, extend_for, now_ms))
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        Ok(self.with(|tables, now_ms| tables.renew_sessions(owner_ids, extend_for, idle_timeout, now_ms)))
    }

    async fn cleanup_orphaned_sessions(&self, _idle_timeout: Duration) -> Result<usize, ProviderError> {
        Ok(self.with(|tables, now_ms| tables.cleanup_sessions(now_ms)))
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        self.with(|tables, now_ms| tables.abandon_activity(token, delay, ignore_attempt, now_ms))
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.with(|tables, now_ms| tables.renew(token, extend_for, now_ms))
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        self.with(|tables, now_ms| tables.enqueue(&item, delay, now_ms))
    }

    async fn enqueue_start(&self, item: WorkItem) -> Result<StartOutcome, ProviderError> {
        self.with(|tables, now_ms| tables.start(&item, now_ms))
    }

    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        Some(self)
    }

    fn as_insight_capability(&self) -> Option<&dyn InsightProvider> {
        Some(self)
    }

    fn as_trace_capability(&self) -> Option<&dyn TraceProvider> {
        Some(self)
    }

    fn work_signal(&self) -> Option<Arc<WorkSignal>> {
        Some(Arc::clone(&self.signal))
    }

    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        Ok(self.with(|tables, _| {
            let row = tables.instances.get(instance)?;
            let newer = row.custom_status_version > last_seen_version;
            newer.then(|| (row.custom_status.clone(), row.custom_status_version))
        }))
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        Ok(self.with(|tables, _| tables.merged_values(instance).get(key).map(|value| (*value).to_owned())))
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        Ok(self.with(|tables, _| {
            let merged = tables.merged_values(instance).into_iter();
            merged.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        }))
    }

    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        self.with(|tables, _| tables.stats(instance))
    }

    async fn enqueue_if_room(
        &self,
        item: WorkItem,
        delay: Option<Duration>,
        waiting_max: usize,
    ) -> Result<(), ProviderError> {
        self.with(|tables, now_ms| {
            tables.check_room(&item, waiting_max)?;
            tables.enqueue(&item, delay, now_ms)
        })
    }

    async fn activity_fence(&self, token: &str) -> Result<Option<u64>, ProviderError> {
        self.with(|tables, now_ms| tables.activity_fence(token, now_ms)).map(Some)
    }

    async fn heartbeat_work_item(&self, token: &str, progress: &str) -> Result<bool, ProviderError> {
        self.with(|tables, now_ms| tables.heartbeat(token, progress, now_ms)).map(|()| true)
    }

    async fn read_progress(&self, instance: &str) -> Result<Vec<ActivityProgress>, ProviderError> {
        Ok(self.with(|tables, _| tables.progress(instance)))
    }
}

#[async_trait]
impl ProviderAdmin for MemoryProvider {
    async fn list_instances(&self) -> Result<Vec<String>, ProviderError> {
        Ok(self.with(|tables, _| tables.list(|_| true)))
    }

    async fn list_instances_by_status(&self, status: &str) -> Result<Vec<String>, ProviderError> {
        Ok(self.with(|tables, _| tables.list(|id| tables.status(id) == status)))
    }

    async fn list_executions(&self, instance: &str) -> Result<Vec<u64>, ProviderError> {
        Ok(self.with(|tables, _| {
            let rows = tables.executions.get(instance).into_iter().flatten();
            rows.map(|(execution_id, _)| *execution_id).collect()
        }))
    }

    async fn read_history_with_execution_id(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<Vec<Event>, ProviderError> {
        self.with(|tables, _| tables.read("read_history_with_execution_id", instance, execution_id))
    }

    async fn read_history(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.with(|tables, _| tables.read("read_history", instance, tables.latest_execution_id(instance)))
    }

    async fn latest_execution_id(&self, instance: &str) -> Result<u64, ProviderError> {
        Ok(self.with(|tables, _| tables.latest_execution_id(instance)))
    }

    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ProviderError> {
        self.with(|tables, _| tables.instance_info(instance))
    }

    async fn get_execution_info(&self, instance: &str, execution_id: u64) -> Result<ExecutionInfo, ProviderError> {
        self.with(|tables, _| tables.execution_info(instance, execution_id))
    }

    async fn get_system_metrics(&self) -> Result<SystemMetrics, ProviderError> {
        Ok(self.with(|tables, _| tables.system_metrics()))
    }

    async fn get_queue_depths(&self) -> Result<QueueDepths, ProviderError> {
        Ok(self.with(|tables, now_ms| tables.queue_depths(now_ms)))
    }

    async fn list_children(&self, instance_id: &str) -> Result<Vec<String>, ProviderError> {
        Ok(self.with(|tables, _| tables.children(instance_id)))
    }

    async fn get_parent_id(&self, instance_id: &str) -> Result<Option<String>, ProviderError> {
        self.with(|tables, _| {
            let row = tables.instance("get_parent_id", instance_id)?;
            Ok(row.parent.clone())
        })
    }

    async fn delete_instances_atomic(
        &self,
        ids: &[String],
        force: bool,
    ) -> Result<DeleteInstanceResult, ProviderError> {
        self.with(|tables, now_ms| tables.delete(ids, force, now_ms))
    }

    async fn get_instance_tree(&self, instance_id: &str) -> Result<InstanceTree, ProviderError> {
        let all_ids = self.with(|tables, _| tables.tree(instance_id));
        Ok(InstanceTree { root_id: instance_id.to_owned(), all_ids })
    }

    async fn delete_instance_bulk(&self, filter: InstanceFilter) -> Result<DeleteInstanceResult, ProviderError> {
        self.with(|tables, now_ms| tables.delete_bulk(&filter, now_ms))
    }

    async fn prune_executions(&self, instance_id: &str, options: PruneOptions) -> Result<PruneResult, ProviderError> {
        self.with(|tables, _| tables.prune(instance_id, &options))
    }

    async fn prune_executions_bulk(
        &self,
        filter: InstanceFilter,
        options: PruneOptions,
    ) -> Result<PruneResult, ProviderError> {
        self.with(|tables, _| tables.prune_bulk(&filter, &options))
    }
}
