//! What the contract leaves to a store: orphans, unreadable rows, wake-ups.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::MemoryProvider;
use crate::providers::signal::WorkQueue;
use crate::providers::{Provider, TagFilter, WorkItem};

const LOCK: Duration = Duration::from_secs(30);

fn store_and_clock() -> (MemoryProvider, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(1_000_000));
    let hands = Arc::clone(&clock);
    let store = MemoryProvider::with_clock(Arc::new(move || hands.load(Ordering::SeqCst)));
    (store, clock)
}

fn start(instance: &str) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: instance.into(),
        orchestration: "Order".into(),
        input: "{}".into(),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}

fn event(instance: &str) -> WorkItem {
    WorkItem::ExternalRaised { instance: instance.into(), name: "paid".into(), data: "1".into() }
}

async fn messages_of_next(store: &MemoryProvider) -> Option<Vec<WorkItem>> {
    let fetched = store.fetch_orchestration_item(LOCK, Duration::ZERO, None).await;
    fetched.expect("fetch").map(|(item, _, _)| item.messages)
}

#[tokio::test]
async fn an_event_that_overtook_its_start_waits_for_a_day() {
    let (store, clock) = store_and_clock();
    store.enqueue_for_orchestrator(event("early"), None).await.expect("enqueue");
    assert_eq!(messages_of_next(&store).await, None);
    clock.fetch_add(86_399_999, Ordering::SeqCst);
    assert_eq!(messages_of_next(&store).await, None);
    store.enqueue_for_orchestrator(start("early"), None).await.expect("enqueue");
    let batch = messages_of_next(&store).await;
    assert_eq!(batch, Some(vec![event("early"), start("early")]));

    store.enqueue_for_orchestrator(event("mistyped"), None).await.expect("enqueue");
    clock.fetch_add(86_400_000, Ordering::SeqCst);
    assert!(messages_of_next(&store).await.is_some(), "the lock on the other one has expired");
    store.enqueue_for_orchestrator(start("mistyped"), None).await.expect("enqueue");
    assert_eq!(messages_of_next(&store).await, Some(vec![start("mistyped")]));
}

#[tokio::test]
async fn a_message_that_does_not_parse_is_put_aside_and_stops_nobody() {
    let (store, _) = store_and_clock();
    store.enqueue_text("a", "{\"FromTheFuture\":{}}");
    store.enqueue_for_orchestrator(start("a"), None).await.expect("enqueue");
    store.enqueue_text("nobody", "garbage");
    store.enqueue_for_orchestrator(start("b"), None).await.expect("enqueue");
    assert_eq!(messages_of_next(&store).await, Some(vec![start("a")]));
    assert_eq!(messages_of_next(&store).await, Some(vec![start("b")]));
    assert_eq!(messages_of_next(&store).await, None);
    assert_eq!(store.quarantined(), ["{\"FromTheFuture\":{}}"]);
}

fn activity(id: u64) -> WorkItem {
    WorkItem::ActivityExecute {
        instance: "a".into(),
        execution_id: 1,
        id,
        name: "Charge".into(),
        input: String::new(),
        session_id: None,
        tag: None,
    }
}

async fn next_activity(store: &MemoryProvider) -> Option<WorkItem> {
    let fetched = store.fetch_work_item(LOCK, Duration::ZERO, None, &TagFilter::Any).await;
    fetched.expect("fetch").map(|(item, _, _)| item)
}

#[tokio::test]
async fn an_orchestration_is_told_of_its_activity_that_cannot_be_read() {
    let (store, clock) = store_and_clock();
    store.enqueue_for_orchestrator(start("a"), None).await.expect("enqueue");
    for (id, text) in [(2, Some("garbage")), (3, Some("{\"FromTheFuture\":{}}")), (4, None)] {
        store.enqueue_for_worker(activity(id)).await.expect("enqueue");
        if let Some(text) = text {
            store.replace_activity(id, text);
        }
    }
    assert_eq!(next_activity(&store).await, Some(activity(4)));
    assert_eq!(store.quarantined(), ["garbage"], "a later version may know the other");
    let messages = messages_of_next(&store).await.expect("it is told");
    assert!(matches!(&messages[..], [_, WorkItem::ActivityFailed { id: 2, .. }]), "{messages:?}");
    assert_eq!(next_activity(&store).await, None);
    store.replace_activity(3, &serde_json::to_string(&activity(3)).expect("JSON"));
    clock.fetch_add(60_000, Ordering::SeqCst);
    assert_eq!(next_activity(&store).await, Some(activity(3)));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_work_is_told_after_it_is_there() {
    let store = Arc::new(MemoryProvider::new());
    let signal = store.work_signal().expect("memory has one");
    let ticket = signal.ticket(WorkQueue::Orchestrator);
    store.enqueue_for_orchestrator(start("a"), None).await.expect("enqueue");
    let began = tokio::time::Instant::now();
    signal.wait(WorkQueue::Orchestrator, ticket, LOCK).await;
    assert_eq!(began.elapsed(), Duration::ZERO);

    let (_, token, _) =
        store.fetch_orchestration_item(LOCK, Duration::ZERO, None).await.expect("fetch").expect("a start is there");
    store.enqueue_for_orchestrator(event("a"), None).await.expect("enqueue");
    let ticket = signal.ticket(WorkQueue::Orchestrator);
    store.abandon_orchestration_item(&token, None, false).await.expect("abandon");
    signal.wait(WorkQueue::Orchestrator, ticket, LOCK).await;
    assert_eq!(began.elapsed(), Duration::ZERO, "the instance is free again");

    let ticket = signal.ticket(WorkQueue::Worker);
    signal.wait(WorkQueue::Worker, ticket, Duration::from_millis(5)).await;
    assert_eq!(began.elapsed(), Duration::from_millis(5), "there was nothing to do");
}
