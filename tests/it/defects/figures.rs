//! What an operator reads: depths, gauges, counters.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::{Provider, TagFilter, WorkItem};
use duroxide::runtime::observability::ObservabilityConfig;
use duroxide::runtime::{OrchestrationRegistry, RuntimeOptions};

use super::{Stage, activities, eventually, on_every_store, options, orchestrations};

on_every_store!(
    d12_depths_count_what_waits_and_not_what_is_leased,
    d12_gauges_follow_what_happens,
    d12_counters_count_once,
);

const HOUR: Duration = Duration::from_secs(3_600);

async fn depths(store: &Arc<dyn Provider>) -> (usize, usize) {
    let admin = store.as_management_capability().unwrap();
    let depths = admin.get_queue_depths().await.unwrap();
    (depths.orchestrator_queue, depths.worker_queue)
}

fn message(instance: &str) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: instance.to_owned(),
        orchestration: "Echo".to_owned(),
        input: String::new(),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}

fn activity(instance: &str) -> WorkItem {
    WorkItem::ActivityExecute {
        instance: instance.to_owned(),
        execution_id: 1,
        id: 2,
        name: "Echo".to_owned(),
        input: String::new(),
        session_id: None,
        tag: None,
    }
}

/// Leases both rows of the first instance.
async fn lease(store: &Arc<dyn Provider>, timeout: Duration) -> (String, String) {
    let turn = store.fetch_orchestration_item(timeout, Duration::ZERO, None).await;
    let work = store.fetch_work_item(timeout, Duration::ZERO, None, &TagFilter::Any).await;
    (turn.unwrap().unwrap().1, work.unwrap().unwrap().1)
}

async fn d12_depths_count_what_waits_and_not_what_is_leased(store: Arc<dyn Provider>) {
    store.enqueue_for_orchestrator(message("a"), None).await.unwrap();
    store.enqueue_for_worker(activity("a")).await.unwrap();
    store.enqueue_for_orchestrator(message("b"), Some(HOUR)).await.unwrap();
    assert_eq!(depths(&store).await, (2, 1), "a delayed row waits, too");
    let (turn, work) = lease(&store, HOUR).await;
    assert_eq!(depths(&store).await, (1, 0), "what is leased does not wait");
    store.abandon_orchestration_item(&turn, None, false).await.unwrap();
    store.abandon_work_item(&work, None, false).await.unwrap();
    assert_eq!(depths(&store).await, (2, 1), "what was given back waits again");
    lease(&store, Duration::from_millis(1)).await;
    eventually("rows whose lease has ended count again", async || depths(&store).await == (2, 1)).await;
}

async fn d12_gauges_follow_what_happens(store: Arc<dyn Provider>) {
    let orchestrations = OrchestrationRegistry::builder_from(&orchestrations())
        .register("Stuck", |ctx, _| async move {
            let unserved = ctx.schedule_activity("Echo", "").with_tag("nobody serves this");
            ctx.join2(unserved, ctx.schedule_timer(24 * HOUR)).await.0
        })
        .build();
    let options = RuntimeOptions {
        observability: ObservabilityConfig {
            gauge_poll_interval: Duration::from_millis(10),
            ..ObservabilityConfig::default()
        },
        ..options()
    };
    let stage = Stage::with(store, activities(), orchestrations, options).await;
    let gauges = Arc::clone(stage.runtime.observability_handle().unwrap().metrics_provider());
    stage.start("stuck", "Stuck", "").await;
    eventually("one timer and one activity wait", async || gauges.get_queue_depths() == (1, 1)).await;
    stage.client.cancel_instance("stuck", "enough").await.unwrap();
    stage.ended("stuck").await.unwrap_err();
    eventually("the activity waits no more", async || gauges.get_queue_depths().1 == 0).await;
    eventually("nothing is active", async || gauges.get_active_orchestrations() == 0).await;
    stage.end().await;
}

async fn d12_counters_count_once(store: Arc<dyn Provider>) {
    let orchestrations = OrchestrationRegistry::builder_from(&orchestrations())
        .register("Busy", |ctx, input: String| async move {
            ctx.schedule_activity("Echo", "").await?;
            ctx.schedule_activity("Echo", "").await?;
            ctx.schedule_activity("Fail", "").await.unwrap_err();
            if input != "again" {
                return ctx.continue_as_new("again").await;
            }
            ctx.schedule_sub_orchestration("Echo", "").await?;
            Ok(ctx.schedule_wait("go").await)
        })
        .register("Broken", |_, _| async move { Err("broken".to_owned()) })
        .build();
    // The store is not asked in between: what happens must keep the gauge right by itself.
    let options = RuntimeOptions {
        observability: ObservabilityConfig { gauge_poll_interval: 100 * HOUR, ..ObservabilityConfig::default() },
        ..options()
    };
    let stage = Stage::with(store, activities(), orchestrations, options).await;
    let metrics = Arc::clone(stage.runtime.observability_handle().unwrap().metrics_provider());
    stage.start("busy", "Busy", "").await;
    stage.until_waiting("busy").await;
    eventually("the child has ended and its parent is active", async || metrics.get_active_orchestrations() == 1).await;
    stage.run("broken", "Broken", "").await.unwrap_err();
    stage.client.raise_event("busy", "go", "").await.unwrap();
    stage.ended("busy").await.unwrap();
    eventually("nothing is active", async || metrics.get_active_orchestrations() == 0).await;
    stage.end().await;

    let seen = metrics.snapshot();
    // Busy twice, its child, Broken.
    assert_eq!((seen.orch_starts, seen.orch_completions), (4, 4), "{seen:?}");
    assert_eq!((seen.orch_failures, seen.orch_application_errors), (1, 1), "{seen:?}");
    assert_eq!(seen.orch_continue_as_new, 1, "{seen:?}");
    // Twice two of Busy and one of its child; twice one that fails.
    assert_eq!((seen.activity_success, seen.activity_app_errors), (5, 2), "{seen:?}");
    let none = (seen.orch_poison, seen.activity_infra_errors, seen.provider_errors);
    assert_eq!(none, (0, 0, 0), "{seen:?}");
}
