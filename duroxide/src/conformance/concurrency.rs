//! Laws: many callers at once wait for each other, and one of each kind wins.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

use super::StoreFactory;
use super::case::{AT_ONCE, Case, LONG};
use super::items::{activity, activity_id, completed, in_session, names, payloads, raised, start, started};
use crate::model::filter::{SessionFetchConfig, TagFilter};
use crate::providers::Provider;
use crate::providers::error::ProviderError;

laws!("concurrency":
    concurrent_writers_wait_for_each_other,
    concurrent_fetchers_get_different_instances,
    two_claimers_of_one_instance_have_one_winner,
    concurrent_workers_get_different_activities,
    concurrent_acks_of_one_turn_have_one_winner,
    concurrent_acks_of_one_activity_have_one_winner,
    concurrent_claims_of_one_session_have_one_owner,
    commit_vs_id_order_delivers_all_concurrent_messages,
);

/// Callers at the same time, on one object.
const CALLERS: usize = 40;

/// Runs one task for each caller and collects what they found.
async fn together<T, F>(store: &Case<'_>, call: impl Fn(Arc<dyn Provider>, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..CALLERS).map(|caller| tokio::spawn(call(store.shared(), caller))).collect();
    let mut found = Vec::with_capacity(tasks.len());
    for task in tasks {
        found.push(task.await.expect("no caller panics"));
    }
    found
}

fn winners<T>(outcomes: &[Result<T, ProviderError>]) -> usize {
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

pub async fn concurrent_writers_wait_for_each_other(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let outcomes = together(&store, |store, caller| async move {
        let instance = format!("i{caller}");
        store.enqueue_for_orchestrator(start(&instance), None).await?;
        store.append_with_execution(&instance, 1, vec![started(&instance)]).await?;
        store.enqueue_for_worker(activity(&instance, 2)).await
    })
    .await;
    let failed: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "expected every call to wait its turn, found {failed:?}");
    let depths = store.admin().get_queue_depths().await.expect("depths");
    assert_eq!((depths.orchestrator_queue, depths.worker_queue), (CALLERS, CALLERS));
}

pub async fn concurrent_fetchers_get_different_instances(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for n in 0..CALLERS {
        store.send(start(&format!("i{n}"))).await;
    }
    let fetched = together(&store, |store, _| async move {
        let fetched = store.fetch_orchestration_item(LONG, AT_ONCE, None).await;
        fetched.expect("fetching works").map(|(item, _, _)| item.instance)
    })
    .await;
    let instances: HashSet<String> = fetched.into_iter().flatten().collect();
    assert_eq!(instances.len(), CALLERS, "each instance once, and none missed");
}

pub async fn two_claimers_of_one_instance_have_one_winner(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let fetched = together(&store, |store, _| async move {
        let fetched = store.fetch_orchestration_item(LONG, AT_ONCE, None).await;
        fetched.expect("fetching works").is_some()
    })
    .await;
    assert_eq!(fetched.into_iter().filter(|won| *won).count(), 1);
}

pub async fn concurrent_workers_get_different_activities(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for id in 0..CALLERS as u64 {
        store.post(activity("a", id)).await;
    }
    let fetched = together(&store, |store, _| async move {
        let fetched = store.fetch_work_item(LONG, AT_ONCE, None, &TagFilter::Any).await;
        fetched.expect("fetching works").map(|(item, _, _)| activity_id(&item))
    })
    .await;
    let ids: HashSet<u64> = fetched.into_iter().flatten().collect();
    assert_eq!(ids.len(), CALLERS, "each activity once, and none missed");
}

pub async fn concurrent_acks_of_one_turn_have_one_winner(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    let outcomes = together(&store, |store, _| {
        let token = turn.token.clone();
        async move {
            let delta = vec![started("a")];
            store.ack_orchestration_item(&token, 1, delta, vec![activity("a", 2)], vec![], names(), vec![]).await
        }
    })
    .await;
    assert_eq!(winners(&outcomes), 1);
    assert_eq!(store.events("a").await, [started("a")]);
    store.take_job().await;
    store.expect_no_job("only one ack counts").await;
}

pub async fn concurrent_acks_of_one_activity_have_one_winner(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    let outcomes = together(&store, |store, _| {
        let token = job.token.clone();
        async move { store.ack_work_item(&token, Some(completed("a", 2))).await }
    })
    .await;
    assert_eq!(winners(&outcomes), 1);
    assert_eq!(store.take().await.item.messages, [completed("a", 2)]);
}

pub async fn concurrent_claims_of_one_session_have_one_owner(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for id in 0..CALLERS as u64 {
        store.post(in_session("a", id, "s")).await;
    }
    let fetched = together(&store, |store, caller| async move {
        let session = SessionFetchConfig { owner_id: format!("owner{caller}"), lock_timeout: LONG };
        let fetched = store.fetch_work_item(LONG, AT_ONCE, Some(&session), &TagFilter::Any).await;
        fetched.expect("fetching works").is_some()
    })
    .await;
    assert_eq!(fetched.into_iter().filter(|won| *won).count(), 1);
}

pub async fn commit_vs_id_order_delivers_all_concurrent_messages(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let outcomes = together(&store, |store, caller| async move {
        store.enqueue_for_orchestrator(raised("a", &caller.to_string()), None).await
    })
    .await;
    assert_eq!(winners(&outcomes), CALLERS);
    let turn = store.take().await;
    let data: HashSet<&str> = payloads(&turn).into_iter().collect();
    assert_eq!(data.len(), CALLERS);
}
