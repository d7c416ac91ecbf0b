//! Laws: a session belongs to one owner at a time.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use std::time::Duration;

use super::StoreFactory;
use super::case::{Case, Job, LONG, SHORT, TERM};
use super::items::{activity, in_session};
use crate::model::filter::{SessionFetchConfig, TagFilter};

laws!("sessions":
    a_worker_without_sessions_gets_plain_activities_only,
    a_worker_with_sessions_gets_plain_activities_too,
    the_first_to_fetch_owns_the_session,
    a_session_of_another_owner_hides_no_other_activity,
    sessions_are_independent,
    an_expired_session_goes_to_whoever_comes,
    fetching_again_extends_the_session,
    a_lost_session_does_not_void_the_lease_on_its_activity,
    a_session_outlives_its_activities,
    an_abandoned_activity_stays_in_its_session,
    renewing_extends_the_sessions_of_the_owners_named,
    renewing_for_nobody_renews_nothing,
    renewing_revives_no_expired_session,
    renewing_leaves_out_idle_sessions,
    renewing_an_activity_keeps_its_session_busy,
    acking_an_activity_keeps_its_session_busy,
    renewing_sets_the_end_from_now,
    cleaning_removes_expired_sessions_without_activities,
    cleaning_keeps_live_sessions,
    cleaning_keeps_sessions_with_activities,
);

fn owner(owner_id: &str, lock_timeout: Duration) -> SessionFetchConfig {
    SessionFetchConfig { owner_id: owner_id.into(), lock_timeout }
}

async fn fetch(store: &Case<'_>, owner_id: &str, session_timeout: Duration) -> Option<Job> {
    let session = owner(owner_id, session_timeout);
    store.fetch_job(LONG, Some(&session), &TagFilter::DefaultOnly).await
}

async fn take(store: &Case<'_>, owner_id: &str, session_timeout: Duration) -> Job {
    let job = fetch(store, owner_id, session_timeout).await;
    job.unwrap_or_else(|| panic!("expected an activity for {owner_id}, found none"))
}

/// A store with one activity for each of these sessions, ids from 2.
async fn holding<'a>(factory: &'a dyn StoreFactory, sessions: &[&str]) -> Case<'a> {
    let store = Case::of(factory).await;
    for (id, session) in (2..).zip(sessions) {
        let item = if session.is_empty() { activity("a", id) } else { in_session("a", id, session) };
        store.post(item).await;
    }
    store
}

async fn renew(store: &Case<'_>, owners: &[&str], extend_for: Duration, idle: Duration) -> usize {
    store.renew_session_lock(owners, extend_for, idle).await.expect("renewing works")
}

async fn clean(store: &Case<'_>) -> usize {
    store.cleanup_orphaned_sessions(Duration::ZERO).await.expect("cleaning works")
}

pub async fn a_worker_without_sessions_gets_plain_activities_only(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", ""]).await;
    assert_eq!(store.take_job().await.id(), 3);
    store.expect_no_job("the other is in a session").await;
}

pub async fn a_worker_with_sessions_gets_plain_activities_too(factory: &dyn StoreFactory) {
    let store = holding(factory, &["", "s", ""]).await;
    for id in [2, 3, 4] {
        assert_eq!(take(&store, "x", LONG).await.id(), id);
    }
}

pub async fn the_first_to_fetch_owns_the_session(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", "s"]).await;
    take(&store, "x", LONG).await;
    assert!(fetch(&store, "y", LONG).await.is_none(), "the session is x's");
    assert_eq!(take(&store, "x", LONG).await.id(), 3);
}

pub async fn a_session_of_another_owner_hides_no_other_activity(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", "s", "", "t"]).await;
    take(&store, "x", LONG).await;
    assert_eq!(take(&store, "y", LONG).await.id(), 4);
    assert_eq!(take(&store, "y", LONG).await.id(), 5);
}

pub async fn sessions_are_independent(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", "t", "s", "t"]).await;
    assert_eq!(take(&store, "x", LONG).await.id(), 2);
    assert_eq!(take(&store, "y", LONG).await.id(), 3);
    assert_eq!(take(&store, "y", LONG).await.id(), 5);
    assert_eq!(take(&store, "x", LONG).await.id(), 4);
}

pub async fn an_expired_session_goes_to_whoever_comes(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", "s", "s"]).await;
    take(&store, "x", SHORT).await;
    store.lapse(SHORT).await;
    assert_eq!(take(&store, "y", LONG).await.id(), 3);
    assert!(fetch(&store, "x", LONG).await.is_none(), "the session is y's now");
}

pub async fn fetching_again_extends_the_session(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", "s", "s"]).await;
    take(&store, "x", TERM).await;
    take(&store, "x", LONG).await;
    store.lapse(TERM).await;
    assert!(fetch(&store, "y", LONG).await.is_none(), "the session is still x's");
}

