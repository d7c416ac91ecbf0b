//! Orchestrations that stay in memory between their turns, and ones that do not: the same, with fewer replays.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::context::orchestration::OrchestrationContext;
use crate::runtime::Warmth;
use crate::runtime::start::Extras;

/// Runs a chain of ten activities and returns how often its code was begun.
async fn runs_of_a_chain(warmth: Warmth) -> usize {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Chain", move |ctx: OrchestrationContext, _: String| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                let mut sum = 0;
                for step in 1..=10 {
                    let echoed = ctx.schedule_activity("Echo", step.to_string()).await?;
                    sum += echoed.parse::<u32>().map_err(|error| error.to_string())?;
                }
                Ok(sum.to_string())
            }
        })
        .build();
    let store = store();
    let extras = Extras { warmth, ..Extras::default() };
    let dynamic: Arc<dyn Provider> = Arc::clone(&store) as _;
    let options = RuntimeOptions::default();
    let runtime = Runtime::launch(Arc::clone(&dynamic), activities(), orchestrations, options, extras).await;
    let client = Client::new(dynamic);
    client.start_orchestration("i", "Chain", "").await.unwrap();
    assert_eq!(ended(&client, "i").await.as_deref(), Ok("55"));
    runtime.shutdown(None).await;
    runs.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn code_that_waits_in_memory_is_not_begun_again() {
    assert_eq!(runs_of_a_chain(Warmth::Bytes(1 << 20)).await, 1);
}

#[tokio::test(start_paused = true)]
async fn evict_each_turn_works_with_a_replay_for_each() {
    // The first turn and one for each activity.
    for warmth in [Warmth::Off, Warmth::EvictEachTurn, Warmth::Bytes(0)] {
        assert_eq!(runs_of_a_chain(warmth).await, 11, "{warmth:?}");
    }
}

#[cfg(all(feature = "test-hooks", feature = "sqlite"))]
#[tokio::test]
async fn a_delay_that_a_test_sets_holds_for_turns_that_follow_from_activities_too() {
    use crate::dispatch::test_hooks::{clear_orch_processing_delay, set_orch_processing_delay};

    let orchestrations = OrchestrationRegistry::builder()
        .register("Calls", |ctx: OrchestrationContext, input: String| async move {
            ctx.schedule_activity("Echo", input).await
        })
        .build();
    let store = Arc::new(crate::providers::sqlite::SqliteProvider::new_in_memory().await.unwrap());
    set_orch_processing_delay(Duration::from_millis(1), Some("delayed-"));
    let (runtime, client) = start(&store, orchestrations).await;
    client.start_orchestration("delayed-i", "Calls", "x").await.unwrap();
    assert_eq!(ended(&client, "delayed-i").await.as_deref(), Ok("x"));
    clear_orch_processing_delay();
    let fetched = runtime.metrics_snapshot().unwrap().orch_dispatcher_items_fetched;
    runtime.shutdown(None).await;
    assert_eq!(fetched, 2, "the turn after the activity came through the queue, where delays are");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn heavy_results_are_committed_with_the_turns_to_which_they_lead() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Calls", |ctx: OrchestrationContext, input: String| async move {
            ctx.schedule_activity("Echo", input).await
        })
        .build();
    let store: Arc<dyn Provider> = Arc::new(crate::providers::sqlite::SqliteProvider::new_in_memory().await.unwrap());
    let extras = Extras { warmth: Warmth::Bytes(1 << 24), ..Extras::default() };
    let options = RuntimeOptions { worker_concurrency: 4, ..RuntimeOptions::default() };
    let runtime = Runtime::launch(Arc::clone(&store), activities(), orchestrations, options, extras).await;
    let client = Client::new(store);
    // More than are prepared at once.
    let heavy = "x".repeat(100_000);
    let instances = ["a", "b", "c", "d"];
    for instance in instances {
        client.start_orchestration(instance, "Calls", heavy.as_str()).await.unwrap();
    }
    for instance in instances {
        assert_eq!(ended(&client, instance).await.as_ref(), Ok(&heavy));
    }
    let fetched = runtime.metrics_snapshot().unwrap().orch_dispatcher_items_fetched;
    runtime.shutdown(None).await;
    assert_eq!(fetched, 4, "only starts came through the queue");
}
