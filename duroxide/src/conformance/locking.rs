//! Laws: one holder at a time, and only the holder writes.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use std::time::Duration;

use super::StoreFactory;
use super::case::{Case, LONG, SHORT, TERM, expect_permanent};
use super::items::{adds, names, nothing, payloads, raised, says, scheduled, start, started};

laws!("locking":
    a_locked_instance_is_not_fetched_again,
    every_lease_has_its_own_token,
    an_expired_lock_is_taken_over,
    stale_ack_by_a_superseded_token_is_refused,
    a_superseded_token_cannot_renew_or_abandon,
    expired_ack_is_refused_even_if_nobody_took_the_lease,
    an_expired_lock_cannot_be_renewed,
    an_expired_lock_can_be_abandoned,
    a_renewed_lock_outlives_its_first_term,
    a_renewal_counts_from_now,
    renew_zero_rows_is_a_refusal_as_is_all_by_an_unknown_token,
    an_acked_token_is_unknown,
    an_abandoned_token_is_unknown,
    an_ack_releases_the_instance,
    an_abandoned_batch_is_ready_at_once,
    an_abandoned_batch_keeps_its_order,
    an_abandoned_batch_keeps_its_place_in_the_queue,
    an_abandoned_batch_stays_hidden_for_the_delay,
    an_abandon_leaves_later_arrivals_alone,
    an_abandon_leaves_delayed_messages_alone,
    a_dropped_fetch_locks_nothing_for_ever,
);

pub async fn a_locked_instance_is_not_fetched_again(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    store.take().await;
    store.send(raised("a", "1")).await;
    store.expect_no_turn("the instance is locked").await;
}

pub async fn every_lease_has_its_own_token(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let mut tokens = std::collections::HashSet::new();
    for _ in 0..5 {
        let turn = store.take().await;
        store.abandon_orchestration_item(&turn.token, None, true).await.expect("abandon");
        assert!(tokens.insert(turn.token), "a token must never come twice");
    }
}

pub async fn an_expired_lock_is_taken_over(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let first = store.take_for(SHORT).await;
    let second = store.take_eventually().await;
    assert_ne!(first.token, second.token);
    assert_eq!(second.item.messages, [start("a")]);
    assert_eq!(second.attempts, 2);
}

pub async fn stale_ack_by_a_superseded_token_is_refused(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let stale = store.take_for(SHORT).await;
    let holder = store.take_eventually().await;
    expect_permanent(store.try_ack(&stale.token, adds(vec![started("a")])).await, "Invalid lock token");
    assert!(store.events("a").await.is_empty(), "a stale holder writes nothing");
    store.ack(&holder, says(names())).await;
}

pub async fn a_superseded_token_cannot_renew_or_abandon(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let stale = store.take_for(SHORT).await;
    store.take_eventually().await;
    expect_permanent(store.renew_orchestration_item_lock(&stale.token, LONG).await, "");
    expect_permanent(store.abandon_orchestration_item(&stale.token, None, false).await, "Invalid lock token");
    store.expect_no_turn("the holder still has it").await;
}

pub async fn expired_ack_is_refused_even_if_nobody_took_the_lease(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let late = store.take_for(SHORT).await;
    store.lapse(SHORT).await;
    expect_permanent(store.try_ack(&late.token, adds(vec![started("a")])).await, "");
    assert!(store.events("a").await.is_empty(), "a late holder writes nothing");
    assert_eq!(store.take().await.item.messages, [start("a")]);
}

pub async fn an_expired_lock_cannot_be_renewed(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let late = store.take_for(SHORT).await;
    store.lapse(SHORT).await;
    expect_permanent(store.renew_orchestration_item_lock(&late.token, LONG).await, "");
    store.take().await;
}

pub async fn an_expired_lock_can_be_abandoned(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let late = store.take_for(SHORT).await;
    store.lapse(SHORT).await;
    store.abandon_orchestration_item(&late.token, None, true).await.expect("nobody took it over");
    assert_eq!(store.take().await.attempts, 1);
}

pub async fn a_renewed_lock_outlives_its_first_term(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take_for(TERM).await;
    store.renew_orchestration_item_lock(&turn.token, LONG).await.expect("the lock is live");
    store.lapse(TERM).await;
    store.expect_no_turn("the lock was renewed").await;
    store.ack(&turn, says(names())).await;
}

