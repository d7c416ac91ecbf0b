//! A store of somebody else: only the required methods, delegating, as fault injectors and recorders do.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::instrumented::InstrumentedProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{
    DispatcherCapabilityFilter, ExecutionMetadata, ManagementProvider, OrchestrationItem, Provider, ProviderError,
    ScheduledActivityIdentifier, SessionFetchConfig, TagFilter, WorkItem,
};
use duroxide::runtime::observability::{MetricsProvider, ObservabilityConfig};
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{OrchestrationStatus, Runtime};
use duroxide::{ActivityContext, Client, ClientError, Event, OrchestrationContext, OrchestrationRegistry, SystemStats};

/// Counts acks and hands everything on; has no management.
struct Recording {
    inner: Arc<dyn Provider>,
    turns: AtomicUsize,
    activities: AtomicUsize,
}

#[async_trait]
impl Provider for Recording {
    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        self.inner.fetch_orchestration_item(lock_timeout, poll_timeout, filter).await
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
        self.turns.fetch_add(1, Ordering::SeqCst);
        self.inner
            .ack_orchestration_item(
                lock_token,
                execution_id,
                history_delta,
                worker_items,
                orchestrator_items,
                metadata,
                cancelled_activities,
            )
            .await
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
        self.inner.read(instance).await
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
        self.inner.fetch_work_item(lock_timeout, poll_timeout, session, tag_filter).await
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        self.activities.fetch_add(1, Ordering::SeqCst);
        self.inner.ack_work_item(token, completion).await
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
        self.inner.abandon_work_item(token, delay, ignore_attempt).await
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.inner.renew_orchestration_item_lock(token, extend_for).await
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        self.inner.enqueue_for_orchestrator(item, delay).await
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

async fn recording() -> Arc<Recording> {
    Arc::new(Recording {
        inner: Arc::new(SqliteProvider::new_in_memory().await.expect("a database in memory opens")),
        turns: AtomicUsize::new(0),
        activities: AtomicUsize::new(0),
    })
}

async fn flow(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    ctx.schedule_activity("Echo", input).await
}

#[tokio::test]
async fn a_wrapper_sees_every_call() {
    let store = recording().await;
    let activities = ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move { Ok(input) })
        .build();
    let orchestrations = OrchestrationRegistry::builder().register("Flow", flow).build();
    let runtime = Runtime::start_with_store(store.clone(), activities, orchestrations).await;
    let client = Client::new(store.clone());
    client.start_orchestration("order", "Flow", "x").await.unwrap();
    let status = client.wait_for_orchestration("order", Duration::from_secs(10)).await.unwrap();
    assert!(matches!(status, OrchestrationStatus::Completed { output, .. } if output == "x"));
    runtime.shutdown(None).await;
    assert_eq!((store.turns.load(Ordering::SeqCst), store.activities.load(Ordering::SeqCst)), (2, 1));
}

#[tokio::test]
async fn a_wrapper_without_more_has_the_defaults() {
    let store = recording().await;
    assert_eq!((store.name(), store.version()), ("unknown", "0.0.0"));
    assert!(store.as_management_capability().is_none());
    let client = Client::new(store);
    assert!(!client.has_management_capability());
    let refused = client.list_all_instances().await;
    assert!(matches!(refused, Err(ClientError::ManagementNotAvailable)));
    assert!(client.get_orchestration_stats("nobody").await.is_ok());
}

#[tokio::test]
async fn the_instrumented_store_is_the_inner_one_with_counters() {
    let metrics = Arc::new(MetricsProvider::new(&ObservabilityConfig::default()).unwrap());
    let inner: Arc<dyn Provider> = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    let store = InstrumentedProvider::new(inner, Some(metrics.clone()));
    assert_eq!(store.name(), "sqlite");
    assert!(store.as_management_capability().is_some());
    assert!(store.ack_work_item("no such token", None).await.is_err());
    assert_eq!(metrics.snapshot().provider_errors, 1);
    let _ = InstrumentedProvider::new(Arc::new(SqliteProvider::new_in_memory().await.unwrap()), None);
}

/// The legacy trait: nothing is required.
struct Nothing;

#[async_trait]
impl ManagementProvider for Nothing {}

#[tokio::test]
async fn the_legacy_management_trait_has_its_defaults() {
    let nothing: Box<dyn ManagementProvider> = Box::new(Nothing);
    assert!(nothing.list_instances().await.unwrap().is_empty());
    assert!(nothing.list_instances_by_status("Running").await.unwrap().is_empty());
    assert_eq!(nothing.list_executions("i").await.unwrap(), [1]);
    assert_eq!(nothing.latest_execution_id("i").await.unwrap(), 1);
    let expected = ProviderError::permanent("read_execution", "not supported for instance: i");
    assert_eq!(nothing.read_execution("i", 1).await.unwrap_err(), expected);
    assert_eq!(nothing.get_instance_info("i").await.unwrap_err().operation, "get_instance_info");
    assert_eq!(nothing.get_execution_info("i", 1).await.unwrap_err().operation, "get_execution_info");
    assert_eq!(nothing.get_system_metrics().await.unwrap().total_instances, 0);
    assert_eq!(nothing.get_queue_depths().await.unwrap().worker_queue, 0);
}
