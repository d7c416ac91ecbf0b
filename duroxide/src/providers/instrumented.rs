//! Any provider, measured.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::express::{ActivityRequest, Commit, Committed, FetchedActivity, FetchedTurn, Handover, Head, TurnRequest};
use super::traces::TraceContext;
use super::transaction::{OpenTransaction, TransactionError, TransactionProvider, TransactionWork, Within};
use super::{
    ActivityProgress, DispatcherCapabilityFilter, Event, ExecutionMetadata, ExpressProvider, InsightProvider,
    OrchestrationItem, Provider, ProviderAdmin, ProviderError, ScheduledActivityIdentifier, SessionFetchConfig,
    StartOutcome, SystemStats, TagFilter, TraceProvider, TransferStore, WorkItem, WorkSignal,
};
use crate::model::status::OrchestrationStatus;
use crate::observe::MetricsProvider;

/// A provider that delegates to another one and measures the operations a runtime spends its time in.
pub struct InstrumentedProvider {
    inner: Arc<dyn Provider>,
    metrics: Option<Arc<MetricsProvider>>,
}

/// Kinds of store errors, by the first of these words that the text contains. Only a label hangs on it, no decision.
const ERROR_TYPES: [&str; 3] = ["deadlock", "timeout", "connection"];

impl InstrumentedProvider {
    /// Measures `inner`; without `metrics` it only delegates.
    pub fn new(inner: Arc<dyn Provider>, metrics: Option<Arc<MetricsProvider>>) -> Self {
        InstrumentedProvider { inner, metrics }
    }

    fn transactions(&self) -> Result<&dyn TransactionProvider, ProviderError> {
        let missing = || ProviderError::permanent("transaction", "the store behind it has no transactions");
        self.inner.as_transaction_capability().ok_or_else(missing)
    }

    fn express(&self) -> Result<&dyn ExpressProvider, ProviderError> {
        let missing = || ProviderError::permanent("express", "the store behind it has no express capability");
        self.inner.as_express_capability().ok_or_else(missing)
    }

    async fn timed<T>(
        &self,
        operation: &str,
        call: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<T, ProviderError> {
        let Some(metrics) = &self.metrics else {
            return call.await;
        };
        let began = Instant::now();
        let result = call.await;
        record(metrics, operation, began, result.as_ref().err());
        result
    }
}

fn record(metrics: &MetricsProvider, operation: &str, began: Instant, error: Option<&ProviderError>) {
    let status = if error.is_none() { "success" } else { "error" };
    metrics.record_provider_operation(operation, began.elapsed().as_secs_f64(), status);
    if let Some(error) = error {
        metrics.record_provider_error(operation, error_type(&error.message));
    }
}

fn error_type(message: &str) -> &'static str {
    ERROR_TYPES.into_iter().find(|word| message.contains(word)).unwrap_or("other")
}

#[async_trait]
impl Provider for InstrumentedProvider {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn version(&self) -> &str {
        self.inner.version()
    }

    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        let call = self.inner.fetch_orchestration_item(lock_timeout, poll_timeout, filter);
        self.timed("fetch_orchestration_item", call).await
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
        let call = self.inner.ack_orchestration_item(
            lock_token,
            execution_id,
            history_delta,
            worker_items,
            orchestrator_items,
            metadata,
            cancelled_activities,
        );
        self.timed("ack_orchestration_item", call).await
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        self.inner.abandon_orchestration_item(lock_token, delay, ignore_attempt).await
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.timed("read", self.inner.read(instance)).await
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        self.inner.read_with_execution(instance, execution_id).await
    }

    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Result<(), ProviderError> {
        self.inner.append_with_execution(instance, execution_id, new_events).await
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError> {
        self.inner.enqueue_for_worker(item).await
    }

    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError> {
        let call = self.inner.fetch_work_item(lock_timeout, poll_timeout, session, tag_filter);
        self.timed("fetch_work_item", call).await
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        self.timed("ack_work_item", self.inner.ack_work_item(token, completion)).await
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.inner.renew_work_item_lock(token, extend_for).await
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        let call = self.inner.renew_session_lock(owner_ids, extend_for, idle_timeout);
        self.timed("renew_session_lock", call).await
    }

    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Result<usize, ProviderError> {
        let call = self.inner.cleanup_orphaned_sessions(idle_timeout);
        self.timed("cleanup_orphaned_sessions", call).await
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        self.inner.abandon_work_item(token, delay, ignore_attempt).await
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.inner.renew_orchestration_item_lock(token, extend_for).await
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        let call = self.inner.enqueue_for_orchestrator(item, delay);
        self.timed("enqueue_orchestrator", call).await
    }

    async fn enqueue_start(&self, item: WorkItem) -> Result<StartOutcome, ProviderError> {
        self.timed("enqueue_orchestrator", self.inner.enqueue_start(item)).await
    }

    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        self.inner.as_management_capability()
    }

    fn as_express_capability(&self) -> Option<&dyn ExpressProvider> {
        self.inner.as_express_capability().map(|_| self as &dyn ExpressProvider)
    }

    fn as_transaction_capability(&self) -> Option<&dyn TransactionProvider> {
        self.inner.as_transaction_capability().map(|_| self as &dyn TransactionProvider)
    }

    fn as_insight_capability(&self) -> Option<&dyn InsightProvider> {
        self.inner.as_insight_capability()
    }

    fn as_trace_capability(&self) -> Option<&dyn TraceProvider> {
        self.inner.as_trace_capability()
    }

    fn as_transfer_capability(&self) -> Option<&dyn TransferStore> {
        self.inner.as_transfer_capability()
    }

    fn work_signal(&self) -> Option<Arc<WorkSignal>> {
        self.inner.work_signal()
    }

    async fn get_status(&self, instance: &str) -> Result<OrchestrationStatus, ProviderError> {
        // It takes the place of a read.
        self.timed("read", self.inner.get_status(instance)).await
    }

    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        self.inner.get_custom_status(instance, last_seen_version).await
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        self.inner.get_kv_value(instance, key).await
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        self.inner.get_kv_all_values(instance).await
    }

    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        self.inner.get_instance_stats(instance).await
    }

    async fn enqueue_if_room(
        &self,
        item: WorkItem,
        delay: Option<Duration>,
        waiting_max: usize,
    ) -> Result<(), ProviderError> {
        self.timed("enqueue_orchestrator", self.inner.enqueue_if_room(item, delay, waiting_max)).await
    }

    async fn activity_fence(&self, token: &str) -> Result<Option<u64>, ProviderError> {
        self.inner.activity_fence(token).await
    }

    async fn heartbeat_work_item(&self, token: &str, progress: &str) -> Result<bool, ProviderError> {
        self.inner.heartbeat_work_item(token, progress).await
    }

    async fn read_progress(&self, instance: &str) -> Result<Vec<ActivityProgress>, ProviderError> {
        self.inner.read_progress(instance).await
    }
}

