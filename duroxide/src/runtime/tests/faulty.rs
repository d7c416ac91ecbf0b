//! A store that fails on request.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use crate::providers::insight::*;
use crate::providers::memory::MemoryProvider;
use crate::providers::traces::TraceContext;
use crate::providers::*;

/// What happens instead of an operation.
pub(super) enum Fault {
    Error(ProviderError),
    /// The operation happens, but the caller sees an error.
    After(ProviderError),
    /// The operation happens this much later.
    Slow(Duration),
    Panic,
}

pub(super) struct Faulty {
    inner: Arc<MemoryProvider>,
    faults: Mutex<HashMap<&'static str, VecDeque<Fault>>>,
    calls: Mutex<Vec<String>>,
    /// Whether the quick half of the store is there, which never fails.
    is_quick: bool,
    /// Tells in its place what there is to do.
    signal: Option<Arc<WorkSignal>>,
}

pub(super) fn busy() -> Fault {
    Fault::Error(ProviderError::retryable("test", "busy"))
}

pub(super) fn refused() -> Fault {
    Fault::Error(ProviderError::permanent("test", "refused"))
}

impl Faulty {
    pub(super) fn new(faults: impl IntoIterator<Item = (&'static str, Vec<Fault>)>) -> Arc<Self> {
        Arc::new(Faulty {
            inner: super::store(),
            faults: Mutex::new(faults.into_iter().map(|(name, faults)| (name, faults.into())).collect()),
            calls: Mutex::default(),
            is_quick: false,
            signal: None,
        })
    }

    /// A store that never fails, and says by `signal` what there is to do.
    pub(super) fn told_by(signal: Arc<WorkSignal>) -> Arc<Self> {
        let faults = Mutex::default();
        let calls = Mutex::default();
        Arc::new(Faulty { inner: super::store(), faults, calls, is_quick: false, signal: Some(signal) })
    }

    /// A store that never fails and has a quick half.
    pub(super) fn quick() -> Arc<Self> {
        let faults = Mutex::default();
        let calls = Mutex::default();
        Arc::new(Faulty { inner: super::store(), faults, calls, is_quick: true, signal: None })
    }

    pub(super) fn calls(&self, operation: &str) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|call| call.starts_with(operation)).cloned().collect()
    }

    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    async fn through<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<T, ProviderError> {
        let fault = self.faults.lock().unwrap().get_mut(operation).and_then(VecDeque::pop_front);
        match fault {
            None => call.await,
            Some(Fault::Error(error)) => Err(error),
            Some(Fault::After(error)) => {
                call.await?;
                Err(error)
            }
            Some(Fault::Slow(by)) => {
                tokio::time::sleep(by).await;
                call.await
            }
            Some(Fault::Panic) => panic!("planted in {operation}"),
        }
    }
}

/// Only what runtimes say of themselves can fail.
#[async_trait]
impl InsightProvider for Faulty {
    async fn find_instances(&self, query: &InstanceQuery) -> Result<InstancePage, ProviderError> {
        self.inner.find_instances(query).await
    }

    async fn announce_worker(&self, worker: &WorkerInfo, alive_for: Duration) -> Result<(), ProviderError> {
        self.through("announce_worker", self.inner.announce_worker(worker, alive_for)).await
    }

    async fn refresh_worker(&self, worker_id: &str, alive_for: Duration) -> Result<bool, ProviderError> {
        self.through("refresh_worker", self.inner.refresh_worker(worker_id, alive_for)).await
    }

    async fn retire_worker(&self, worker_id: &str) -> Result<(), ProviderError> {
        self.through("retire_worker", self.inner.retire_worker(worker_id)).await
    }

    async fn list_workers(&self) -> Result<Vec<WorkerInfo>, ProviderError> {
        self.inner.list_workers().await
    }

    async fn list_unserved(&self, limit: usize) -> Result<Vec<Unserved>, ProviderError> {
        self.inner.list_unserved(limit).await
    }

    async fn queue_overview(&self) -> Result<QueueOverview, ProviderError> {
        self.inner.queue_overview().await
    }

