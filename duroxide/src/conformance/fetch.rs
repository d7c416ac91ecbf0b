//! Laws: which instance a fetch returns, and what comes with it.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use std::time::Duration;

use super::StoreFactory;
use super::case::{Case, LONG, SHORT};
use super::items::{
    NAME, VERSION, adds, child_completed, completed, continued, ends, names, nothing, payloads, queued, raised, says,
    scheduled, start, started, timer,
};
use crate::model::commit::Commit;
use crate::model::error::{AppErrorKind, ErrorDetails};
use crate::model::filter::TagFilter;
use crate::model::work_item::WorkItem;

laws!("fetch":
    an_empty_queue_gives_nothing,
    a_fetch_waits_no_longer_than_asked,
    the_earliest_message_decides_who_is_next,
    a_batch_holds_all_visible_messages_in_order,
    a_later_arrival_waits_for_the_next_batch,
    a_delayed_message_is_invisible_until_due,
    a_delayed_message_keeps_its_place,
    a_delayed_message_stays_out_of_the_batch,
    a_locked_instance_hides_no_other,
    history_and_names_come_along,
    an_ended_instance_still_gets_its_messages,
    messages_come_back_equal,
    an_event_for_nobody_blocks_nobody,
    a_cancellation_of_nobody_blocks_nobody,
    a_completion_for_nobody_blocks_nobody,
    an_event_that_overtook_its_start_comes_with_it,
    a_waiting_event_counts_no_attempts,
    queue_messages_for_nobody_are_dropped,
    queue_messages_with_their_start_are_kept,
    queue_messages_wait_for_a_start_that_is_delayed,
    ;
    with hooks:
    unreadable_history_is_reported_with_the_item,
    unreadable_history_leaves_names_from_the_instance_row,
    unreadable_history_holds_the_lock_and_counts_attempts,
    unreadable_history_can_be_ended_by_an_ack,
);

pub async fn an_empty_queue_gives_nothing(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.expect_no_turn("nothing was enqueued").await;
    store.expect_no_job("nothing was enqueued").await;
}

pub async fn a_fetch_waits_no_longer_than_asked(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let poll = Duration::from_millis(200);
    let at_most = Duration::from_secs(2);
    let turn = tokio::time::timeout(at_most, store.fetch_orchestration_item(LONG, poll, None)).await;
    assert!(turn.expect("an answer in time").expect("fetching works").is_none());
    let job = tokio::time::timeout(at_most, store.fetch_work_item(LONG, poll, None, &TagFilter::Any)).await;
    assert!(job.expect("an answer in time").expect("fetching works").is_none());
}

pub async fn the_earliest_message_decides_who_is_next(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for instance in ["c", "a", "b"] {
        store.send(start(instance)).await;
    }
    for expected in ["c", "a", "b"] {
        assert_eq!(store.take().await.item.instance, expected);
    }
    store.expect_no_turn("all are taken").await;
}

pub async fn a_batch_holds_all_visible_messages_in_order(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    store.send(start("b")).await;
    for data in ["1", "2", "3"] {
        store.send(raised("a", data)).await;
    }
    let turn = store.take().await;
    assert_eq!(turn.item.messages.first(), Some(&start("a")));
    assert_eq!(payloads(&turn), ["1", "2", "3"]);
    assert_eq!(turn.item.messages.len(), 4);
}

pub async fn a_later_arrival_waits_for_the_next_batch(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    store.send(raised("a", "late")).await;
    store.expect_no_turn("the instance is locked").await;
    store.ack(&turn, says(names())).await;
    let next = store.take().await;
    assert_eq!((payloads(&next), next.attempts), (vec!["late"], 1));
}

pub async fn a_delayed_message_is_invisible_until_due(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send_later(start("far"), LONG).await;
    store.send_later(start("near"), SHORT).await;
    assert_eq!(store.take_eventually().await.item.instance, "near");
    store.expect_no_turn("the other is not due for minutes").await;
}

pub async fn a_delayed_message_keeps_its_place(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send_later(start("first"), SHORT).await;
    store.send(start("second")).await;
    store.lapse(SHORT).await;
    assert_eq!(store.take().await.item.instance, "first", "order is that of arrival");
    assert_eq!(store.take().await.item.instance, "second");
}

pub async fn a_delayed_message_stays_out_of_the_batch(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.send_later(raised("a", "later"), LONG).await;
    store.send(raised("a", "now")).await;
    let turn = store.take().await;
    assert_eq!(payloads(&turn), ["now"]);
    store.ack(&turn, nothing()).await;
    let depths = store.admin().get_queue_depths().await.expect("depths");
    assert_eq!(depths.orchestrator_queue, 1, "the ack took only what was fetched");
}

pub async fn a_locked_instance_hides_no_other(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    store.take().await;
    store.send(raised("a", "1")).await;
    store.send(start("b")).await;
    assert_eq!(store.take().await.item.instance, "b");
}

pub async fn history_and_names_come_along(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![scheduled("a", 2)])).await;
    store.send(raised("a", "1")).await;
    let item = store.take().await.item;
    assert_eq!((item.orchestration_name.as_str(), item.version.as_str()), (NAME, VERSION));
    assert_eq!((item.instance.as_str(), item.execution_id), ("a", 1));
    assert_eq!(item.history, [started("a"), scheduled("a", 2)]);
    assert_eq!(item.history_error, None);
}

pub async fn an_ended_instance_still_gets_its_messages(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", says(ends("Completed", "done"))).await;
    store.send(raised("a", "too late")).await;
    let turn = store.take().await;
    assert_eq!(payloads(&turn), ["too late"]);
    store.ack(&turn, nothing()).await;
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!(info.status, "Completed");
}

