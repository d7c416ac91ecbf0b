//! Whoever waits long for an answer does not take the wait for a difference of the clocks.

use std::time::Duration;

use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use duroxide::providers::{ExecutionMetadata, Provider, WorkItem};

use super::contention::start;
use super::proxy::{Network, Proxy};
use super::server::{Server, fresh_schema};
use super::stage::{number, store_at};

const LEASE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn no_timer_is_due_early_because_answers_are_slow() {
    let schema = fresh_schema();
    let proxy = Proxy::before(Server::shared().port()).await;
    let store = store_at(proxy.port(), &schema).await;
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let (_, token, _) = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().unwrap();
    proxy.set(Network::Slow(Duration::from_millis(1_500)));
    store.enqueue_for_orchestrator(start("other"), None).await.unwrap();
    proxy.set(Network::Well);

    let now_ms = number(&store, "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint").await;
    let fire_at_ms = u64::try_from(now_ms).unwrap() + 1_000;
    let timer = WorkItem::TimerFired { instance: "i".into(), execution_id: 1, id: 2, fire_at_ms };
    let metadata = ExecutionMetadata::default();
    store.ack_orchestration_item(&token, 1, vec![], vec![], vec![timer], metadata, vec![]).await.unwrap();
    let due = number(&store, "SELECT visible_at FROM @.orchestrator_queue WHERE instance_id = 'i'").await;
    assert_eq!(u64::try_from(due).unwrap(), fire_at_ms, "one machine has one clock");
}

/// The case `pg_restart`: a pool that was used by many, a restart, and one caller who meets what is left of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pg_restart_is_not_noticed_by_a_lone_call() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let options = PostgresOptions::default().session_features(false);
    let store = PostgresProvider::connect_with(&server.url(), options).await.unwrap();
    let pool = store.get_pool();
    let mut used = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        used.push(pool.acquire().await.unwrap());
    }
    let all = used.len();
    drop(used);
    // A connection goes back to the pool in a task of its own.
    while pool.num_idle() < all {
        tokio::task::yield_now().await;
    }
    let server = tokio::task::spawn_blocking(move || {
        server.restart_immediately();
        server
    });
    let _server = server.await.unwrap();
    store.get_custom_status("nobody", 0).await.expect("the server is up");
}