pub async fn a_renewal_counts_from_now(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    store.renew_orchestration_item_lock(&turn.token, SHORT).await.expect("the lock is live");
    assert_eq!(store.take_eventually().await.item.instance, "a");
}

pub async fn renew_zero_rows_is_a_refusal_as_is_all_by_an_unknown_token(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    expect_permanent(store.try_ack("made up", nothing()).await, "Invalid lock token");
    expect_permanent(store.renew_orchestration_item_lock("made up", LONG).await, "");
    expect_permanent(store.abandon_orchestration_item("made up", None, false).await, "Invalid lock token");
}

pub async fn an_acked_token_is_unknown(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    store.ack(&turn, says(names())).await;
    expect_permanent(store.try_ack(&turn.token, adds(vec![scheduled("a", 2)])).await, "Invalid lock token");
    expect_permanent(store.renew_orchestration_item_lock(&turn.token, LONG).await, "");
    expect_permanent(store.abandon_orchestration_item(&turn.token, None, false).await, "Invalid lock token");
    assert!(store.events("a").await.is_empty());
}

pub async fn an_abandoned_token_is_unknown(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    store.abandon_orchestration_item(&turn.token, None, false).await.expect("abandon");
    expect_permanent(store.try_ack(&turn.token, says(names())).await, "Invalid lock token");
    store.expect_no_instance("a").await;
}

pub async fn an_ack_releases_the_instance(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.expect_no_turn("its message was consumed").await;
    store.send(raised("a", "1")).await;
    assert_eq!(payloads(&store.take().await), ["1"]);
}

pub async fn an_abandoned_batch_is_ready_at_once(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    store.abandon_orchestration_item(&turn.token, None, false).await.expect("abandon");
    assert_eq!(store.take().await.item.messages, [start("a")]);
}

pub async fn an_abandoned_batch_keeps_its_order(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    for data in ["1", "2", "3"] {
        store.send(raised("a", data)).await;
    }
    let turn = store.take().await;
    store.send(raised("a", "4")).await;
    store.abandon_orchestration_item(&turn.token, None, false).await.expect("abandon");
    assert_eq!(payloads(&store.take().await), ["1", "2", "3", "4"]);
}

pub async fn an_abandoned_batch_keeps_its_place_in_the_queue(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    store.send(start("b")).await;
    let turn = store.take().await;
    store.abandon_orchestration_item(&turn.token, None, false).await.expect("abandon");
    assert_eq!(store.take().await.item.instance, "a");
}

pub async fn an_abandoned_batch_stays_hidden_for_the_delay(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for (instance, delay) in [("far", LONG), ("near", SHORT)] {
        store.send(start(instance)).await;
        let turn = store.take().await;
        store.abandon_orchestration_item(&turn.token, Some(delay), false).await.expect("abandon");
    }
    assert_eq!(store.take_eventually().await.item.instance, "near");
    store.expect_no_turn("the other is hidden for minutes").await;
}

pub async fn an_abandon_leaves_later_arrivals_alone(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.send(raised("a", "fetched")).await;
    let turn = store.take().await;
    store.send(raised("a", "arrived later")).await;
    store.abandon_orchestration_item(&turn.token, Some(LONG), true).await.expect("abandon");
    let next = store.take().await;
    assert_eq!((payloads(&next), next.attempts), (vec!["arrived later"], 1));
}

pub async fn an_abandon_leaves_delayed_messages_alone(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.send_later(raised("a", "delayed"), LONG).await;
    store.send(raised("a", "fetched")).await;
    let turn = store.take().await;
    store.abandon_orchestration_item(&turn.token, None, false).await.expect("abandon");
    assert_eq!(payloads(&store.take().await), ["fetched"]);
}

pub async fn a_dropped_fetch_locks_nothing_for_ever(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    for micros in [0, 50, 500] {
        let fetch = store.fetch_orchestration_item(SHORT, Duration::ZERO, None);
        let _ = tokio::time::timeout(Duration::from_micros(micros), fetch).await;
    }
    assert_eq!(store.take_eventually().await.item.messages, [start("a")]);
}