    async fn list_queue(&self, queue: Queue, after: Option<u64>, limit: usize) -> Result<Vec<QueueRow>, ProviderError> {
        self.inner.list_queue(queue, after, limit).await
    }

    async fn list_rows_of(&self, instance: &str) -> Result<Vec<QueueRow>, ProviderError> {
        self.inner.list_rows_of(instance).await
    }

    async fn list_quarantined(
        &self,
        instance: Option<&str>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<QuarantinedRow>, ProviderError> {
        self.inner.list_quarantined(instance, after, limit).await
    }

    async fn retry_quarantined(&self, id: u64) -> Result<bool, ProviderError> {
        self.inner.retry_quarantined(id).await
    }

    async fn drop_quarantined(&self, id: u64) -> Result<bool, ProviderError> {
        self.inner.drop_quarantined(id).await
    }

    async fn drop_parked(&self, id: u64) -> Result<bool, ProviderError> {
        self.inner.drop_parked(id).await
    }

    async fn check_integrity(&self) -> Result<Vec<String>, ProviderError> {
        self.inner.check_integrity().await
    }
}

#[async_trait]
impl Provider for Faulty {
    fn as_insight_capability(&self) -> Option<&dyn InsightProvider> {
        (!self.is_quick).then_some(self as &dyn InsightProvider)
    }

    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        self.note("fetch_orchestration_item".to_owned());
        let call = self.inner.fetch_orchestration_item(lock_timeout, poll_timeout, filter);
        self.through("fetch_orchestration_item", call).await
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
        self.through("ack_orchestration_item", call).await
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        self.note(format!("abandon_orchestration_item {delay:?} {ignore_attempt}"));
        let call = self.inner.abandon_orchestration_item(lock_token, delay, ignore_attempt);
        self.through("abandon_orchestration_item", call).await
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.through("read", self.inner.read(instance)).await
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
        self.through("fetch_work_item", call).await
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        self.through("ack_work_item", self.inner.ack_work_item(token, completion)).await
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.note("renew_work_item_lock".to_owned());
        self.through("renew_work_item_lock", self.inner.renew_work_item_lock(token, extend_for)).await
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        self.inner.renew_session_lock(owner_ids, extend_for, idle_timeout).await
    }

    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Result<usize, ProviderError> {
        self.inner.cleanup_orphaned_sessions(idle_timeout).await
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        self.note(format!("abandon_work_item {delay:?} {ignore_attempt}"));
        self.inner.abandon_work_item(token, delay, ignore_attempt).await
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let call = self.inner.renew_orchestration_item_lock(token, extend_for);
        self.through("renew_orchestration_item_lock", call).await
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        self.inner.enqueue_for_orchestrator(item, delay).await
    }

    fn work_signal(&self) -> Option<Arc<WorkSignal>> {
        self.signal.clone().or_else(|| self.inner.work_signal().filter(|_| self.is_quick))
    }

    fn as_express_capability(&self) -> Option<&dyn ExpressProvider> {
        self.is_quick.then_some(&*self.inner)
    }

    fn as_trace_capability(&self) -> Option<&dyn TraceProvider> {
        Some(self)
    }

    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        self.inner.as_management_capability()
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
}

#[async_trait]
impl TraceProvider for Faulty {
    async fn start_traced(
        &self,
        start: WorkItem,
        waiting_max: Option<usize>,
        trace: &TraceContext,
    ) -> Result<StartOutcome, ProviderError> {
        self.note("trace start".to_owned());
        self.inner.start_traced(start, waiting_max, trace).await
    }

    async fn keep_traces(&self, traces: &[(String, TraceContext)]) -> Result<(), ProviderError> {
        self.note("trace keep".to_owned());
        self.through("keep_traces", self.inner.keep_traces(traces)).await
    }

    async fn read_trace(&self, instance: &str) -> Result<Option<TraceContext>, ProviderError> {
        self.note("trace read".to_owned());
        self.through("read_trace", self.inner.read_trace(instance)).await
    }
}
