//! Laws: an activity has one holder at a time, and its completion arrives once.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{Case, LONG, SHORT, TERM, expect_permanent};
use super::items::{activity, activity_for, completed, ends, raised, says};
use crate::model::error::{AppErrorKind, ErrorDetails};
use crate::model::filter::{SessionFetchConfig, TagFilter};
use crate::model::work_item::WorkItem;

laws!("worker":
    activities_come_in_the_order_of_arrival,
    activities_come_back_equal,
    a_held_activity_is_not_fetched_again,
    a_held_activity_hides_no_other,
    every_lease_on_an_activity_has_its_own_token,
    acking_delivers_the_completion,
    acking_delivers_a_failure,
    a_completion_goes_to_the_instance_it_names,
    acking_without_completion_just_removes,
    acking_with_another_kind_is_refused,
    an_activity_is_acked_once,
    an_expired_lease_cannot_ack,
    a_superseded_lease_can_do_nothing,
    an_unknown_token_of_an_activity_can_do_nothing,
    a_renewed_lease_outlives_its_first_term,
    a_renewal_of_a_lease_counts_from_now,
    a_lease_is_renewed_any_number_of_times,
    an_expired_lease_cannot_be_renewed,
    an_acked_lease_cannot_be_renewed,
    an_abandoned_activity_is_ready_at_once,
    an_abandoned_activity_keeps_its_place,
    an_abandoned_activity_stays_hidden_for_the_delay,
    a_hidden_activity_hides_no_other,
    an_abandoned_lease_can_do_nothing,
    an_expired_lease_can_be_abandoned,
    activities_of_unknown_instances_are_served,
    activities_of_ended_instances_are_served,
    a_completion_creates_no_instance,
    ; with hooks:
    an_activity_that_cannot_be_read_fails_for_its_orchestration,
);

pub async fn activities_come_in_the_order_of_arrival(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let ids = [5, 3, 9, 1, 7];
    for id in ids {
        store.post(activity("a", id)).await;
    }
    for id in ids {
        assert_eq!(store.take_job().await.id(), id);
    }
    store.expect_no_job("all are taken").await;
}

pub async fn activities_come_back_equal(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let items = [
        activity("a'); --", 2),
        activity_for("a", 3, None, Some("gpu ☃")),
        activity_for("a", 4, Some("s'1"), Some("")),
    ];
    let anybody = SessionFetchConfig { owner_id: "node".into(), lock_timeout: LONG };
    for item in items {
        store.post(item.clone()).await;
        let job = store.fetch_job(LONG, Some(&anybody), &TagFilter::Any).await;
        assert_eq!(job.expect("it was posted").item, item);
    }
}

pub async fn a_held_activity_is_not_fetched_again(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    store.take_job().await;
    store.expect_no_job("it is held").await;
}

pub async fn a_held_activity_hides_no_other(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    store.post(activity("a", 3)).await;
    store.take_job().await;
    assert_eq!(store.take_job().await.id(), 3);
}

pub async fn every_lease_on_an_activity_has_its_own_token(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    let mut tokens = std::collections::HashSet::new();
    for _ in 0..5 {
        let job = store.take_job().await;
        store.abandon_work_item(&job.token, None, true).await.expect("abandon");
        assert!(tokens.insert(job.token), "a token must never come twice");
    }
}

pub async fn acking_delivers_the_completion(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    store.ack_work_item(&job.token, Some(completed("a", 2))).await.expect("the holder may ack");
    let turn = store.take().await;
    assert_eq!((turn.item.instance.as_str(), turn.item.messages), ("a", vec![completed("a", 2)]));
    store.expect_no_job("it is done").await;
}

pub async fn acking_delivers_a_failure(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    let failure = WorkItem::ActivityFailed {
        instance: "a".into(),
        execution_id: 1,
        id: 2,
        details: ErrorDetails::application(AppErrorKind::ActivityFailed, "declined"),
    };
    let job = store.take_job().await;
    store.ack_work_item(&job.token, Some(failure.clone())).await.expect("the holder may ack");
    assert_eq!(store.take().await.item.messages, [failure]);
}

