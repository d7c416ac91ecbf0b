//! Laws: events come back as they were given.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{Case, expect_permanent};
use super::items::{adds, event, in_execution, names, nothing, raised, says, scheduled, start, started};
use crate::model::commit::Commit;
use crate::model::error::{AppErrorKind, ErrorDetails};
use crate::model::event::{Event, EventKind};

laws!("history":
    events_come_back_equal,
    events_come_back_in_the_order_of_their_ids,
    event_ids_may_have_gaps,
    an_execution_need_not_begin_with_a_start,
    nothing_in_an_event_is_rewritten,
    payloads_come_back_byte_for_byte,
    turns_add_up,
    an_unknown_instance_has_no_history,
    an_unknown_execution_has_no_history,
    history_needs_no_instance_row,
    appending_refuses_zero_and_duplicates,
    appending_creates_no_instance,
    the_same_event_id_in_another_execution_is_no_duplicate,
    the_same_event_id_in_another_instance_is_no_duplicate,
    ;
    with hooks:
    unreadable_rows_fail_every_read,
    an_ack_beside_unreadable_rows_works,
    corrupt_row_of_one_instance_leaves_others_alone,
);

fn kinds() -> Vec<EventKind> {
    let text = || String::from("x ☃ \" ' \\ \n");
    let details = ErrorDetails::application(AppErrorKind::ActivityFailed, text());
    vec![
        EventKind::OrchestrationStarted {
            name: text(),
            version: text(),
            input: text(),
            parent_instance: Some(text()),
            parent_id: Some(3),
            parent_execution_id: Some(4),
            carry_forward_events: Some(vec![(text(), text())]),
            initial_custom_status: Some(text()),
        },
        EventKind::OrchestrationCompleted { output: text() },
        EventKind::OrchestrationFailed { details: details.clone() },
        EventKind::ActivityScheduled { name: text(), input: text(), session_id: Some(text()), tag: Some(text()) },
        EventKind::ActivityCompleted { result: text() },
        EventKind::ActivityFailed { details: details.clone() },
        EventKind::ActivityCancelRequested { reason: text() },
        EventKind::TimerCreated { fire_at_ms: 1 },
        EventKind::TimerFired { fire_at_ms: u64::MAX },
        EventKind::ExternalSubscribed { name: text() },
        EventKind::ExternalEvent { name: text(), data: text() },
        EventKind::OrchestrationChained { name: text(), instance: text(), input: text() },
        EventKind::SubOrchestrationScheduled { name: text(), instance: text(), input: text() },
        EventKind::SubOrchestrationCompleted { result: text() },
        EventKind::SubOrchestrationFailed { details },
        EventKind::SubOrchestrationCancelRequested { reason: text() },
        EventKind::OrchestrationContinuedAsNew { input: text() },
        EventKind::OrchestrationCancelRequested { reason: text() },
        EventKind::ExternalSubscribedCancelled { reason: text() },
        EventKind::QueueSubscribed { name: text() },
        EventKind::QueueEventDelivered { name: text(), data: text() },
        EventKind::QueueSubscriptionCancelled { reason: text() },
        EventKind::CustomStatusUpdated { status: None },
        EventKind::KeyValueSet { key: text(), value: text(), last_updated_at_ms: 4 },
        EventKind::KeyValueCleared { key: text() },
        EventKind::KeyValuesCleared,
    ]
}

pub async fn events_come_back_equal(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    let events: Vec<Event> = (1..).zip(kinds()).map(|(id, kind)| event("a", id, kind)).collect();
    let commit = Commit { metadata: names(), ..adds(events.clone()) };
    store.ack(&turn, commit).await;
    assert_eq!(store.events("a").await, events);
    store.send(raised("a", "1")).await;
    assert_eq!(store.take().await.item.history, events);
}

pub async fn events_come_back_in_the_order_of_their_ids(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for id in [3, 10, 1, 2] {
        store.append_with_execution("a", 1, vec![scheduled("a", id)]).await.expect("the id is free");
    }
    let ids: Vec<u64> = store.events("a").await.iter().map(Event::event_id).collect();
    assert_eq!(ids, [1, 2, 3, 10]);
}

pub async fn event_ids_may_have_gaps(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![scheduled("a", 100)])).await;
    store.turn("a", adds(vec![scheduled("a", 99_999)])).await;
    let ids: Vec<u64> = store.events("a").await.iter().map(Event::event_id).collect();
    assert_eq!(ids, [1, 100, 99_999]);
}

pub async fn an_execution_need_not_begin_with_a_start(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let second = Commit { delta: vec![scheduled("a", 5)], ..in_execution(2) };
    store.turn("a", second).await;
    assert_eq!(store.events("a").await, [scheduled("a", 5)]);
}

