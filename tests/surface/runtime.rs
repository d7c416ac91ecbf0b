//! The runtime: options, limits, hooks, starting and stopping.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{
    LogFormat, ObservabilityConfig, OrchestrationStatus, Runtime, RuntimeOptions, UnregisteredBackoffConfig, limits,
    observability, test_hooks,
};
use duroxide::{
    ActivityContext, Client, ErrorDetails, OrchestrationContext, OrchestrationDescriptor, OrchestrationRegistry,
    SemverRange, TagFilter,
};

#[test]
fn every_option_has_its_default() {
    let RuntimeOptions {
        dispatcher_min_poll_interval,
        dispatcher_long_poll_timeout,
        orchestration_concurrency,
        worker_concurrency,
        orchestrator_lock_timeout,
        orchestrator_lock_renewal_buffer,
        worker_lock_timeout,
        worker_lock_renewal_buffer,
        observability,
        unregistered_backoff,
        max_attempts,
        activity_cancellation_grace_period,
        supported_replay_versions,
        session_lock_timeout,
        session_lock_renewal_buffer,
        session_idle_timeout,
        session_cleanup_interval,
        max_sessions_per_runtime,
        worker_node_id,
        worker_tag_filter,
        ..
    } = RuntimeOptions::default().clone();
    let secs = Duration::from_secs;
    let durations = [
        (dispatcher_min_poll_interval, Duration::from_millis(100)),
        (dispatcher_long_poll_timeout, secs(30)),
        (orchestrator_lock_timeout, secs(5)),
        (orchestrator_lock_renewal_buffer, secs(2)),
        (worker_lock_timeout, secs(30)),
        (worker_lock_renewal_buffer, secs(5)),
        (unregistered_backoff.base_delay, secs(1)),
        (unregistered_backoff.max_delay, secs(60)),
        (activity_cancellation_grace_period, secs(10)),
        (session_lock_timeout, secs(30)),
        (session_lock_renewal_buffer, secs(5)),
        (session_idle_timeout, secs(300)),
        (session_cleanup_interval, secs(300)),
    ];
    for (at, (found, expected)) in durations.into_iter().enumerate() {
        assert_eq!(found, expected, "row {at}");
    }
    assert_eq!((orchestration_concurrency, worker_concurrency, max_sessions_per_runtime), (2, 2, 10));
    assert_eq!(
        (max_attempts, worker_node_id, supported_replay_versions),
        (10_u32, None::<String>, None::<SemverRange>)
    );
    assert_eq!((worker_tag_filter, observability.log_format), (TagFilter::DefaultOnly, LogFormat::Pretty));
}

#[test]
fn unregistered_work_waits_longer_each_time() {
    let backoff = UnregisteredBackoffConfig::default();
    let table = [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (u32::MAX, 60)];
    for (attempt, seconds) in table {
        assert_eq!(backoff.delay(attempt), Duration::from_secs(seconds), "attempt {attempt}");
    }
    let endless = UnregisteredBackoffConfig { base_delay: Duration::MAX, max_delay: Duration::MAX };
    assert_eq!(endless.delay(9), Duration::MAX);
}

#[test]
fn the_limits_are_public() {
    let table: [(usize, usize); 6] = [
        (limits::MAX_CARRY_FORWARD_EVENTS, 100),
        (limits::MAX_CUSTOM_STATUS_BYTES, 262_144),
        (limits::MAX_WORKER_TAGS, 5),
        (limits::MAX_TAG_NAME_BYTES, 256),
        (limits::MAX_KV_KEYS, 150),
        (limits::MAX_KV_VALUE_BYTES, 65_536),
    ];
    assert!(table.iter().all(|(found, expected)| found == expected), "{table:?}");
    assert_eq!(duroxide::providers::MAX_WORKER_TAGS, limits::MAX_WORKER_TAGS);
}

#[test]
fn a_status_is_matched_without_a_rest() {
    let statuses = [
        OrchestrationStatus::NotFound,
        OrchestrationStatus::Running { custom_status: None, custom_status_version: 0 },
        OrchestrationStatus::Completed {
            output: String::new(),
            custom_status: Some(String::new()),
            custom_status_version: 1,
        },
        OrchestrationStatus::Failed {
            details: ErrorDetails::Infrastructure {
                operation: String::new(),
                message: String::new(),
                retryable: false,
            },
            custom_status: None,
            custom_status_version: 0,
        },
    ];
    for status in statuses {
        assert_eq!(status, status.clone());
        match status {
            OrchestrationStatus::NotFound => {}
            OrchestrationStatus::Running { custom_status: _, custom_status_version: _ } => {}
            OrchestrationStatus::Completed { output: _, custom_status: _, custom_status_version: _ } => {}
            OrchestrationStatus::Failed { details: _, custom_status: _, custom_status_version: _ } => {}
        }
    }
}

