//! Stores around stores, by the required methods alone: one that records, one that fails now and then.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::{
    DispatcherCapabilityFilter, ExecutionMetadata, OrchestrationItem, Provider, ProviderError,
    ScheduledActivityIdentifier, SessionFetchConfig, TagFilter, WorkItem,
};
use duroxide::{Event, SystemStats};

/// What a wrapper saw; every call passes here first, and those that change something are kept.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) calls: BTreeMap<&'static str, usize>,
    /// Events of acknowledged turns, by instance and execution.
    pub(crate) events: BTreeMap<(String, u64), Vec<Event>>,
    /// Messages of acknowledged turns and of clients, and answers of activities.
    pub(crate) messages: Vec<WorkItem>,
    /// Activities of acknowledged turns.
    pub(crate) activities: Vec<WorkItem>,
    /// Which instance a token is for.
    leases: HashMap<String, String>,
}

/// A store that is watched, and that fails every so many calls.
pub(crate) struct Wrapper {
    inner: Arc<dyn Provider>,
    seen: Mutex<Seen>,
    /// Every so many calls of an operation fail, before or after they happened; 0 is never.
    fails_every: usize,
}

impl Wrapper {
    pub(crate) fn recording(inner: Arc<dyn Provider>) -> Arc<Self> {
        Arc::new(Wrapper { inner, seen: Mutex::default(), fails_every: 0 })
    }

    pub(crate) fn failing(inner: Arc<dyn Provider>, fails_every: usize) -> Arc<Self> {
        Arc::new(Wrapper { inner, seen: Mutex::default(), fails_every })
    }

    /// All that was seen so far.
    pub(crate) fn report(&self) -> Seen {
        std::mem::take(&mut *self.seen())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nothing panics under it")
    }

    /// Whether this call fails: odd failures before anything happens, even ones after it did.
    fn call(&self, operation: &'static str) -> Fate {
        let mut seen = self.seen();
        let count = seen.calls.entry(operation).or_default();
        *count += 1;
        if self.fails_every == 0 || !count.is_multiple_of(self.fails_every) {
            Fate::Works
        } else if (*count / self.fails_every).is_multiple_of(2) {
            Fate::FailsAfter
        } else {
            Fate::FailsBefore
        }
    }

    async fn through<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<T, ProviderError> {
        let error = || ProviderError::retryable(operation, "connection reset by the fault injector");
        match self.call(operation) {
            Fate::Works => call.await,
            Fate::FailsBefore => Err(error()),
            Fate::FailsAfter => {
                call.await?;
                Err(error())
            }
        }
    }
}

enum Fate {
    Works,
    FailsBefore,
    FailsAfter,
}

#[async_trait]
impl Provider for Wrapper {
    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        let call = self.inner.fetch_orchestration_item(lock_timeout, poll_timeout, filter);
        let fetched = self.through("fetch_orchestration_item", call).await?;
        if let Some((item, token, _)) = &fetched {
            self.seen().leases.insert(token.clone(), item.instance.clone());
        }
        Ok(fetched)
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
        let kept = (history_delta.clone(), worker_items.clone(), orchestrator_items.clone());
        let call = self.inner.ack_orchestration_item(
            lock_token,
            execution_id,
            history_delta,
            worker_items,
            orchestrator_items,
            metadata,
            cancelled_activities,
        );
        self.through("ack_orchestration_item", call).await?;
        let mut seen = self.seen();
        let instance = seen.leases[lock_token].clone();
        seen.events.entry((instance, execution_id)).or_default().extend(kept.0);
        seen.activities.extend(kept.1);
        seen.messages.extend(kept.2);
        Ok(())
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let call = self.inner.abandon_orchestration_item(lock_token, delay, ignore_attempt);
        self.through("abandon_orchestration_item", call).await
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.through("read", self.inner.read(instance)).await
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        self.through("read_with_execution", self.inner.read_with_execution(instance, execution_id)).await
    }

    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Result<(), ProviderError> {
        let call = self.inner.append_with_execution(instance, execution_id, new_events);
        self.through("append_with_execution", call).await
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError> {
        self.through("enqueue_for_worker", self.inner.enqueue_for_worker(item)).await
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
        self.through("ack_work_item", self.inner.ack_work_item(token, completion.clone())).await?;
        self.seen().messages.extend(completion);
        Ok(())
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.through("renew_work_item_lock", self.inner.renew_work_item_lock(token, extend_for)).await
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        let call = self.inner.renew_session_lock(owner_ids, extend_for, idle_timeout);
        self.through("renew_session_lock", call).await
    }

    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Result<usize, ProviderError> {
        self.through("cleanup_orphaned_sessions", self.inner.cleanup_orphaned_sessions(idle_timeout)).await
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        self.through("abandon_work_item", self.inner.abandon_work_item(token, delay, ignore_attempt)).await
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let call = self.inner.renew_orchestration_item_lock(token, extend_for);
        self.through("renew_orchestration_item_lock", call).await
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        let call = self.inner.enqueue_for_orchestrator(item.clone(), delay);
        self.through("enqueue_for_orchestrator", call).await?;
        self.seen().messages.push(item);
        Ok(())
    }

    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        self.through("get_custom_status", self.inner.get_custom_status(instance, last_seen_version)).await
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        self.through("get_kv_value", self.inner.get_kv_value(instance, key)).await
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        self.through("get_kv_all_values", self.inner.get_kv_all_values(instance)).await
    }

    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        self.through("get_instance_stats", self.inner.get_instance_stats(instance)).await
    }
}