pub async fn a_lost_session_does_not_void_the_lease_on_its_activity(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", "s"]).await;
    let job = take(&store, "x", SHORT).await;
    store.lapse(SHORT).await;
    take(&store, "y", LONG).await;
    store.renew_work_item_lock(&job.token, LONG).await.expect("the lease on the activity is live");
    store.ack_work_item(&job.token, None).await.expect("the lease on the activity is live");
}

pub async fn a_session_outlives_its_activities(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s"]).await;
    let job = take(&store, "x", LONG).await;
    store.ack_work_item(&job.token, None).await.expect("the holder may ack");
    store.post(in_session("b", 9, "s")).await;
    assert!(fetch(&store, "y", LONG).await.is_none(), "the session is still x's");
    assert_eq!(take(&store, "x", LONG).await.id(), 9);
}

pub async fn an_abandoned_activity_stays_in_its_session(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s"]).await;
    let job = take(&store, "x", LONG).await;
    store.abandon_work_item(&job.token, None, false).await.expect("abandon");
    store.expect_no_job("it is in a session").await;
    assert!(fetch(&store, "y", LONG).await.is_none(), "the session is still x's");
    assert_eq!(take(&store, "x", LONG).await.attempts, 2);
}

pub async fn renewing_extends_the_sessions_of_the_owners_named(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", "t", "u", "s", "t", "u"]).await;
    for name in ["x", "y", "z"] {
        take(&store, name, TERM).await;
    }
    assert_eq!(renew(&store, &["x", "y"], LONG, LONG).await, 2);
    store.lapse(TERM).await;
    let job = take(&store, "w", LONG).await;
    assert_eq!(job.id(), 7, "only z's session has expired");
    assert!(fetch(&store, "w", LONG).await.is_none());
}

pub async fn renewing_for_nobody_renews_nothing(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s"]).await;
    take(&store, "x", LONG).await;
    assert_eq!(renew(&store, &[], LONG, LONG).await, 0);
    assert_eq!(renew(&store, &["stranger"], LONG, LONG).await, 0);
}

pub async fn renewing_revives_no_expired_session(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", "s"]).await;
    take(&store, "x", SHORT).await;
    store.lapse(SHORT).await;
    assert_eq!(renew(&store, &["x"], LONG, LONG).await, 0);
    assert_eq!(take(&store, "y", LONG).await.id(), 3);
}

pub async fn renewing_leaves_out_idle_sessions(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s"]).await;
    take(&store, "x", LONG).await;
    store.lapse(SHORT).await;
    assert_eq!(renew(&store, &["x"], LONG, SHORT).await, 0, "idle for longer");
    assert_eq!(renew(&store, &["x"], LONG, LONG).await, 1, "not that long");
}

pub async fn renewing_an_activity_keeps_its_session_busy(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s"]).await;
    let job = take(&store, "x", LONG).await;
    store.lapse(TERM).await;
    store.renew_work_item_lock(&job.token, LONG).await.expect("the lease is live");
    assert_eq!(renew(&store, &["x"], LONG, TERM).await, 1);
}

pub async fn acking_an_activity_keeps_its_session_busy(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s"]).await;
    let job = take(&store, "x", LONG).await;
    store.lapse(TERM).await;
    store.ack_work_item(&job.token, None).await.expect("the holder may ack");
    assert_eq!(renew(&store, &["x"], LONG, TERM).await, 1);
}

pub async fn renewing_sets_the_end_from_now(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", "s"]).await;
    take(&store, "x", LONG).await;
    assert_eq!(renew(&store, &["x"], SHORT, LONG).await, 1);
    store.lapse(SHORT).await;
    assert_eq!(take(&store, "y", LONG).await.id(), 3);
}

pub async fn cleaning_removes_expired_sessions_without_activities(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", "t"]).await;
    for _ in 0..2 {
        let job = take(&store, "x", SHORT).await;
        store.ack_work_item(&job.token, None).await.expect("the holder may ack");
    }
    store.lapse(SHORT).await;
    assert_eq!(clean(&store).await, 2);
    assert_eq!(clean(&store).await, 0);
}

pub async fn cleaning_keeps_live_sessions(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s"]).await;
    let job = take(&store, "x", LONG).await;
    store.ack_work_item(&job.token, None).await.expect("the holder may ack");
    assert_eq!(clean(&store).await, 0);
    store.post(in_session("a", 9, "s")).await;
    assert!(fetch(&store, "y", LONG).await.is_none(), "the session is still x's");
}

pub async fn cleaning_keeps_sessions_with_activities(factory: &dyn StoreFactory) {
    let store = holding(factory, &["s", "t", "t"]).await;
    take(&store, "x", SHORT).await;
    take(&store, "x", SHORT).await;
    store.lapse(SHORT).await;
    assert_eq!(clean(&store).await, 0, "one activity is held, the other waits");
}
