//! Laws: an instance may have many executions; the newest counts.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{Case, expect_permanent};
use super::items::{adds, continued, ends, in_execution, names, nothing, raised, scheduled, start, started};
use crate::model::commit::Commit;

laws!("executions":
    an_ack_for_the_next_execution_makes_it_current,
    an_ack_for_an_older_execution_leaves_the_newest_current,
    each_execution_has_its_own_history,
    each_execution_has_its_own_status,
    reading_means_the_newest_execution,
    a_fetch_brings_the_history_of_the_newest_execution,
    executions_need_no_instance_row,
    an_execution_may_have_any_number,
    the_newest_of_an_unknown_instance_is_one,
);

/// Execution 1 continued as new; execution 2 has one event more than its start.
async fn continued_once(factory: &dyn StoreFactory) -> Case<'_> {
    let store = Case::of(factory).await;
    store.create("a").await;
    let ending = Commit {
        delta: vec![scheduled("a", 2)],
        metadata: ends("ContinuedAsNew", "2"),
        orchestrator_items: vec![continued("a")],
        ..nothing()
    };
    store.turn("a", ending).await;
    let turn = store.take().await;
    assert_eq!(turn.item.messages, [continued("a")]);
    let next = Commit {
        delta: vec![started("a"), scheduled("a", 2), scheduled("a", 3)],
        metadata: names(),
        ..in_execution(2)
    };
    store.ack(&turn, next).await;
    store
}

pub async fn an_ack_for_the_next_execution_makes_it_current(factory: &dyn StoreFactory) {
    let store = continued_once(factory).await;
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!((info.current_execution_id, info.status.as_str()), (2, "Running"));
    assert_eq!(info.output, None);
    assert_eq!(store.admin().latest_execution_id("a").await.expect("read"), 2);
    assert_eq!(store.admin().list_executions("a").await.expect("list"), [1, 2]);
}

pub async fn an_ack_for_an_older_execution_leaves_the_newest_current(factory: &dyn StoreFactory) {
    let store = continued_once(factory).await;
    store.turn("a", adds(vec![scheduled("a", 7)])).await;
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!(info.current_execution_id, 2);
    let older = store.read_with_execution("a", 1).await.expect("read");
    assert_eq!(older.last(), Some(&scheduled("a", 7)));
}

pub async fn each_execution_has_its_own_history(factory: &dyn StoreFactory) {
    let store = continued_once(factory).await;
    let first = store.read_with_execution("a", 1).await.expect("read");
    assert_eq!(first, [started("a"), scheduled("a", 2)]);
    let second = store.admin().read_history_with_execution_id("a", 2).await;
    assert_eq!(second.expect("read").len(), 3);
}

pub async fn each_execution_has_its_own_status(factory: &dyn StoreFactory) {
    let store = continued_once(factory).await;
    let first = store.admin().get_execution_info("a", 1).await.expect("it exists");
    assert_eq!((first.status.as_str(), first.output.as_deref()), ("ContinuedAsNew", Some("2")));
    assert!(first.completed_at.is_some());
    let second = store.admin().get_execution_info("a", 2).await.expect("it exists");
    assert_eq!((second.status.as_str(), second.completed_at), ("Running", None));
}

pub async fn reading_means_the_newest_execution(factory: &dyn StoreFactory) {
    let store = continued_once(factory).await;
    assert_eq!(store.events("a").await.len(), 3);
    assert_eq!(store.admin().read_history("a").await.expect("read").len(), 3);
}

pub async fn a_fetch_brings_the_history_of_the_newest_execution(factory: &dyn StoreFactory) {
    let store = continued_once(factory).await;
    store.send(raised("a", "1")).await;
    let item = store.take().await.item;
    assert_eq!((item.execution_id, item.history.len()), (2, 3));
}

pub async fn executions_need_no_instance_row(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    store.ack(&turn, nothing()).await;
    store.expect_no_instance("a").await;
    assert_eq!(store.admin().list_executions("a").await.expect("list"), [1]);
    assert_eq!(store.admin().latest_execution_id("a").await.expect("read"), 1);
    let info = store.admin().get_execution_info("a", 1).await.expect("it exists");
    assert_eq!((info.status.as_str(), info.event_count), ("Running", 0));
}

pub async fn an_execution_may_have_any_number(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    let fifth = Commit { metadata: names(), ..in_execution(5) };
    store.ack(&turn, fifth).await;
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!(info.current_execution_id, 5);
    assert_eq!(store.admin().list_executions("a").await.expect("list"), [5]);
    expect_permanent(store.admin().get_execution_info("a", 1).await, "not found");
}

pub async fn the_newest_of_an_unknown_instance_is_one(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    assert_eq!(store.admin().latest_execution_id("nobody").await.expect("read"), 1);
    assert!(store.admin().list_executions("nobody").await.expect("list").is_empty());
}