async fn hello(_ctx: OrchestrationContext, input: String) -> Result<String, String> {
    Ok(format!("hello {input}"))
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn a_runtime_starts_tells_and_stops() {
    let store: Arc<dyn Provider> = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    let orchestrations = OrchestrationRegistry::builder().register("Hello", hello).build();
    let runtime: Arc<Runtime> =
        Runtime::start_with_store(store.clone(), ActivityRegistry::builder().build(), orchestrations).await;
    let client = Client::new(store);
    client.start_orchestration("order", "Hello", "you").await.unwrap();
    let status = client.wait_for_orchestration("order", Duration::from_secs(10)).await.unwrap();
    assert!(matches!(status, OrchestrationStatus::Completed { output, .. } if output == "hello you"));
    let expected = OrchestrationDescriptor {
        name: "Hello".to_string(),
        version: "1.0.0".to_string(),
        parent_instance: None,
        parent_id: None,
    };
    assert_eq!(runtime.get_orchestration_descriptor("order").await, Some(expected));
    assert_eq!(runtime.get_orchestration_descriptor("nobody").await, None);
    // Whoever waits is told with the commit; the runtime counts it when it hears of its commit, in the same moment.
    let snapshot: observability::MetricsSnapshot = loop {
        let snapshot = runtime.metrics_snapshot().unwrap();
        if snapshot.orch_completions > 0 {
            break snapshot;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((snapshot.orch_starts, snapshot.orch_completions), (1, 1));
    let handle: Option<&observability::ObservabilityHandle> = runtime.observability_handle();
    assert!(handle.is_some());
    is_send(runtime.shutdown(Some(1_000))).await;
}

#[tokio::test]
async fn a_runtime_needs_no_store() {
    let orchestrations = OrchestrationRegistry::builder().register("Hello", hello).build();
    let runtime = Runtime::start(ActivityRegistry::builder().build(), orchestrations).await;
    let same = Arc::clone(&runtime);
    runtime.shutdown(None).await;
    same.shutdown(Some(0)).await;
}

async fn count(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    ctx.schedule_activity("Count", input).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runtimes_share_a_file_and_no_activity_runs_twice() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("shared.db").display());
    let ran = Arc::new(AtomicUsize::new(0));
    let mut runtimes = Vec::new();
    for _ in 0..2 {
        let store = Arc::new(SqliteProvider::new(&url, None).await.unwrap());
        let ran = Arc::clone(&ran);
        let activities = ActivityRegistry::builder().register("Count", move |_: ActivityContext, input: String| {
            ran.fetch_add(1, Ordering::SeqCst);
            async move { Ok(input) }
        });
        let orchestrations = OrchestrationRegistry::builder().register("Count", count).build();
        runtimes.push(Runtime::start_with_store(store, activities.build(), orchestrations).await);
    }
    let client = Client::new(Arc::new(SqliteProvider::new(&url, None).await.unwrap()));
    for n in 0..20 {
        client.start_orchestration(format!("order-{n}"), "Count", n.to_string()).await.unwrap();
    }
    for n in 0..20 {
        let output = client.wait_for_orchestration_typed::<u32>(&format!("order-{n}"), Duration::from_secs(20)).await;
        assert_eq!(output.unwrap(), Ok(n));
    }
    for runtime in runtimes {
        runtime.shutdown(None).await;
    }
    assert_eq!(ran.load(Ordering::SeqCst), 20);
}

#[tokio::test]
#[should_panic(expected = "must be greater than worker lock renewal interval")]
async fn sessions_must_outlive_the_renewal_of_activities() {
    let store = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    let options = RuntimeOptions {
        session_idle_timeout: Duration::from_secs(25),
        observability: ObservabilityConfig { log_level: "error".to_string(), ..Default::default() },
        ..Default::default()
    };
    let _ = Runtime::start_with_options(store, Default::default(), Default::default(), options).await;
}

#[test]
fn turns_can_be_delayed_by_prefix() {
    test_hooks::set_orch_processing_delay(Duration::from_micros(2_900), Some("surface-slow-"));
    assert_eq!(test_hooks::get_orch_processing_delay("surface-slow-1"), Some(Duration::from_millis(2)));
    assert_eq!(test_hooks::get_orch_processing_delay("surface-quick-1"), None);
    test_hooks::clear_orch_processing_delay();
    assert_eq!(test_hooks::get_orch_processing_delay("surface-slow-1"), None);
}

/// Paths that programs name.
#[allow(unused_imports, reason = "that they resolve is the test")]
mod paths {
    use duroxide::runtime::execution;
    use duroxide::runtime::limits::MAX_KV_KEYS;
    use duroxide::runtime::observability::ObservabilityConfig;
    use duroxide::runtime::registry::{OrchestrationRegistry, OrchestrationRegistryBuilder, VersionPolicy};
    use duroxide::runtime::replay_engine::ReplayEngine;
    use duroxide::runtime::{OrchestrationRegistryBuilder as Same, VersionPolicy as SamePolicy};
}