pub async fn messages_come_back_equal(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let details = ErrorDetails::application(AppErrorKind::ActivityFailed, "no \"luck\"");
    let batch = [
        WorkItem::StartOrchestration {
            instance: "a".into(),
            orchestration: NAME.into(),
            input: "\u{0001}☃'".into(),
            version: None,
            parent_instance: Some("p".into()),
            parent_id: Some(3),
            parent_execution_id: Some(2),
            execution_id: 1,
        },
        completed("a", 2),
        WorkItem::ActivityFailed { instance: "a".into(), execution_id: 1, id: 3, details: details.clone() },
        timer("a", 5),
        raised("a", "payload"),
        child_completed("a"),
        WorkItem::SubOrchFailed { parent_instance: "a".into(), parent_execution_id: 1, parent_id: 4, details },
        WorkItem::CancelInstance { instance: "a".into(), reason: "enough".into() },
        continued("a"),
        queued("a", "payload"),
    ];
    for message in &batch {
        store.send(message.clone()).await;
    }
    assert_eq!(store.take().await.item.messages, batch);
}

/// Puts `orphan` before a start of another instance, which must come through.
async fn blocks_nobody(factory: &dyn StoreFactory, orphan: WorkItem) {
    let store = Case::of(factory).await;
    store.send(orphan).await;
    store.send(start("b")).await;
    for _ in 0..2 {
        let turn = store.take().await;
        assert_eq!(turn.item.instance, "b", "a message for nobody must not stop the queue");
        store.abandon_orchestration_item(&turn.token, None, true).await.expect("abandon");
    }
}

pub async fn an_event_for_nobody_blocks_nobody(factory: &dyn StoreFactory) {
    blocks_nobody(factory, raised("nobody", "1")).await;
}

pub async fn a_cancellation_of_nobody_blocks_nobody(factory: &dyn StoreFactory) {
    let cancel = WorkItem::CancelInstance { instance: "nobody".into(), reason: "why not".into() };
    blocks_nobody(factory, cancel).await;
}

pub async fn a_completion_for_nobody_blocks_nobody(factory: &dyn StoreFactory) {
    blocks_nobody(factory, completed("nobody", 2)).await;
}

pub async fn an_event_that_overtook_its_start_comes_with_it(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(raised("a", "early")).await;
    store.expect_no_turn("nobody has started it").await;
    store.send(start("a")).await;
    let turn = store.take().await;
    assert_eq!(turn.item.messages, [raised("a", "early"), start("a")]);
    assert_eq!(turn.item.orchestration_name, NAME);
}

pub async fn a_waiting_event_counts_no_attempts(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(raised("a", "early")).await;
    for _ in 0..3 {
        store.expect_no_turn("nobody has started it").await;
    }
    store.send(start("a")).await;
    assert_eq!(store.take().await.attempts, 1);
}

pub async fn queue_messages_for_nobody_are_dropped(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(queued("a", "1")).await;
    store.send(queued("a", "2")).await;
    store.expect_no_turn("nobody has started it").await;
    store.expect_no_turn("nobody has started it").await;
    store.send(start("a")).await;
    assert_eq!(store.take().await.item.messages, [start("a")]);
}

pub async fn queue_messages_with_their_start_are_kept(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(queued("a", "1")).await;
    store.send(start("a")).await;
    assert_eq!(store.take().await.item.messages, [queued("a", "1"), start("a")]);
}

pub async fn queue_messages_wait_for_a_start_that_is_delayed(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    // As when no node knows the orchestration yet, and its start is given back for a while.
    store.send(start("a")).await;
    let turn = store.take().await;
    store.abandon_orchestration_item(&turn.token, Some(SHORT), false).await.expect("abandon");
    store.send(queued("a", "1")).await;
    assert_eq!(store.take_eventually().await.item.messages, [start("a"), queued("a", "1")]);
}

/// An instance with unreadable history and one message.
async fn unreadable(factory: &dyn StoreFactory) -> Case<'_> {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.corrupt_history("a").await;
    store.send(raised("a", "1")).await;
    store
}

pub async fn unreadable_history_is_reported_with_the_item(factory: &dyn StoreFactory) {
    let store = unreadable(factory).await;
    let item = store.take().await.item;
    assert!(item.history_error.is_some(), "expected history_error, found none");
    assert!(item.history.is_empty() && item.kv_snapshot.is_empty());
    assert_eq!(item.messages, [raised("a", "1")]);
}

pub async fn unreadable_history_leaves_names_from_the_instance_row(factory: &dyn StoreFactory) {
    let store = unreadable(factory).await;
    let item = store.take().await.item;
    assert_eq!((item.orchestration_name.as_str(), item.version.as_str()), (NAME, VERSION));
    assert_eq!(item.execution_id, 1);
    store.expect_instance("a").await;
}

pub async fn unreadable_history_holds_the_lock_and_counts_attempts(factory: &dyn StoreFactory) {
    let store = unreadable(factory).await;
    for attempt in 1..4 {
        let turn = store.take().await;
        assert_eq!(turn.attempts, attempt);
        assert_eq!(store.max_attempt_count("a").await, attempt);
        store.expect_no_turn("the instance is locked").await;
        store.abandon_orchestration_item(&turn.token, None, false).await.expect("abandon");
    }
}

pub async fn unreadable_history_can_be_ended_by_an_ack(factory: &dyn StoreFactory) {
    let store = unreadable(factory).await;
    let turn = store.take().await;
    let poison = Commit { metadata: ends("Failed", "deserialization failed"), ..adds(vec![scheduled("a", 99_999)]) };
    store.ack(&turn, poison).await;
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!(info.status, "Failed");
    let execution = store.admin().get_execution_info("a", 1).await.expect("it exists");
    assert_eq!(execution.event_count, 2);
}
