//! Any store, failing on request: it forwards only the required methods, as wrappers of users do.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::{
    DispatcherCapabilityFilter, Event, ExecutionMetadata, OrchestrationItem, Provider, ProviderError,
    ScheduledActivityIdentifier, SessionFetchConfig, SystemStats, TagFilter, WorkItem,
};

/// What happens in the place of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// An error that may pass; nothing happened.
    Busy,
    /// An error that will not pass; nothing happened.
    Refused,
    /// The call happens, but its answer is lost in an error that may pass.
    LostAnswer,
    /// The store panics.
    Panic,
}

/// A store with a script of faults, and a list of the calls that it has answered.
pub(crate) struct Faulty {
    inner: Arc<dyn Provider>,
    script: Mutex<HashMap<&'static str, VecDeque<Fault>>>,
    answered: Mutex<Vec<(&'static str, String)>>,
}

impl Faulty {
    /// Each of these operations, named like its method, meets its faults one by one and works from then on.
    pub(crate) fn over<const N: usize>(inner: Arc<dyn Provider>, script: [(&'static str, Vec<Fault>); N]) -> Arc<Self> {
        let script = script.into_iter().map(|(operation, faults)| (operation, faults.into()));
        Arc::new(Faulty { inner, script: Mutex::new(script.collect()), answered: Mutex::default() })
    }

    /// What the calls of `operation` that succeeded were about, in the order of their answers.
    pub(crate) fn answered(&self, operation: &str) -> Vec<String> {
        let answered = lock(&self.answered);
        let of_operation = answered.iter().filter(|(name, _)| *name == operation);
        of_operation.map(|(_, about)| about.clone()).collect()
    }

    /// A fault that never came about proves nothing; a misspelt operation shows here.
    pub(crate) fn assert_all_happened(&self) {
        let left: Vec<_> = lock(&self.script)
            .iter()
            .filter(|(_, faults)| !faults.is_empty())
            .map(|(operation, faults)| format!("{operation}: {faults:?}"))
            .collect();
        assert!(left.is_empty(), "faults that did not happen: {left:?}");
    }

    async fn through<T>(
        &self,
        operation: &'static str,
        about: String,
        call: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<T, ProviderError> {
        let fault = lock(&self.script).get_mut(operation).and_then(VecDeque::pop_front);
        match fault {
            None => {
                let answer = call.await?;
                lock(&self.answered).push((operation, about));
                Ok(answer)
            }
            Some(Fault::Busy) => Err(ProviderError::retryable(operation, "database is locked")),
            Some(Fault::Refused) => Err(ProviderError::permanent(operation, "attempt to write a readonly database")),
            Some(Fault::LostAnswer) => {
                call.await?;
                Err(ProviderError::retryable(operation, "connection reset"))
            }
            Some(Fault::Panic) => panic!("planted in {operation}"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this lock")
}

#[async_trait]
impl Provider for Faulty {
    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        let call = self.inner.fetch_orchestration_item(lock_timeout, poll_timeout, filter);
        self.through("fetch_orchestration_item", String::new(), call).await
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
        self.through("ack_orchestration_item", String::new(), call).await
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let call = self.inner.abandon_orchestration_item(lock_token, delay, ignore_attempt);
        let about = format!("for {delay:?}, free: {ignore_attempt}");
        self.through("abandon_orchestration_item", about, call).await
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.through("read", instance.to_owned(), self.inner.read(instance)).await
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        let call = self.inner.read_with_execution(instance, execution_id);
        self.through("read_with_execution", instance.to_owned(), call).await
    }

    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Result<(), ProviderError> {
        let call = self.inner.append_with_execution(instance, execution_id, new_events);
        self.through("append_with_execution", instance.to_owned(), call).await
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError> {
        let call = self.inner.enqueue_for_worker(item);
        self.through("enqueue_for_worker", String::new(), call).await
    }

    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError> {
        let owner = session.map(|session| session.owner_id.clone()).unwrap_or_default();
        let call = self.inner.fetch_work_item(lock_timeout, poll_timeout, session, tag_filter);
        self.through("fetch_work_item", owner, call).await
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        let call = self.inner.ack_work_item(token, completion);
        self.through("ack_work_item", String::new(), call).await
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let call = self.inner.renew_work_item_lock(token, extend_for);
        self.through("renew_work_item_lock", String::new(), call).await
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        let call = self.inner.renew_session_lock(owner_ids, extend_for, idle_timeout);
        self.through("renew_session_lock", owner_ids.join(" "), call).await
    }

    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Result<usize, ProviderError> {
        let call = self.inner.cleanup_orphaned_sessions(idle_timeout);
        self.through("cleanup_orphaned_sessions", String::new(), call).await
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let call = self.inner.abandon_work_item(token, delay, ignore_attempt);
        let about = format!("for {delay:?}, free: {ignore_attempt}");
        self.through("abandon_work_item", about, call).await
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let call = self.inner.renew_orchestration_item_lock(token, extend_for);
        self.through("renew_orchestration_item_lock", String::new(), call).await
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        let call = self.inner.enqueue_for_orchestrator(item, delay);
        self.through("enqueue_for_orchestrator", String::new(), call).await
    }

    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        let call = self.inner.get_custom_status(instance, last_seen_version);
        self.through("get_custom_status", instance.to_owned(), call).await
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        let call = self.inner.get_kv_value(instance, key);
        self.through("get_kv_value", instance.to_owned(), call).await
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        let call = self.inner.get_kv_all_values(instance);
        self.through("get_kv_all_values", instance.to_owned(), call).await
    }

    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        let call = self.inner.get_instance_stats(instance);
        self.through("get_instance_stats", instance.to_owned(), call).await
    }
}
