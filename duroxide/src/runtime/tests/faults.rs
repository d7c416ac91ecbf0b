//! What a store in trouble does to orchestrations, and what it does not.

use super::faulty::{Fault, Faulty, busy, refused};
use super::*;
use crate::dispatch::settings::UnregisteredBackoffConfig;
use crate::model::event::EventKind;
use crate::providers::ProviderError;

fn echo() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Echo", |ctx, input: String| async move { ctx.schedule_activity("Echo", input).await })
        .build()
}

async fn echoed(store: &Arc<Faulty>) -> Result<String, String> {
    let (runtime, client) = start(store, echo()).await;
    client.start_orchestration("i", "Echo", "x").await.unwrap();
    let output = ended(&client, "i").await;
    runtime.shutdown(None).await;
    output
}

fn times(count: usize, fault: fn() -> Fault) -> Vec<Fault> {
    (0..count).map(|_| fault()).collect()
}

#[tokio::test(start_paused = true)]
async fn retryable_error_never_ends_an_orchestration() {
    for operation in ["fetch_orchestration_item", "fetch_work_item", "ack_orchestration_item", "ack_work_item"] {
        let store = Faulty::new([(operation, times(20, busy))]);
        assert_eq!(echoed(&store).await.as_deref(), Ok("x"), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_the_store_is_too_busy_for_is_given_back_for_free() {
    let store = Faulty::new([("ack_orchestration_item", times(6, busy))]);
    assert_eq!(echoed(&store).await.as_deref(), Ok("x"));
    assert_eq!(store.calls("abandon_orchestration_item"), ["abandon_orchestration_item Some(1s) true"]);
}

#[tokio::test(start_paused = true)]
async fn executed_but_error_or_commit_unknown_counts_once() {
    let lost_answer = || Fault::After(ProviderError::retryable("test", "connection closed"));
    for operation in ["ack_orchestration_item", "ack_work_item"] {
        let store = Faulty::new([(operation, vec![lost_answer(), lost_answer()])]);
        assert_eq!(echoed(&store).await.as_deref(), Ok("x"), "{operation}");
        let rows = store.read("i").await.unwrap();
        assert_eq!(rows.len(), 4, "{operation}: {rows:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_the_store_refuses_fails_its_execution() {
    let store = Faulty::new([("ack_orchestration_item", vec![refused()])]);
    assert_eq!(echoed(&store).await.unwrap_err(), "infrastructure:test: refused");
    let rows = store.read("i").await.unwrap();
    assert!(matches!(rows[0].kind, EventKind::OrchestrationStarted { .. }) && rows.len() == 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_ends_the_turn_without_effect_and_it_is_done_again() {
    let store =
        Faulty::new([("ack_orchestration_item", vec![refused()]), ("renew_orchestration_item_lock", vec![refused()])]);
    assert_eq!(echoed(&store).await.as_deref(), Ok("x"));
    assert!(store.calls("abandon_orchestration_item").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slot_survives_a_store_that_panics() {
    for operation in ["fetch_orchestration_item", "fetch_work_item", "ack_orchestration_item", "ack_work_item"] {
        let store = Faulty::new([(operation, times(3, || Fault::Panic))]);
        assert_eq!(echoed(&store).await.as_deref(), Ok("x"), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_failed_renewal_does_not_cost_an_activity() {
    let activities = ActivityRegistry::builder()
        .register("Long", |ctx: ActivityContext, _| async move {
            tokio::time::sleep(Duration::from_secs(100)).await;
            Ok(ctx.attempt().to_string())
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Waits", |ctx, _| async move { ctx.schedule_activity("Long", "").await })
        .build();
    let store = Faulty::new([("renew_work_item_lock", vec![busy()])]);
    let runtime = Runtime::start_with_store(Arc::clone(&store) as _, activities, orchestrations).await;
    let client = Client::new(Arc::clone(&store) as _);
    client.start_orchestration("i", "Waits", "").await.unwrap();
    assert_eq!(ended(&client, "i").await.unwrap(), "1", "it ran once");
    assert!(store.calls("renew_work_item_lock").len() >= 4);
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn long_activity_runs_once_while_renewed() {
    let runs = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let store = Faulty::new([]);
    let mut runtimes = Vec::new();
    // The second would take it, were it left alone for the length of a lease.
    for _ in 0..2 {
        let counted = Arc::clone(&runs);
        let activities = ActivityRegistry::builder()
            .register("Long", move |_: ActivityContext, _| {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                async {
                    // Twenty leases long.
                    tokio::time::sleep(RuntimeOptions::default().worker_lock_timeout * 20).await;
                    Ok("done".to_owned())
                }
            })
            .build();
        let orchestrations = OrchestrationRegistry::builder()
            .register("Waits", |ctx, _| async move { ctx.schedule_activity("Long", "").await })
            .build();
        runtimes.push(Runtime::start_with_store(Arc::clone(&store) as _, activities, orchestrations).await);
    }
    let client = Client::new(Arc::clone(&store) as _);
    client.start_orchestration("i", "Waits", "").await.unwrap();
    let status = client.wait_for_orchestration("i", LONG * 2).await.unwrap();
    assert!(matches!(&status, OrchestrationStatus::Completed { output, .. } if output == "done"), "{status:?}");
    assert_eq!(runs.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert!(store.calls("renew_work_item_lock").len() >= 20);
    for runtime in runtimes {
        runtime.shutdown(None).await;
    }
}

#[tokio::test(start_paused = true)]
async fn work_without_a_handler_waits_longer_each_time_and_runs_when_there_is_one() {
    let store = Faulty::new([]);
    let (runtime, client) = start(&store, OrchestrationRegistry::default()).await;
    client.start_orchestration("i", "Echo", "late").await.unwrap();
    while store.calls("abandon_orchestration_item").len() < 3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    runtime.shutdown(None).await;
    assert_eq!(
        store.calls("abandon_orchestration_item"),
        [1, 2, 4].map(|seconds| format!("abandon_orchestration_item Some({seconds}s) false"))
    );
    let (runtime, client) = start(&store, echo()).await;
    assert_eq!(ended(&client, "i").await.unwrap(), "late");
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn process_abort_too_often_is_poison_and_spares_its_neighbours() {
    let store = Faulty::new([]);
    let orchestrations = OrchestrationRegistry::builder_from(&echo())
        .register("Calls", |ctx, input: String| async move { ctx.schedule_activity("Missing", input).await })
        .build();
    let options = RuntimeOptions {
        max_attempts: 2,
        unregistered_backoff: UnregisteredBackoffConfig {
            base_delay: Duration::from_millis(1),
            max_delay: Duration::from_millis(1),
        },
        ..RuntimeOptions::default()
    };
    let (runtime, client) = start_with(&store, orchestrations, options).await;
    client.start_orchestration("o", "Missing", "").await.unwrap();
    client.start_orchestration("a", "Calls", "").await.unwrap();
    client.start_orchestration("i", "Echo", "x").await.unwrap();
    assert_eq!(ended(&client, "o").await.unwrap_err(), "poison: orchestration o exceeded 3 attempts (max 2)");
    assert_eq!(ended(&client, "a").await.unwrap_err(), "poison: activity Missing#2 exceeded 3 attempts (max 2)");
    assert_eq!(ended(&client, "i").await.unwrap(), "x");
    let seen = runtime.metrics_snapshot().unwrap();
    assert_eq!((seen.orch_poison, seen.activity_poison), (2, 1));
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn messages_for_nobody_stop_nobody() {
    let store = Faulty::new([]);
    let (runtime, client) = start(&store, echo()).await;
    client.raise_event("nobody", "e", "").await.unwrap();
    client.cancel_instance("nobody", "").await.unwrap();
    client.enqueue_event("nobody", "q", "").await.unwrap();
    client.start_orchestration("i", "Echo", "x").await.unwrap();
    assert_eq!(ended(&client, "i").await.unwrap(), "x");
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_cannot_be_read_is_closed_once_and_takes_nothing_after() {
    let store = store();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Waits", |ctx, _| async move { Ok(ctx.schedule_wait("e").await) })
        .build();
    let options = RuntimeOptions { max_attempts: 1, ..RuntimeOptions::default() };
    let (runtime, client) = start_with(&store, orchestrations, options).await;
    client.start_orchestration("i", "Waits", "").await.unwrap();
    while store.read("i").await.unwrap().len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    store.corrupt_history("i");
    let admin = store.as_management_capability().unwrap();
    for _ in 0..2 {
        client.raise_event("i", "e", "").await.unwrap();
        while admin.get_queue_depths().await.unwrap().orchestrator_queue > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // The batch may be in flight when it is no longer in the queue.
        while admin.get_instance_info("i").await.unwrap().status != "Failed" {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    assert!(admin.get_instance_info("i").await.unwrap().output.unwrap().contains("deserialization failed"));
    runtime.shutdown(None).await;
    assert_eq!(admin.get_queue_depths().await.unwrap().orchestrator_queue, 0);
}

#[tokio::test(start_paused = true)]
async fn commits_wait_for_a_slow_store_together_unless_they_are_heavy() {
    for (bytes, seconds) in [(1, 1), (100_000, 10)] {
        let slow = || Fault::Slow(Duration::from_secs(1));
        let store = Faulty::new([("ack_work_item", times(10, slow))]);
        let orchestrations = OrchestrationRegistry::builder()
            .register("Fan", |ctx, input: String| async move {
                let all = (0..10).map(|_| ctx.schedule_activity("Echo", input.clone())).collect();
                Ok(ctx.join(all).await.len().to_string())
            })
            .build();
        let options = RuntimeOptions { worker_concurrency: 1, ..RuntimeOptions::default() };
        let (runtime, client) = start_with(&store, orchestrations, options).await;
        let began = tokio::time::Instant::now();
        client.start_orchestration("i", "Fan", "x".repeat(bytes)).await.unwrap();
        assert_eq!(ended(&client, "i").await.unwrap(), "10");
        let took = began.elapsed().as_secs();
        assert!((seconds..=seconds + 2).contains(&took), "{bytes} bytes took {took} s");
        runtime.shutdown(None).await;
    }
}
