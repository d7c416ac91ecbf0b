//! Laws: a turn is committed whole, or not at all.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{Case, LONG, SHORT, expect_permanent};
use super::items::{
    Turn, activity, adds, child_completed, ends, event, identity, names, nothing, payloads, raised, says, scheduled,
    set, start, started, status_set, timer,
};
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::event::{Event, EventKind};
use crate::model::work_item::WorkItem;

laws!("atomicity":
    turn_commit_is_whole,
    a_duplicate_event_refuses_the_whole_turn,
    a_duplicate_inside_the_turn_refuses_the_whole_turn,
    an_event_id_of_zero_refuses_the_whole_turn,
    an_expired_lock_refuses_the_whole_turn,
    a_refused_turn_keeps_the_lock_and_the_batch,
    an_empty_turn_is_legal,
    an_ack_deletes_exactly_its_batch,
    timers_become_visible_when_they_are_due,
    a_result_of_a_child_goes_to_its_parent,
    an_activity_among_messages_is_left_out,
    an_activity_scheduled_and_cancelled_in_one_turn_is_not_there,
    stale_result_of_a_cancelled_activity_is_refused,
    a_cancelled_activity_that_waits_is_gone,
    cancelling_what_is_unknown_is_harmless,
    cancelling_matches_the_whole_identity,
    activities_of_a_last_turn_are_kept,
    status_and_output_are_set_without_events,
    running_has_no_end,
);

/// A turn that changes everything a turn can change.
fn everything(delta: Vec<Event>) -> Commit {
    Commit {
        delta,
        worker_items: vec![activity("a", 2)],
        orchestrator_items: vec![start("b")],
        metadata: ExecutionMetadata { status: Some("Completed".into()), output: Some("all".into()), ..names() },
        ..nothing()
    }
}

fn events() -> Vec<Event> {
    vec![started("a"), scheduled("a", 2), set("a", 3, "colour", "red"), status_set("a", 4, Some("half way"))]
}

async fn expect_nothing_happened(store: &Case<'_>) {
    store.expect_no_instance("a").await;
    assert!(store.events("a").await.is_empty(), "expected no events");
    store.expect_no_job("the turn was refused").await;
    let executions = store.admin().list_executions("a").await.expect("list");
    assert!(executions.is_empty(), "expected no execution, found {executions:?}");
    let value = store.get_kv_value("a", "colour").await.expect("read");
    assert_eq!(value, None);
    let status = store.get_custom_status("a", 0).await.expect("read");
    assert_eq!(status, None);
    let depths = store.admin().get_queue_depths().await.expect("depths");
    assert!(depths.orchestrator_queue <= 1, "expected no new message, found {depths:?}");
}

pub async fn turn_commit_is_whole(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    store.ack(&turn, everything(events())).await;
    store.expect_instance("a").await;
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!((info.status.as_str(), info.output.as_deref()), ("Completed", Some("all")));
    assert_eq!(store.events("a").await, events());
    assert_eq!(store.take_job().await.item, activity("a", 2));
    assert_eq!(store.take().await.item.messages, [start("b")]);
    let value = store.get_kv_value("a", "colour").await.expect("read");
    assert_eq!(value.as_deref(), Some("red"));
    let status = store.get_custom_status("a", 0).await.expect("read");
    assert_eq!(status, Some((Some("half way".into()), 1)));
    store.expect_no_turn("its message was consumed").await;
}

/// A turn with these events is refused, and nothing of it happens.
async fn refuses(factory: &dyn StoreFactory, delta: Vec<Event>) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    expect_permanent(store.try_ack(&turn.token, everything(delta)).await, "");
    expect_nothing_happened(&store).await;
    store.ack(&turn, everything(events())).await;
}

pub async fn a_duplicate_event_refuses_the_whole_turn(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.send(raised("a", "1")).await;
    let turn = store.take().await;
    let again = vec![scheduled("a", 2), set("a", 3, "colour", "red"), started("a")];
    let commit = Commit { delta: again, ..everything(Vec::new()) };
    expect_permanent(store.try_ack(&turn.token, commit).await, "");
    assert_eq!(store.events("a").await, [started("a")]);
    store.expect_no_job("the turn was refused").await;
    store.expect_no_turn("the turn was refused and the instance is locked").await;
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!(info.status, "Running");
    assert_eq!(store.get_kv_value("a", "colour").await.expect("read"), None);
}

pub async fn a_duplicate_inside_the_turn_refuses_the_whole_turn(factory: &dyn StoreFactory) {
    let mut delta = events();
    delta.push(scheduled("a", 2));
    refuses(factory, delta).await;
}

pub async fn an_event_id_of_zero_refuses_the_whole_turn(factory: &dyn StoreFactory) {
    let mut delta = events();
    delta.push(scheduled("a", 0));
    refuses(factory, delta).await;
}

pub async fn an_expired_lock_refuses_the_whole_turn(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take_for(SHORT).await;
    store.lapse(SHORT).await;
    expect_permanent(store.try_ack(&turn.token, everything(events())).await, "");
    expect_nothing_happened(&store).await;
    assert_eq!(store.take().await.item.messages, [start("a")]);
}

pub async fn a_refused_turn_keeps_the_lock_and_the_batch(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    expect_permanent(store.try_ack(&turn.token, adds(vec![scheduled("a", 0)])).await, "");
    store.expect_no_turn("the lock is still held").await;
    store.renew_orchestration_item_lock(&turn.token, LONG).await.expect("the lock is still held");
    store.abandon_orchestration_item(&turn.token, None, false).await.expect("the lock is still held");
    assert_eq!(store.take().await.item.messages, [start("a")]);
}

