//! Laws: a refusal says that trying again is of no use.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{Case, LONG, SHORT, expect_permanent};
use super::items::{activity, adds, nothing, scheduled, start, started};

laws!("errors":
    refusals_name_their_operation,
    refusals_are_permanent_on_expired_leases,
    a_refused_event_says_which,
    the_store_has_a_name,
    the_store_is_manageable,
    a_store_shares_nothing_with_another,
);

pub async fn refusals_name_their_operation(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let errors = [
        expect_permanent(store.try_ack("made up", nothing()).await, ""),
        expect_permanent(store.ack_work_item("made up", None).await, ""),
        expect_permanent(store.enqueue_for_orchestrator(activity("a", 1), None).await, ""),
        expect_permanent(store.admin().get_instance_info("nobody").await, ""),
    ];
    for error in errors {
        assert!(!error.operation.is_empty(), "expected an operation, found none: {error:?}");
    }
}

pub async fn refusals_are_permanent_on_expired_leases(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    store.post(activity("a", 2)).await;
    let turn = store.take_for(SHORT).await;
    let job = store.take_job_for(SHORT).await;
    store.lapse(SHORT).await;
    expect_permanent(store.try_ack(&turn.token, nothing()).await, "");
    expect_permanent(store.renew_orchestration_item_lock(&turn.token, LONG).await, "");
    expect_permanent(store.ack_work_item(&job.token, None).await, "");
    expect_permanent(store.renew_work_item_lock(&job.token, LONG).await, "");
}

pub async fn a_refused_event_says_which(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let events = vec![started("a"), scheduled("a", 4321)];
    store.append_with_execution("a", 1, events).await.expect("append");
    let refused = store.append_with_execution("a", 1, vec![scheduled("a", 4321)]).await;
    let error = expect_permanent(refused, "");
    assert!(error.message.contains("4321"), "expected the event id, found {error}");
}

pub async fn the_store_has_a_name(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    assert!(!store.name().is_empty() && !store.version().is_empty());
}

pub async fn the_store_is_manageable(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    assert!(store.as_management_capability().is_some());
}

pub async fn a_store_shares_nothing_with_another(factory: &dyn StoreFactory) {
    let (one, other) = (Case::of(factory).await, Case::of(factory).await);
    one.create("a").await;
    one.send(start("b")).await;
    other.expect_no_instance("a").await;
    other.expect_no_turn("the other store has it").await;
    other.create("a").await;
    other.turn("a", adds(vec![scheduled("a", 2)])).await;
    assert_eq!(one.events("a").await, [started("a")]);
}