pub async fn a_completion_goes_to_the_instance_it_names(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("b").await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    store.ack_work_item(&job.token, Some(completed("b", 2))).await.expect("the holder may ack");
    assert_eq!(store.take().await.item.instance, "b");
}

pub async fn acking_without_completion_just_removes(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    store.ack_work_item(&job.token, None).await.expect("the holder may ack");
    store.expect_no_turn("there was no completion").await;
    let depths = store.admin().get_queue_depths().await.expect("depths");
    assert_eq!((depths.orchestrator_queue, depths.worker_queue), (0, 0));
}

pub async fn acking_with_another_kind_is_refused(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    expect_permanent(store.ack_work_item(&job.token, Some(raised("a", "1"))).await, "");
    store.expect_no_turn("the ack was refused").await;
    store.ack_work_item(&job.token, Some(completed("a", 2))).await.expect("the lease is still held");
}

pub async fn an_activity_is_acked_once(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    store.ack_work_item(&job.token, Some(completed("a", 2))).await.expect("the holder may ack");
    expect_permanent(store.ack_work_item(&job.token, Some(completed("a", 2))).await, "");
    assert_eq!(store.take().await.item.messages, [completed("a", 2)]);
}

pub async fn an_expired_lease_cannot_ack(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    let late = store.take_job_for(SHORT).await;
    store.lapse(SHORT).await;
    expect_permanent(store.ack_work_item(&late.token, Some(completed("a", 2))).await, "");
    store.expect_no_turn("the completion was refused").await;
    assert_eq!(store.take_job().await.attempts, 2);
}

pub async fn a_superseded_lease_can_do_nothing(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    let stale = store.take_job_for(SHORT).await;
    let holder = store.take_job_eventually().await;
    expect_permanent(store.ack_work_item(&stale.token, Some(completed("a", 2))).await, "");
    expect_permanent(store.renew_work_item_lock(&stale.token, LONG).await, "");
    expect_permanent(store.abandon_work_item(&stale.token, None, false).await, "");
    store.expect_no_turn("the completion was refused").await;
    store.ack_work_item(&holder.token, Some(completed("a", 2))).await.expect("the holder may ack");
}

pub async fn an_unknown_token_of_an_activity_can_do_nothing(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    expect_permanent(store.ack_work_item("made up", Some(completed("a", 2))).await, "");
    expect_permanent(store.renew_work_item_lock("made up", LONG).await, "");
    expect_permanent(store.abandon_work_item("made up", None, false).await, "Invalid lock token");
    store.expect_no_turn("the completion was refused").await;
    assert_eq!(store.take_job().await.attempts, 1);
}

pub async fn a_renewed_lease_outlives_its_first_term(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    let job = store.take_job_for(TERM).await;
    store.renew_work_item_lock(&job.token, LONG).await.expect("the lease is live");
    store.lapse(TERM).await;
    store.expect_no_job("the lease was renewed").await;
    store.ack_work_item(&job.token, None).await.expect("the holder may ack");
}

pub async fn a_renewal_of_a_lease_counts_from_now(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    store.renew_work_item_lock(&job.token, SHORT).await.expect("the lease is live");
    assert_eq!(store.take_job_eventually().await.id(), 2);
}

pub async fn a_lease_is_renewed_any_number_of_times(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    for _ in 0..5 {
        store.renew_work_item_lock(&job.token, LONG).await.expect("the lease is live");
    }
    store.ack_work_item(&job.token, None).await.expect("the holder may ack");
}

pub async fn an_expired_lease_cannot_be_renewed(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    let late = store.take_job_for(SHORT).await;
    store.lapse(SHORT).await;
    expect_permanent(store.renew_work_item_lock(&late.token, LONG).await, "");
    store.take_job().await;
}

