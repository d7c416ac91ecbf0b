//! Whoever wraps a store sees every call, however quick the store inside could be; and its faults are survived.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{Provider, WorkItem};
use duroxide::runtime::{Runtime, RuntimeOptions};
use duroxide::{Client, Event, EventKind, OrchestrationStatus};

use crate::wrappers::Wrapper;
use crate::{end_of, flows};

const ORDERS: u32 = 5;

fn options() -> RuntimeOptions {
    RuntimeOptions { dispatcher_min_poll_interval: Duration::from_millis(2), ..RuntimeOptions::default() }
}

fn of_kind(events: &[Event], is: impl Fn(&EventKind) -> bool) -> usize {
    events.iter().filter(|event| is(&event.kind)).count()
}

/// Nothing in the store came there but through the wrapper.
async fn assert_every_call_is_seen(inner: Arc<dyn Provider>) {
    let store = Wrapper::recording(Arc::clone(&inner));
    let runs = flows::Runs::default();
    let provider = Arc::clone(&store) as Arc<dyn Provider>;
    let (activities, orchestrations) = (flows::activities(&runs), flows::orchestrations());
    let runtime = Runtime::start_with_options(provider, activities, orchestrations, options()).await;
    let client = Client::new(Arc::clone(&store) as _);
    for id in 0..ORDERS {
        flows::place(&client, id).await;
    }
    for id in 0..ORDERS {
        flows::approve(&client, id).await;
        assert_eq!(end_of(&client, &format!("order-{id}")).await, Ok(flows::receipt(id)));
    }
    runtime.shutdown(None).await;

    let seen = store.report();
    let mut all = Vec::new();
    for ((instance, execution_id), events) in &seen.events {
        let stored = inner.read_with_execution(instance, *execution_id).await.unwrap();
        assert_eq!(&stored, events, "{instance} {execution_id}: all of its history went through");
        all.extend(stored);
    }
    let instances = inner.as_management_capability().unwrap().list_instances().await.unwrap().len();
    let firsts = of_kind(&all, |kind| matches!(kind, EventKind::OrchestrationStarted { .. }));
    // An order, its payment, its shipping, and three executions of its notes.
    assert_eq!((instances, firsts), (4 * ORDERS as usize, 6 * ORDERS as usize));

    let ran = flows::ACTIVITIES_OF_AN_ORDER * ORDERS as usize;
    assert_eq!((runs.count(), seen.activities.len(), seen.calls["ack_work_item"]), (ran, ran, ran));
    let is_answer =
        |item: &&WorkItem| matches!(item, WorkItem::ActivityCompleted { .. } | WorkItem::ActivityFailed { .. });
    assert_eq!(seen.messages.iter().filter(is_answer).count(), ran);
    // A start, an approval and two notes.
    assert_eq!(seen.calls["enqueue_for_orchestrator"], 4 * ORDERS as usize);
    let timers = |item: &&WorkItem| matches!(item, WorkItem::TimerFired { .. });
    assert_eq!(
        seen.messages.iter().filter(timers).count(),
        of_kind(&all, |kind| matches!(kind, EventKind::TimerCreated { .. }))
    );
    assert!(seen.calls["fetch_work_item"] > ran && seen.calls["fetch_orchestration_item"] > firsts);
    assert!(seen.calls.get("read").is_some_and(|reads| *reads > 0), "clients ask the wrapper, too: {:?}", seen.calls);
}

#[tokio::test]
async fn a_recorder_around_the_memory_store_sees_everything() {
    assert_every_call_is_seen(Arc::new(MemoryProvider::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorder_around_a_file_sees_everything() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("orders.db").display());
    assert_every_call_is_seen(Arc::new(SqliteProvider::new(&url, None).await.unwrap())).await;
}

/// Clients of a failing store try again, as long-standing programs do.
async fn insist<T, E: std::fmt::Display>(mut call: impl AsyncFnMut() -> Result<T, E>) -> T {
    for _ in 0..100 {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.to_string().contains("fault injector"), "{error}"),
        }
    }
    panic!("a hundred failures in a row");
}

/// Every seventh call of each kind fails, half of them after they happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_survive_a_store_that_fails_now_and_then() {
    let store = Wrapper::failing(Arc::new(SqliteProvider::new_in_memory().await.unwrap()), 7);
    let runs = flows::Runs::default();
    let options = RuntimeOptions {
        orchestrator_lock_timeout: Duration::from_secs(1),
        worker_lock_timeout: Duration::from_secs(1),
        max_attempts: 100,
        ..options()
    };
    let provider = Arc::clone(&store) as Arc<dyn Provider>;
    let (activities, orchestrations) = (flows::activities(&runs), flows::orchestrations());
    let runtime = Runtime::start_with_options(provider, activities, orchestrations, options).await;
    let client = Client::new(Arc::clone(&store) as _);
    for id in 0..ORDERS {
        let start = async || client.start_orchestration_typed(format!("order-{id}"), "Order", flows::order(id)).await;
        insist(start).await;
        for note in ["fragile", "gift"] {
            insist(async || client.enqueue_event(format!("order-{id}"), "notes", note).await).await;
        }
    }
    for id in 0..ORDERS {
        let instance = format!("order-{id}");
        let waiting = |kind: &EventKind| matches!(kind, EventKind::ExternalSubscribed { .. });
        while of_kind(&insist(async || store.read(&instance).await).await, waiting) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        insist(async || client.raise_event(&instance, "approval", "boss").await).await;
        let status = insist(async || client.wait_for_orchestration(&instance, crate::PATIENCE).await).await;
        let is_receipt = |output: &String| *output == flows::receipt(id);
        assert!(
            matches!(&status, OrchestrationStatus::Completed { output, .. } if is_receipt(output)),
            "a transient error ended an order: {status:?}"
        );
    }
    runtime.shutdown(None).await;
    assert!(runs.count() >= flows::ACTIVITIES_OF_AN_ORDER * ORDERS as usize, "at least once each");
}