pub async fn nothing_in_an_event_is_rewritten(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let foreign = Event {
        instance_id: "somebody else".into(),
        execution_id: 42,
        source_event_id: Some(9),
        timestamp_ms: 1,
        duroxide_version: "99.0.0-beta+x".into(),
        ..scheduled("a", 2)
    };
    store.turn("a", adds(vec![foreign.clone()])).await;
    assert_eq!(store.events("a").await, [started("a"), foreign]);
    assert!(store.events("somebody else").await.is_empty());
}

pub async fn payloads_come_back_byte_for_byte(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let payloads = [
        String::new(),
        "\u{0}\u{1}\u{7f}\u{2028}\u{10ffff}".to_owned(),
        "'; DROP TABLE history; --".to_owned(),
        "null".to_owned(),
        "x".repeat(1_000_000),
    ];
    let events: Vec<Event> =
        (2..).zip(payloads).map(|(id, result)| event("a", id, EventKind::ActivityCompleted { result })).collect();
    store.turn("a", adds(events.clone())).await;
    assert!(store.events("a").await[1..] == events, "expected the payloads as given");
}

pub async fn turns_add_up(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    for id in 2..6 {
        store.turn("a", adds(vec![scheduled("a", id)])).await;
    }
    let ids: Vec<u64> = store.events("a").await.iter().map(Event::event_id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
}

pub async fn an_unknown_instance_has_no_history(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    assert!(store.events("nobody").await.is_empty());
    let admin = store.admin();
    assert!(admin.read_history("nobody").await.expect("read").is_empty());
}

pub async fn an_unknown_execution_has_no_history(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    assert!(store.read_with_execution("a", 9).await.expect("read").is_empty());
    let events = store.admin().read_history_with_execution_id("a", 9).await;
    assert!(events.expect("read").is_empty());
}

pub async fn history_needs_no_instance_row(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.append_with_execution("a", 1, vec![started("a")]).await.expect("append");
    assert_eq!(store.events("a").await, [started("a")]);
    let events = store.read_with_execution("a", 1).await.expect("read");
    assert_eq!(events, [started("a")]);
}

pub async fn appending_refuses_zero_and_duplicates(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let append = |events| store.append_with_execution("a", 1, events);
    append(vec![started("a")]).await.expect("append");
    expect_permanent(append(vec![scheduled("a", 0)]).await, "");
    expect_permanent(append(vec![scheduled("a", 2), scheduled("a", 1)]).await, "");
    assert_eq!(store.events("a").await, [started("a")], "refused as a whole");
}

pub async fn appending_creates_no_instance(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let events = vec![started("a"), super::items::set("a", 2, "k", "v")];
    store.append_with_execution("a", 1, events).await.expect("append");
    store.expect_no_instance("a").await;
    assert!(store.admin().list_executions("a").await.expect("list").is_empty());
    assert_eq!(store.get_kv_value("a", "k").await.expect("read"), None);
}

pub async fn the_same_event_id_in_another_execution_is_no_duplicate(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let second = Commit { delta: vec![started("a")], ..in_execution(2) };
    store.turn("a", second).await;
    for execution_id in [1, 2] {
        let events = store.read_with_execution("a", execution_id).await.expect("read");
        assert_eq!(events, [started("a")]);
    }
}

pub async fn the_same_event_id_in_another_instance_is_no_duplicate(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.create("b").await;
    assert_eq!(store.events("a").await, [started("a")]);
    assert_eq!(store.events("b").await, [started("b")]);
}

pub async fn unreadable_rows_fail_every_read(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.corrupt_history("a").await;
    expect_permanent(store.read("a").await, "");
    expect_permanent(store.read_with_execution("a", 1).await, "");
    expect_permanent(store.admin().read_history("a").await, "");
    expect_permanent(store.admin().read_history_with_execution_id("a", 1).await, "");
    expect_permanent(store.get_instance_stats("a").await, "");
}

pub async fn an_ack_beside_unreadable_rows_works(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.corrupt_history("a").await;
    store.turn("a", adds(vec![scheduled("a", 2)])).await;
    let info = store.admin().get_execution_info("a", 1).await.expect("it exists");
    assert_eq!(info.event_count, 2);
    store.send(raised("a", "1")).await;
    let turn = store.take().await;
    expect_permanent(store.try_ack(&turn.token, adds(vec![started("a")])).await, "");
}

pub async fn corrupt_row_of_one_instance_leaves_others_alone(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.create("b").await;
    store.corrupt_history("a").await;
    store.send(raised("a", "1")).await;
    store.send(raised("b", "1")).await;
    let turns = [store.take().await, store.take().await];
    assert_eq!(turns[0].item.instance, "a");
    assert_eq!((turns[1].item.instance.as_str(), turns[1].item.history.len()), ("b", 1));
    store.ack(&turns[1], says(names())).await;
    store.ack(&turns[0], nothing()).await;
}
