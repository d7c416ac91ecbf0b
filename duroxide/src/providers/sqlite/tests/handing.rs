//! Activities that go to whoever committed their turn: never past others for ever, and never to nobody.

use std::collections::HashSet;

use super::*;
use crate::providers::express::Committed;

fn served(tags: &[&str]) -> TagFilter {
    TagFilter::DefaultAnd(tags.iter().map(|&tag| tag.to_owned()).collect::<HashSet<_>>())
}

/// Starts an instance whose first turn asks for an activity, and tells whether that was handed over.
async fn is_handed(store: &SqliteProvider, instance: &str, tags: TagFilter) -> bool {
    store.enqueue_for_orchestrator(start(instance), None).await.unwrap();
    let turn = store.fetch_turns(asked(1)).await.unwrap().remove(0);
    let commit = first_turn(instance, vec![activity(instance, 2, None, None)]);
    let Committed { leased, .. } = store.commit_turn(&turn.token, turn.head, commit, hand(tags)).await.unwrap();
    !leased.is_empty()
}

#[tokio::test]
async fn what_a_commit_makes_ready_is_leased_by_it_to_whoever_waits() {
    let dir = Dir::new();
    let store = dir.open().await;
    begin(&store, "a").await;
    let signal = store.work_signal().unwrap();
    let ticket = signal.ticket(WorkQueue::Orchestrator);
    let mut waiting = store.await_turns(asked(1));
    assert!(poll_once(&mut waiting).is_none());
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    let leases: i64 = dir.foreign().query_row("SELECT count(*) FROM instance_locks", [], |row| row.get(0)).unwrap();
    assert_eq!(leases, 1, "in the same commit");
    let turns = waiting.await.unwrap();
    assert_eq!((turns[0].item.instance.as_str(), turns[0].attempt), ("a", 1));
    store.ack_orchestration_item(&turns[0].token, 1, vec![], vec![], vec![], named(), vec![]).await.unwrap();
    assert!(signal.is_quiet(WorkQueue::Orchestrator, ticket), "nothing was left to look for");
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    let told = signal.wait(WorkQueue::Orchestrator, ticket, Duration::MAX);
    tokio::time::timeout(LOCK, told).await.expect("nobody waits in the store any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_takes_no_more_than_it_asked_for_and_nothing_when_it_is_gone() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    begin(&store, "a").await;
    begin(&store, "b").await;
    let signal = store.work_signal().unwrap();
    let ticket = signal.ticket(WorkQueue::Orchestrator);
    let (mut gone, mut waiting) = (store.await_turns(asked(8)), store.await_turns(asked(1)));
    assert!(poll_once(&mut gone).is_none() && poll_once(&mut waiting).is_none());
    drop(gone);
    let held = hold_writer(&store);
    let (one, two, ()) = tokio::join!(
        store.enqueue_for_orchestrator(raised("a"), None),
        store.enqueue_for_orchestrator(raised("b"), None),
        async { drop(held) },
    );
    one.and(two).unwrap();
    let told = signal.wait(WorkQueue::Orchestrator, ticket, Duration::MAX);
    tokio::time::timeout(LOCK, told).await.expect("there is more");
    let turns = waiting.await.unwrap();
    assert_eq!(turns.iter().map(|turn| turn.item.instance.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(fetch(&store).await.unwrap().0.instance, "b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_leased_to_whoever_does_not_wait_any_more_goes_back() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    begin(&store, "a").await;
    let mut waiting = store.await_turns(asked(1));
    assert!(poll_once(&mut waiting).is_none());
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    assert!(fetch(&store).await.is_none());
    drop(waiting);
    assert_eq!(fetch(&store).await.expect("given back").2, 1, "the attempt does not count");
}

#[tokio::test]
async fn an_activity_of_any_tag_that_is_served_is_not_overtaken() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    store.enqueue_for_worker(activity("old", 2, Some("gpu"), None)).await.unwrap();
    assert!(is_handed(&store, "a", TagFilter::DefaultOnly).await, "whoever waits there, it is not for us");
    assert!(is_handed(&store, "b", served(&["cpu"])).await);
    assert!(!is_handed(&store, "c", served(&["cpu", "gpu"])).await);
    assert!(!is_handed(&store, "d", TagFilter::Any).await);
    let oldest = store.fetch_work_item(LOCK, NOW, None, &served(&["gpu"])).await.unwrap().unwrap();
    assert_eq!(oldest.0, activity("old", 2, Some("gpu"), None));
}

#[tokio::test]
async fn an_activity_of_a_session_is_not_overtaken_by_whoever_may_take_it() {
    let dir = Dir::new();
    let (store, other) = (dir.open().await, dir.open().await);
    store.enqueue_for_worker(activity("old", 2, None, Some("s"))).await.unwrap();
    assert!(!is_handed(&store, "a", TagFilter::DefaultOnly).await, "nobody has the session");
    store.enqueue_for_worker(activity("old", 3, None, Some("s"))).await.unwrap();
    let owner = SessionFetchConfig { owner_id: "worker".into(), lock_timeout: LOCK };
    let held = other.fetch_work_item(LOCK, NOW, Some(&owner), &TagFilter::DefaultOnly).await.unwrap().unwrap();
    assert_eq!(held.0, activity("old", 2, None, Some("s")));
    fetch_activity(&store).await.expect("that of the first turn");
    assert!(is_handed(&store, "b", TagFilter::DefaultOnly).await, "what waits is for a worker of the other store");
    assert!(!is_handed(&other, "c", TagFilter::DefaultOnly).await, "here is that worker");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_handed_to_somebody_who_is_gone_is_given_back() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    let turn = store.fetch_turns(asked(1)).await.unwrap().remove(0);
    let commit = first_turn("a", vec![activity("a", 2, None, None)]);
    let held = hold_writer(&store);
    let mut committing = store.commit_turn(&turn.token, turn.head, commit, hand(TagFilter::DefaultOnly));
    assert!(poll_once(&mut committing).is_none());
    drop(held);
    // It is committed when this is.
    pragma(&store, Durability::Flushed, "user_version").await;
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM worker_queue WHERE state = 2").await, 1, "committed and leased");
    drop(committing);
    assert_eq!(fetch_activity(&store).await.expect("given back").2, 1, "the attempt does not count");
}