pub async fn an_acked_lease_cannot_be_renewed(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    store.ack_work_item(&job.token, None).await.expect("the holder may ack");
    expect_permanent(store.renew_work_item_lock(&job.token, LONG).await, "");
    expect_permanent(store.abandon_work_item(&job.token, None, false).await, "");
    store.expect_no_job("it is done").await;
}

pub async fn an_abandoned_activity_is_ready_at_once(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    store.abandon_work_item(&job.token, None, false).await.expect("abandon");
    assert_eq!(store.take_job().await.item, activity("a", 2));
}

pub async fn an_abandoned_activity_keeps_its_place(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    store.post(activity("a", 3)).await;
    let job = store.take_job().await;
    store.abandon_work_item(&job.token, None, false).await.expect("abandon");
    assert_eq!(store.take_job().await.id(), 2);
}

pub async fn an_abandoned_activity_stays_hidden_for_the_delay(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for (id, delay) in [(2, LONG), (3, SHORT)] {
        store.post(activity("a", id)).await;
        let job = store.take_job().await;
        store.abandon_work_item(&job.token, Some(delay), false).await.expect("abandon");
    }
    assert_eq!(store.take_job_eventually().await.id(), 3);
    store.expect_no_job("the other is hidden for minutes").await;
}

pub async fn a_hidden_activity_hides_no_other(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    store.post(activity("a", 3)).await;
    let job = store.take_job().await;
    store.abandon_work_item(&job.token, Some(LONG), false).await.expect("abandon");
    assert_eq!(store.take_job().await.id(), 3);
}

pub async fn an_abandoned_lease_can_do_nothing(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    store.abandon_work_item(&job.token, None, false).await.expect("abandon");
    expect_permanent(store.ack_work_item(&job.token, Some(completed("a", 2))).await, "");
    expect_permanent(store.renew_work_item_lock(&job.token, LONG).await, "");
    expect_permanent(store.abandon_work_item(&job.token, None, false).await, "");
    store.expect_no_turn("the completion was refused").await;
}

pub async fn an_expired_lease_can_be_abandoned(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    let late = store.take_job_for(SHORT).await;
    store.lapse(SHORT).await;
    store.abandon_work_item(&late.token, None, true).await.expect("nobody took it over");
    assert_eq!(store.take_job().await.attempts, 1);
}

pub async fn activities_of_unknown_instances_are_served(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("nobody", 2)).await;
    let job = store.take_job().await;
    store.renew_work_item_lock(&job.token, LONG).await.expect("the lease is live");
    store.ack_work_item(&job.token, Some(completed("nobody", 2))).await.expect("the holder may ack");
}

pub async fn activities_of_ended_instances_are_served(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    store.turn("a", says(ends("Completed", "done"))).await;
    let job = store.take_job().await;
    store.renew_work_item_lock(&job.token, LONG).await.expect("the lease is live");
    store.ack_work_item(&job.token, Some(completed("a", 2))).await.expect("the holder may ack");
}

pub async fn a_completion_creates_no_instance(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("nobody", 2)).await;
    let job = store.take_job().await;
    store.ack_work_item(&job.token, Some(completed("nobody", 2))).await.expect("the holder may ack");
    store.expect_no_instance("nobody").await;
    store.expect_no_turn("there is no such instance").await;
}

/// It would wait for ever. The failure is not retryable and not the user's, so that the execution ends with it.
pub async fn an_activity_that_cannot_be_read_fails_for_its_orchestration(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    store.post(activity("a", 3)).await;
    if !store.corrupt_activity("a", 2).await {
        return;
    }
    assert_eq!(store.take_job().await.id(), 3, "it stops no other");
    store.expect_no_job("the other cannot be read").await;
    let turn = store.take().await;
    let [WorkItem::ActivityFailed { instance, execution_id: 1, id: 2, details }] = &turn.item.messages[..] else {
        panic!("expected the failure of activity 2, found {:?}", turn.item.messages);
    };
    assert_eq!(instance, "a");
    assert!(matches!(details, ErrorDetails::Infrastructure { retryable: false, .. }), "{details:?}");
}
