//! Two runtimes with a store each on one file, one of which goes away without a word.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{Runtime, RuntimeOptions, UnregisteredBackoffConfig};
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry, TagFilter};

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

/// One knows the orchestration only, the other its activities only: each comes across the other's work, and must leave
/// it soon enough to whoever can do it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_two_runtimes_leaves_what_it_does_not_know_to_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("shared.db").display());
    let backoff =
        UnregisteredBackoffConfig { base_delay: Duration::from_millis(50), max_delay: Duration::from_millis(50) };
    let options = RuntimeOptions { unregistered_backoff: backoff, ..RuntimeOptions::default() };
    let open = async || Arc::new(SqliteProvider::new(&url, None).await.unwrap()) as Arc<dyn Provider>;
    let chain = OrchestrationRegistry::builder()
        .register("chain", |ctx: OrchestrationContext, _: String| async move {
            for step in ["a", "b"] {
                ctx.schedule_activity("step", step).await?;
            }
            Ok("done".to_string())
        })
        .build();
    let steps = ActivityRegistry::builder()
        .register("step", |_: ActivityContext, step: String| async move { Ok(step) })
        .build();
    let (store, other) = (open().await, open().await);
    let (nothing, none) = (ActivityRegistry::builder().build(), OrchestrationRegistry::builder().build());
    let decides = Runtime::start_with_options(Arc::clone(&store), nothing, chain, options.clone()).await;
    let acts = Runtime::start_with_options(other, steps, none, options).await;
    let client = Client::new(store);
    client.start_orchestration("order", "chain", "").await.unwrap();
    assert_eq!(end_of(&client, "order").await, Ok("done".to_string()));
    decides.shutdown(None).await;
    acts.shutdown(None).await;
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
