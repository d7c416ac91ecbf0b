//! Laws: what enters the orchestrator queue, and how long it is.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use std::time::Duration;

use super::StoreFactory;
use super::case::{Case, LONG, SHORT, expect_permanent};
use super::items::{activity, nothing, payloads, raised, start, timer};

laws!("queues":
    an_activity_is_refused_as_a_message,
    many_instances_come_in_the_order_of_arrival,
    messages_of_one_instance_come_in_the_order_of_arrival,
    a_timer_enqueued_directly_goes_by_its_delay,
    a_delay_without_end_is_accepted,
    a_message_is_delivered_once,
    depths_count_what_nobody_holds,
    depths_count_what_was_given_back,
    depths_count_what_an_expired_lock_left,
);

pub async fn an_activity_is_refused_as_a_message(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    expect_permanent(store.enqueue_for_orchestrator(activity("a", 2), None).await, "");
    store.expect_no_turn("it was refused").await;
    store.expect_no_job("it was refused").await;
}

pub async fn many_instances_come_in_the_order_of_arrival(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    // Neither ascending nor descending by name.
    let names: Vec<String> = (0..30).map(|n| format!("i{}", (n * 7) % 30)).collect();
    for name in &names {
        store.send(start(name)).await;
    }
    for name in &names {
        assert_eq!(&store.take().await.item.instance, name);
    }
}

pub async fn messages_of_one_instance_come_in_the_order_of_arrival(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let sent: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    for data in &sent {
        store.send(raised("a", data)).await;
    }
    assert_eq!(payloads(&store.take().await), sent);
}

pub async fn a_timer_enqueued_directly_goes_by_its_delay(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let far = store.now_ms() + 300_000;
    store.send(timer("a", far)).await;
    let turn = store.take().await;
    assert_eq!(turn.item.messages, [timer("a", far)]);
    store.ack(&turn, nothing()).await;
    store.send_later(timer("a", 1), LONG).await;
    store.expect_no_turn("its delay is not over").await;
}

pub async fn a_delay_without_end_is_accepted(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send_later(start("a"), Duration::MAX).await;
    store.send(start("b")).await;
    assert_eq!(store.take().await.item.instance, "b");
    store.expect_no_turn("never is not now").await;
}

pub async fn a_message_is_delivered_once(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", nothing()).await;
    store.expect_no_turn("its message was consumed").await;
    let depths = store.admin().get_queue_depths().await.expect("depths");
    assert_eq!(depths.orchestrator_queue, 0);
}

/// Rows of the orchestrator and of the worker queue that nobody holds.
async fn depths(store: &Case<'_>) -> (usize, usize) {
    let depths = store.admin().get_queue_depths().await.expect("depths");
    assert_eq!(depths.timer_queue, 0, "timers are delayed messages");
    (depths.orchestrator_queue, depths.worker_queue)
}

pub async fn depths_count_what_nobody_holds(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    assert_eq!(depths(&store).await, (0, 0));
    store.send(start("a")).await;
    store.send_later(start("b"), LONG).await;
    store.post(activity("a", 2)).await;
    store.post(activity("a", 3)).await;
    assert_eq!(depths(&store).await, (2, 2), "delayed rows count");
    store.take().await;
    store.take_job().await;
    assert_eq!(depths(&store).await, (1, 1));
}

pub async fn depths_count_what_was_given_back(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    store.post(activity("a", 2)).await;
    let turn = store.take().await;
    let job = store.take_job().await;
    store.abandon_orchestration_item(&turn.token, Some(LONG), false).await.expect("abandon");
    store.abandon_work_item(&job.token, Some(LONG), false).await.expect("abandon");
    assert_eq!(depths(&store).await, (1, 1));
}

pub async fn depths_count_what_an_expired_lock_left(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    store.post(activity("a", 2)).await;
    store.take_for(SHORT).await;
    store.take_job_for(SHORT).await;
    store.lapse(SHORT).await;
    assert_eq!(depths(&store).await, (1, 1));
}