/// Named as the required operations that these take the place of, so that a dashboard need not know the difference.
#[async_trait]
impl ExpressProvider for InstrumentedProvider {
    async fn fetch_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError> {
        self.timed("fetch_orchestration_item", self.express()?.fetch_turns(request)).await
    }

    /// Not timed: it waits for work, and not for the store.
    async fn await_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError> {
        self.express()?.await_turns(request).await
    }

    async fn fetch_activities(&self, request: ActivityRequest) -> Result<Vec<FetchedActivity>, ProviderError> {
        self.timed("fetch_work_item", self.express()?.fetch_activities(request)).await
    }

    async fn commit_turn(
        &self,
        lock_token: &str,
        base: Head,
        commit: Commit,
        handover: Handover,
    ) -> Result<Committed, ProviderError> {
        self.timed("ack_orchestration_item", self.express()?.commit_turn(lock_token, base, commit, handover)).await
    }

    async fn complete_with_turn(
        &self,
        activity_tokens: &[String],
        instance: &str,
        base: Head,
        commit: Commit,
        handover: Handover,
    ) -> Result<Option<Committed>, ProviderError> {
        let began = Instant::now();
        let committed = self.express()?.complete_with_turn(activity_tokens, instance, base, commit, handover).await;
        if let Some(metrics) = &self.metrics {
            // One commit in the place of several. Where it is not to be had they follow, and are measured then.
            let turn = if matches!(committed, Ok(None)) { None } else { Some("ack_orchestration_item") };
            let acked = if matches!(committed, Ok(Some(_))) { activity_tokens.len() } else { 0 };
            for operation in turn.into_iter().chain(std::iter::repeat_n("ack_work_item", acked)) {
                record(metrics, operation, began, committed.as_ref().err());
            }
        }
        committed
    }
}

/// Clients' calls are not measured here: a client has the store itself. How long an activity takes is no matter of the
/// store's.
#[async_trait]
impl TransactionProvider for InstrumentedProvider {
    async fn enqueue_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
        waiting_max: usize,
    ) -> Result<(), TransactionError> {
        self.transactions()?.enqueue_in(tx, item, waiting_max).await
    }

    async fn enqueue_start_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
    ) -> Result<StartOutcome, TransactionError> {
        self.transactions()?.enqueue_start_in(tx, item).await
    }

    async fn start_traced_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
        trace: &TraceContext,
    ) -> Result<StartOutcome, TransactionError> {
        self.transactions()?.start_traced_in(tx, item, trace).await
    }

    async fn complete_within(&self, token: &str, work: &mut dyn TransactionWork) -> Result<Within, ProviderError> {
        self.transactions()?.complete_within(token, work).await
    }
}

#[cfg(test)]
mod tests {
    use super::error_type;

    #[test]
    fn a_known_word_names_the_error() {
        assert_eq!(error_type("connection timeout"), "timeout");
        assert_eq!(error_type("connection refused"), "connection");
        assert_eq!(error_type("Deadlock"), "other");
    }
}
