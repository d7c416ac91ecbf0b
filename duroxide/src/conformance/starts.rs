//! Laws: a start is compared with what its id stands for; for stores that can compare.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{Case, expect_permanent};
use super::items::{VERSION, continued, names, nothing, raised, start, start_of, started};
use crate::model::commit::Commit;
use crate::model::event::{Event, EventKind};
use crate::model::start::StartOutcome;
use crate::model::work_item::WorkItem;

laws!("starts":
    a_start_of_a_free_id_is_queued,
    a_start_that_is_queued_already_adds_nothing,
    a_start_whose_first_turn_runs_adds_nothing,
    a_start_of_a_running_instance_adds_nothing,
    a_start_of_an_ended_instance_adds_nothing,
    another_orchestration_under_a_queued_id_differs,
    another_input_under_a_queued_id_differs,
    another_orchestration_under_a_taken_id_differs,
    another_input_under_a_taken_id_differs,
    the_first_execution_counts_and_not_the_newest,
    messages_that_wait_for_an_instance_do_not_take_its_id,
    only_a_start_is_a_start,
    of_many_starts_at_once_one_is_queued,
);

/// A store that compares, and what it says to the start of a free id; `None` for a store that cannot, which is legal.
async fn comparing(factory: &dyn StoreFactory) -> Option<Case<'_>> {
    let store = Case::of(factory).await;
    let probe = store.enqueue_start(start("probe")).await.expect("a start is accepted");
    let turn = store.take().await;
    assert_eq!(turn.item.messages, [start("probe")], "whatever the store can compare, the start arrives");
    if probe == StartOutcome::Uncompared {
        return None;
    }
    assert_eq!(probe, StartOutcome::Queued);
    Some(store)
}

/// The start of instance `a` with another input than [`start`] has.
fn with_input(text: &str) -> WorkItem {
    let mut item = start("a");
    if let WorkItem::StartOrchestration { input, .. } = &mut item {
        text.clone_into(input);
    }
    item
}

/// What is told of [`start`].
fn differs() -> StartOutcome {
    let WorkItem::StartOrchestration { orchestration, input, .. } = start("a") else {
        unreachable!("a start is a start");
    };
    StartOutcome::Differs { orchestration, input: Some(input) }
}

async fn says(store: &Case<'_>, item: WorkItem) -> StartOutcome {
    store.enqueue_start(item).await.expect("a start is answered")
}

/// The first event of the second execution of `a`.
fn started_again(input: &str) -> Event {
    let mut event = started("a");
    event.execution_id = 2;
    if let EventKind::OrchestrationStarted { input: first, .. } = &mut event.kind {
        input.clone_into(first);
    }
    event
}

pub async fn a_start_of_a_free_id_is_queued(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    assert_eq!(says(&store, start("a")).await, StartOutcome::Queued);
    assert_eq!(store.take().await.item.messages, [start("a")]);
}

pub async fn a_start_that_is_queued_already_adds_nothing(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    store.send(start("a")).await;
    assert_eq!(says(&store, start("a")).await, StartOutcome::Exists);
    assert_eq!(store.take().await.item.messages, [start("a")]);
}

pub async fn a_start_whose_first_turn_runs_adds_nothing(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    store.send(start("a")).await;
    let turn = store.take().await;
    assert_eq!(says(&store, start("a")).await, StartOutcome::Exists);
    store.ack(&turn, nothing()).await;
    store.expect_no_turn("nothing was added").await;
}

pub async fn a_start_of_a_running_instance_adds_nothing(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    store.create("a").await;
    assert_eq!(says(&store, start("a")).await, StartOutcome::Exists);
    store.expect_no_turn("nothing was added").await;
}

pub async fn a_start_of_an_ended_instance_adds_nothing(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    store.create_ended("a", "Completed").await;
    assert_eq!(says(&store, start("a")).await, StartOutcome::Exists);
    store.expect_no_turn("nothing was added").await;
}

pub async fn another_orchestration_under_a_queued_id_differs(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    store.send(start("a")).await;
    assert_eq!(says(&store, start_of("a", "Other", Some(VERSION))).await, differs());
    assert_eq!(store.take().await.item.messages, [start("a")]);
}

pub async fn another_input_under_a_queued_id_differs(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    store.send(start("a")).await;
    assert_eq!(says(&store, with_input("7")).await, differs());
    assert_eq!(store.take().await.item.messages, [start("a")]);
}

pub async fn another_orchestration_under_a_taken_id_differs(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    store.create("a").await;
    assert_eq!(says(&store, start_of("a", "Other", Some(VERSION))).await, differs());
    store.expect_no_turn("nothing was added").await;
}

pub async fn another_input_under_a_taken_id_differs(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    store.create("a").await;
    assert_eq!(says(&store, with_input("7")).await, differs());
    store.expect_no_turn("nothing was added").await;
}

pub async fn the_first_execution_counts_and_not_the_newest(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    store.create_ended("a", "ContinuedAsNew").await;
    store.send(continued("a")).await;
    let turn = store.take().await;
    let delta = vec![started_again("7")];
    store.ack(&turn, Commit { execution_id: 2, delta, metadata: names(), ..Commit::default() }).await;
    assert_eq!(says(&store, start("a")).await, StartOutcome::Exists);
    assert_eq!(says(&store, with_input("7")).await, differs());
}

pub async fn messages_that_wait_for_an_instance_do_not_take_its_id(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    store.send(raised("a", "early")).await;
    assert_eq!(says(&store, start("a")).await, StartOutcome::Queued);
    assert!(store.take_eventually().await.item.messages.contains(&start("a")));
}

pub async fn only_a_start_is_a_start(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    expect_permanent(store.enqueue_start(raised("a", "")).await, "");
    store.expect_no_turn("it was refused").await;
}

pub async fn of_many_starts_at_once_one_is_queued(factory: &dyn StoreFactory) {
    let Some(store) = comparing(factory).await else { return };
    let mut starts = tokio::task::JoinSet::new();
    for n in 0..10 {
        let store = store.shared();
        starts.spawn(async move { store.enqueue_start(with_input(&n.to_string())).await.expect("answered") });
    }
    let outcomes = starts.join_all().await;
    let queued = outcomes.iter().filter(|outcome| **outcome == StartOutcome::Queued).count();
    assert_eq!((queued, outcomes.len()), (1, 10));
    assert_eq!(store.take().await.item.messages.len(), 1);
}
