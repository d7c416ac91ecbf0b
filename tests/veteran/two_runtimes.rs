//! Two runtimes with a store each on one file, one of which goes away without a word.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::{Runtime, RuntimeOptions};
use duroxide::{Client, TagFilter};

use crate::{end_of, flows};

const ORDERS: u32 = 12;

async fn node(url: &str, runs: &flows::Runs, node_id: &str) -> (Arc<dyn Provider>, Arc<Runtime>) {
    let store: Arc<dyn Provider> = Arc::new(SqliteProvider::new(url, None).await.unwrap());
    let options = RuntimeOptions {
        orchestrator_lock_timeout: Duration::from_secs(1),
        worker_lock_timeout: Duration::from_secs(1),
        session_lock_timeout: Duration::from_secs(1),
        worker_node_id: Some(node_id.to_string()),
        worker_tag_filter: TagFilter::default_only(),
        ..RuntimeOptions::default()
    };
    let (activities, orchestrations) = (flows::activities(runs), flows::orchestrations());
    let runtime = Runtime::start_with_options(Arc::clone(&store), activities, orchestrations, options).await;
    (store, runtime)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_outlive_one_of_two_runtimes() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("orders.db").display());
    let runs = flows::Runs::default();
    let (store, stays) = node(&url, &runs, "stays").await;
    let (other, leaves) = node(&url, &runs, "leaves").await;
    let client = Client::new(Arc::clone(&other));
    for id in 0..ORDERS {
        flows::place(&client, id).await;
    }
    for id in 0..ORDERS / 2 {
        flows::approve(&client, id).await;
    }
    leaves.shutdown(Some(0)).await;
    drop((client, other));
    let client = Client::new(store);
    for id in ORDERS / 2..ORDERS {
        flows::approve(&client, id).await;
    }
    for id in 0..ORDERS {
        assert_eq!(end_of(&client, &format!("order-{id}")).await, Ok(flows::receipt(id)));
    }
    stays.shutdown(None).await;
    let depths = client.get_queue_depths().await.unwrap();
    let metrics = client.get_system_metrics().await.unwrap();
    assert_eq!((metrics.running_instances, metrics.completed_instances), (0, u64::from(4 * ORDERS)));
    // The timers against which approvals were raced ring in an hour.
    assert_eq!((depths.orchestrator_queue, depths.worker_queue), (ORDERS as usize, 0));
}

#[tokio::test]
async fn a_file_is_opened_again_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    // As programs do that never asked for `mode=rwc`.
    std::fs::File::create(&path).unwrap();
    let url = format!("sqlite:{}", path.display());
    let runs = flows::Runs::default();
    let (store, runtime) = node(&url, &runs, "first").await;
    let client = Client::new(Arc::clone(&store));
    flows::place(&client, 1).await;
    flows::approve(&client, 1).await;
    runtime.shutdown(Some(0)).await;
    drop((client, store));
    let (store, runtime) = node(&url, &runs, "second").await;
    assert_eq!(end_of(&Client::new(store), "order-1").await, Ok(flows::receipt(1)));
    runtime.shutdown(None).await;
}
