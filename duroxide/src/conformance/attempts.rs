//! Laws: how often a message was handed out, so that poison can be told.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{Case, SHORT};
use super::items::{activity, nothing, raised, start};

laws!("attempts":
    the_first_fetch_is_attempt_one,
    every_fetch_counts,
    an_expired_lock_counts,
    an_ignored_attempt_does_not_count,
    ignoring_attempts_never_goes_below_zero,
    attempts_are_counted_by_message,
    activities_count_every_fetch,
    activities_count_expired_locks,
    an_ignored_attempt_of_an_activity_does_not_count,
    ;
    with hooks:
    attempts_are_stored_with_the_message,
);

async fn abandon(store: &Case<'_>, token: &str, ignore_attempt: bool) {
    store.abandon_orchestration_item(token, None, ignore_attempt).await.expect("the holder may abandon");
}

pub async fn the_first_fetch_is_attempt_one(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    store.post(activity("a", 2)).await;
    assert_eq!(store.take().await.attempts, 1);
    assert_eq!(store.take_job().await.attempts, 1);
}

pub async fn every_fetch_counts(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    for attempt in 1..6 {
        let turn = store.take().await;
        assert_eq!(turn.attempts, attempt);
        abandon(&store, &turn.token, false).await;
    }
}

pub async fn an_expired_lock_counts(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    store.take_for(SHORT).await;
    assert_eq!(store.take_eventually().await.attempts, 2);
}

pub async fn an_ignored_attempt_does_not_count(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    for (ignore_attempt, attempts) in [(false, 1), (true, 2), (false, 2), (true, 3)] {
        let turn = store.take().await;
        assert_eq!(turn.attempts, attempts);
        abandon(&store, &turn.token, ignore_attempt).await;
    }
}

pub async fn ignoring_attempts_never_goes_below_zero(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.send(raised("a", "1")).await;
    for _ in 0..3 {
        let turn = store.take().await;
        assert_eq!(turn.attempts, 1);
        abandon(&store, &turn.token, true).await;
    }
}

pub async fn attempts_are_counted_by_message(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.send(raised("a", "old")).await;
    let turn = store.take().await;
    abandon(&store, &turn.token, false).await;
    store.send(raised("a", "new")).await;
    let both = store.take().await;
    assert_eq!(both.attempts, 2, "the batch has the count of its oldest message");
    store.ack(&both, nothing()).await;
    store.send(raised("a", "newest")).await;
    assert_eq!(store.take().await.attempts, 1);
}

pub async fn activities_count_every_fetch(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    for attempt in 1..4 {
        let job = store.take_job().await;
        assert_eq!(job.attempts, attempt);
        store.abandon_work_item(&job.token, None, false).await.expect("abandon");
    }
}

pub async fn activities_count_expired_locks(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    store.take_job_for(SHORT).await;
    assert_eq!(store.take_job_eventually().await.attempts, 2);
}

pub async fn an_ignored_attempt_of_an_activity_does_not_count(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    for _ in 0..3 {
        let job = store.take_job().await;
        assert_eq!(job.attempts, 1);
        store.abandon_work_item(&job.token, None, true).await.expect("abandon");
    }
}

pub async fn attempts_are_stored_with_the_message(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    assert_eq!(store.max_attempt_count("a").await, 0);
    let turn = store.take().await;
    assert_eq!(store.max_attempt_count("a").await, 1);
    abandon(&store, &turn.token, false).await;
    store.take().await;
    assert_eq!(store.max_attempt_count("a").await, 2);
}
