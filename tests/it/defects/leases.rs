//! A store in trouble: leases are kept, work is given back, slots go on.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use duroxide::ActivityContext;
use duroxide::providers::{Provider, WorkItem};
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{OrchestrationRegistry, RuntimeOptions};

use super::faulty::{Fault, Faulty};
use super::{LEASE_FOR_EVER, Stage, activities, on_every_store, options, orchestrations};

on_every_store!(
    d03_one_failed_renewal_does_not_lose_an_activity,
    d06_a_turn_that_could_not_be_committed_is_given_back,
    d06_a_turn_that_was_refused_is_given_back,
    d06_an_activity_whose_result_could_not_be_stored_is_given_back,
    d15_a_slot_survives_a_panic_of_the_store,
    d15_a_slot_survives_work_that_is_no_activity,
);

/// First try and five more.
const TRIES: usize = 6;

/// Who does not give work back waits for the end of these leases.
fn long_leases() -> RuntimeOptions {
    RuntimeOptions {
        orchestrator_lock_timeout: LEASE_FOR_EVER,
        worker_lock_timeout: LEASE_FOR_EVER,
        // Must exceed the renewal interval of activities.
        session_idle_timeout: 2 * LEASE_FOR_EVER,
        ..options()
    }
}

async fn d03_one_failed_renewal_does_not_lose_an_activity(store: Arc<dyn Provider>) {
    let store = Faulty::over(store, [("renew_work_item_lock", vec![Fault::Busy])]);
    let watched = Arc::downgrade(&store);
    let activities = ActivityRegistry::builder()
        .register("Long", move |ctx: ActivityContext, _| {
            let watched = watched.clone();
            async move {
                while watched.upgrade().unwrap().answered("renew_work_item_lock").len() < 2 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Ok(format!("attempt {}, cancelled: {}", ctx.attempt(), ctx.is_cancelled()))
            }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Waits", |ctx, _| async move { ctx.schedule_activity("Long", "").await })
        .build();
    let options = RuntimeOptions {
        // Renewed after one second.
        worker_lock_timeout: Duration::from_secs(2),
        ..options()
    };
    let stage = Stage::with(Arc::clone(&store) as _, activities, orchestrations, options).await;
    let result = stage.run("i", "Waits", "").await;
    assert_eq!(result.as_deref(), Ok("attempt 1, cancelled: false"));
    store.assert_all_happened();
    stage.end().await;
}

async fn d06_a_turn_that_could_not_be_committed_is_given_back(store: Arc<dyn Provider>) {
    let store = Faulty::over(store, [("ack_orchestration_item", vec![Fault::Busy; TRIES])]);
    let stage = Stage::with(Arc::clone(&store) as _, activities(), orchestrations(), long_leases()).await;
    assert_eq!(stage.run("i", "Echo", "x").await.as_deref(), Ok("x"));
    assert_eq!(store.answered("abandon_orchestration_item"), ["for Some(1s), free: true"]);
    store.assert_all_happened();
    stage.end().await;
}

async fn d06_a_turn_that_was_refused_is_given_back(store: Arc<dyn Provider>) {
    // The turn, and the failure in its place.
    let store = Faulty::over(store, [("ack_orchestration_item", vec![Fault::Refused; 2])]);
    let stage = Stage::with(Arc::clone(&store) as _, activities(), orchestrations(), long_leases()).await;
    assert_eq!(stage.run("i", "Echo", "x").await.as_deref(), Ok("x"));
    assert_eq!(store.answered("abandon_orchestration_item"), ["for Some(50ms), free: false"]);
    store.assert_all_happened();
    stage.end().await;
}

async fn d06_an_activity_whose_result_could_not_be_stored_is_given_back(store: Arc<dyn Provider>) {
    let store = Faulty::over(store, [("ack_work_item", vec![Fault::Busy; TRIES])]);
    let stage = Stage::with(Arc::clone(&store) as _, activities(), orchestrations(), long_leases()).await;
    assert_eq!(stage.run("i", "Echo", "x").await.as_deref(), Ok("x"));
    assert_eq!(store.answered("abandon_work_item"), ["for Some(100ms), free: false"]);
    store.assert_all_happened();
    stage.end().await;
}

/// As many panics as there are slots, in each operation that a slot calls.
async fn d15_a_slot_survives_a_panic_of_the_store(store: Arc<dyn Provider>) {
    let calls = ["fetch_orchestration_item", "ack_orchestration_item", "fetch_work_item", "ack_work_item"];
    let store = Faulty::over(store, calls.map(|call| (call, vec![Fault::Panic])));
    let options = RuntimeOptions {
        orchestration_concurrency: 1,
        worker_concurrency: 1,
        // What a panic leaves behind comes back when its lease ends.
        orchestrator_lock_timeout: Duration::from_secs(1),
        worker_lock_timeout: Duration::from_secs(1),
        ..options()
    };
    let stage = Stage::with(Arc::clone(&store) as _, activities(), orchestrations(), options).await;
    assert_eq!(stage.run("i", "Echo", "x").await.as_deref(), Ok("x"));
    store.assert_all_happened();
    stage.end().await;
}

async fn d15_a_slot_survives_work_that_is_no_activity(store: Arc<dyn Provider>) {
    let foreign = WorkItem::CancelInstance { instance: "i".to_owned(), reason: "in the wrong queue".to_owned() };
    // A store may refuse it, too.
    let _ = store.enqueue_for_worker(foreign).await;
    let options = RuntimeOptions { worker_concurrency: 1, ..options() };
    let stage = Stage::with(store, activities(), orchestrations(), options).await;
    stage.assert_others_run().await;
    stage.end().await;
}

/// The wrapper itself: an answer that is lost does not make a turn happen twice.
#[tokio::test(start_paused = true)]
async fn d06_a_commit_that_happened_though_it_failed_counts_once() {
    let store = super::memory_in_virtual_time();
    let store = Faulty::over(store, [("ack_orchestration_item", vec![Fault::LostAnswer; 2])]);
    let runs = Arc::new(OnceLock::new());
    let ran = Arc::clone(&runs);
    let activities = ActivityRegistry::builder()
        .register("Once", move |_: ActivityContext, _| {
            let first = ran.set(()).is_ok();
            async move { Ok(first.to_string()) }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Calls", |ctx, _| async move { ctx.schedule_activity("Once", "").await })
        .build();
    let stage = Stage::with(Arc::clone(&store) as _, activities, orchestrations, options()).await;
    assert_eq!(stage.run("i", "Calls", "").await.as_deref(), Ok("true"));
    store.assert_all_happened();
    stage.end().await;
}
