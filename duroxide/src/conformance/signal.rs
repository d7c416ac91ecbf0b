//! Laws: whoever waits for work in the same process is told; for stores that can tell.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::StoreFactory;
use super::case::{Case, LONG, SHORT};
use super::items::{activity, completed, names, nothing, raised, says, start, timer};
use crate::model::commit::Commit;
use crate::model::filter::TagFilter;
use crate::providers::WorkSignal;
use crate::providers::signal::WorkQueue;

laws!("signal":
    a_message_rings,
    an_activity_rings,
    a_turn_rings_for_its_activities,
    a_turn_rings_for_its_messages,
    a_completion_rings,
    an_abandoned_turn_rings,
    an_abandoned_activity_rings,
    a_release_rings_for_what_arrived_meanwhile,
    a_delayed_message_rings_when_it_is_due,
    a_timer_rings_when_it_is_due,
    an_abandoned_activity_rings_when_its_delay_is_over,
    nothing_rings_for_nothing,
);

/// Far more than a wake-up takes, far less than the wait that it ends.
const SOON: Duration = Duration::from_secs(10);

/// Whether `change` ends a wait that began before it.
async fn rings(signal: &WorkSignal, queue: WorkQueue, change: impl Future<Output = ()>) -> bool {
    let ticket = signal.ticket(queue);
    change.await;
    tokio::time::timeout(SOON, signal.wait(queue, ticket, LONG)).await.is_ok()
}

/// A store and its signal; `None` for a store that cannot tell, which is legal.
async fn ringing(factory: &dyn StoreFactory) -> Option<(Case<'_>, Arc<WorkSignal>)> {
    let store = Case::of(factory).await;
    let signal = store.work_signal()?;
    Some((store, signal))
}

pub async fn a_message_rings(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    assert!(rings(&signal, WorkQueue::Orchestrator, store.send(start("a"))).await);
}

pub async fn an_activity_rings(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    assert!(rings(&signal, WorkQueue::Worker, store.post(activity("a", 2))).await);
}

pub async fn a_turn_rings_for_its_activities(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    store.send(start("a")).await;
    let turn = store.take().await;
    let commit = Commit { worker_items: vec![activity("a", 2)], ..says(names()) };
    assert!(rings(&signal, WorkQueue::Worker, store.ack(&turn, commit)).await);
}

pub async fn a_turn_rings_for_its_messages(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    store.send(start("a")).await;
    let turn = store.take().await;
    let commit = Commit { orchestrator_items: vec![start("b")], ..says(names()) };
    assert!(rings(&signal, WorkQueue::Orchestrator, store.ack(&turn, commit)).await);
}

pub async fn a_completion_rings(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    store.create("a").await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    let ack = async {
        store.ack_work_item(&job.token, Some(completed("a", 2))).await.expect("the holder may ack");
    };
    assert!(rings(&signal, WorkQueue::Orchestrator, ack).await);
}

pub async fn an_abandoned_turn_rings(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    store.send(start("a")).await;
    let turn = store.take().await;
    let abandon = async {
        store.abandon_orchestration_item(&turn.token, None, false).await.expect("abandon");
    };
    assert!(rings(&signal, WorkQueue::Orchestrator, abandon).await);
}

pub async fn an_abandoned_activity_rings(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    let abandon = async {
        store.abandon_work_item(&job.token, None, false).await.expect("abandon");
    };
    assert!(rings(&signal, WorkQueue::Worker, abandon).await);
}

pub async fn a_release_rings_for_what_arrived_meanwhile(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    store.create("a").await;
    store.send(raised("a", "1")).await;
    let turn = store.take().await;
    store.send(raised("a", "2")).await;
    assert!(rings(&signal, WorkQueue::Orchestrator, store.ack(&turn, nothing())).await);
}

/// Whether one who looks, and then waits to be told, and looks again, sees an instance soon.
async fn is_told_of_a_turn(store: &Case<'_>, signal: &WorkSignal) -> bool {
    let look = async {
        loop {
            let ticket = signal.ticket(WorkQueue::Orchestrator);
            if store.fetch(LONG, None).await.is_some() {
                return;
            }
            signal.wait(WorkQueue::Orchestrator, ticket, LONG).await;
        }
    };
    tokio::time::timeout(SOON, look).await.is_ok()
}

pub async fn a_delayed_message_rings_when_it_is_due(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    store.send_later(start("a"), SHORT).await;
    assert!(is_told_of_a_turn(&store, &signal).await);
}

pub async fn a_timer_rings_when_it_is_due(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    store.create("a").await;
    let commit = Commit { orchestrator_items: vec![timer("a", store.now_ms() + 60)], ..nothing() };
    store.turn("a", commit).await;
    assert!(is_told_of_a_turn(&store, &signal).await);
}

pub async fn an_abandoned_activity_rings_when_its_delay_is_over(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    store.abandon_work_item(&job.token, Some(SHORT), false).await.expect("abandon");
    let look = async {
        loop {
            let ticket = signal.ticket(WorkQueue::Worker);
            if store.fetch_job(LONG, None, &TagFilter::Any).await.is_some() {
                return;
            }
            signal.wait(WorkQueue::Worker, ticket, LONG).await;
        }
    };
    assert!(tokio::time::timeout(SOON, look).await.is_ok());
}

pub async fn nothing_rings_for_nothing(factory: &dyn StoreFactory) {
    let Some((store, signal)) = ringing(factory).await else {
        return;
    };
    store.create("a").await;
    let ticket = signal.ticket(WorkQueue::Worker);
    let wait = signal.wait(WorkQueue::Worker, ticket, Duration::from_millis(20));
    tokio::time::timeout(SOON, wait).await.expect("the wait is over in time");
    store.expect_no_job("there was nothing to ring for").await;
}