pub async fn an_empty_turn_is_legal(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    store.ack(&turn, nothing()).await;
    store.expect_no_turn("its message was consumed").await;
    assert!(store.events("a").await.is_empty());
}

pub async fn an_ack_deletes_exactly_its_batch(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.send(raised("a", "1")).await;
    store.send(raised("a", "2")).await;
    let turn = store.take().await;
    store.send(raised("a", "3")).await;
    store.send(start("b")).await;
    store.ack(&turn, nothing()).await;
    assert_eq!(payloads(&store.take().await), ["3"]);
    assert_eq!(store.take().await.item.instance, "b");
    store.expect_no_turn("both are taken").await;
}

pub async fn timers_become_visible_when_they_are_due(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let soon = store.now_ms() + 80;
    let much_later = store.now_ms() + 300_000;
    let past = timer("a", 5);
    let timers =
        Commit { orchestrator_items: vec![timer("a", much_later), timer("a", soon), past.clone()], ..nothing() };
    store.turn("a", timers).await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let turn: Turn = store.take_eventually().await;
        let now_ms = store.now_ms();
        for message in &turn.item.messages {
            assert!(
                *message == past || (*message == timer("a", soon) && now_ms >= soon),
                "{message:?} came at {now_ms}"
            );
        }
        seen.extend(turn.item.messages.clone());
        store.ack(&turn, nothing()).await;
    }
    store.expect_no_turn("the last timer is minutes away").await;
}

pub async fn a_result_of_a_child_goes_to_its_parent(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("p").await;
    store.create_child("c", "p").await;
    let done = Commit { orchestrator_items: vec![child_completed("p")], metadata: ends("Completed", "7"), ..nothing() };
    store.turn("c", done).await;
    let turn = store.take().await;
    assert_eq!((turn.item.instance.as_str(), turn.item.messages), ("p", vec![child_completed("p")]));
}

pub async fn an_activity_among_messages_is_left_out(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let mixed = Commit { orchestrator_items: vec![activity("a", 2), raised("a", "1")], ..nothing() };
    store.turn("a", mixed).await;
    assert_eq!(store.take().await.item.messages, [raised("a", "1")]);
    store.expect_no_job("it was not among the activities").await;
}

pub async fn an_activity_scheduled_and_cancelled_in_one_turn_is_not_there(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let both = Commit {
        worker_items: vec![activity("a", 2), activity("a", 3)],
        cancelled_activities: vec![identity("a", 2)],
        ..nothing()
    };
    store.turn("a", both).await;
    assert_eq!(store.take_job().await.id(), 3);
    store.expect_no_job("the other was cancelled").await;
}

fn schedules(ids: &[u64]) -> Commit {
    Commit { worker_items: ids.iter().map(|id| activity("a", *id)).collect(), ..nothing() }
}

fn cancels(id: u64) -> Commit {
    Commit { cancelled_activities: vec![identity("a", id)], ..nothing() }
}

pub async fn stale_result_of_a_cancelled_activity_is_refused(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", schedules(&[2])).await;
    let job = store.take_job().await;
    store.turn("a", cancels(2)).await;
    expect_permanent(store.renew_work_item_lock(&job.token, LONG).await, "");
    let late = super::items::completed("a", 2);
    expect_permanent(store.ack_work_item(&job.token, Some(late)).await, "");
    store.expect_no_turn("the completion was refused").await;
    store.expect_no_job("it was cancelled").await;
}

pub async fn a_cancelled_activity_that_waits_is_gone(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", schedules(&[2, 3])).await;
    store.turn("a", cancels(2)).await;
    assert_eq!(store.take_job().await.id(), 3);
    store.expect_no_job("the other was cancelled").await;
}

pub async fn cancelling_what_is_unknown_is_harmless(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", schedules(&[2])).await;
    store.turn("a", cancels(99)).await;
    assert_eq!(store.take_job().await.id(), 2);
}

pub async fn cancelling_matches_the_whole_identity(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let other_execution = WorkItem::ActivityExecute {
        instance: "a".into(),
        execution_id: 2,
        id: 2,
        name: "Charge".into(),
        input: "42".into(),
        session_id: None,
        tag: None,
    };
    store.post(other_execution.clone()).await;
    store.post(activity("b", 2)).await;
    store.turn("a", cancels(2)).await;
    assert_eq!(store.take_job().await.item, other_execution);
    assert_eq!(store.take_job().await.item, activity("b", 2));
}

pub async fn activities_of_a_last_turn_are_kept(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let last = Commit { worker_items: vec![activity("a", 2)], metadata: ends("Completed", "done"), ..nothing() };
    store.turn("a", last).await;
    assert_eq!(store.take_job().await.item, activity("a", 2));
}

pub async fn status_and_output_are_set_without_events(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", says(ends("Failed", "boom"))).await;
    let info = store.admin().get_execution_info("a", 1).await.expect("it exists");
    assert_eq!((info.status.as_str(), info.output.as_deref()), ("Failed", Some("boom")));
    assert!(info.completed_at.is_some_and(|at| at > 0));
    // The events say nothing either way.
    let end = event("a", 2, EventKind::OrchestrationCompleted { output: "x".into() });
    store.turn("a", adds(vec![end])).await;
    let info = store.admin().get_execution_info("a", 1).await.expect("it exists");
    assert_eq!(info.status, "Failed");
}

pub async fn running_has_no_end(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let info = store.admin().get_execution_info("a", 1).await.expect("it exists");
    assert_eq!((info.status.as_str(), info.completed_at), ("Running", None));
}
