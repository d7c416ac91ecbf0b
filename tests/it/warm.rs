//! Orchestrations that stay in memory on a file that others change, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{OrchestrationRegistry, Runtime, RuntimeOptions};
use duroxide::{ActivityContext, Client, EventKind, OrchestrationContext, OrchestrationStatus};

/// Longer than anything here takes; past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

fn activities() -> ActivityRegistry {
    ActivityRegistry::builder().register("Echo", |_: ActivityContext, input: String| async move { Ok(input) }).build()
}

/// A chain of so many activities; returns the sum of their results.
fn chain() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Chain", |ctx: OrchestrationContext, steps: String| async move {
            let mut sum = 0;
            for step in 1..=steps.parse::<u32>().map_err(|error| error.to_string())? {
                let echoed = ctx.schedule_activity("Echo", step.to_string()).await?;
                sum += echoed.parse::<u32>().map_err(|error| error.to_string())?;
            }
            Ok(sum.to_string())
        })
        .build()
}

async fn ended(client: &Client, instance: &str) -> Result<String, String> {
    match client.wait_for_orchestration(instance, PATIENCE).await.unwrap() {
        OrchestrationStatus::Completed { output, .. } => Ok(output),
        OrchestrationStatus::Failed { details, .. } => Err(details.display_message()),
        unexpected => panic!("a wait ended at {unexpected:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_another_program_changed_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteProvider::open(folder.path().join("store.db")).await.unwrap());
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Waits", move |ctx: OrchestrationContext, _: String| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                ctx.set_custom_status("waits");
                Ok(ctx.schedule_wait("go").await)
            }
        })
        .build();
    let options = RuntimeOptions { max_attempts: 1, ..RuntimeOptions::default() };
    let runtime = Runtime::start_with_options(store.clone(), activities(), orchestrations, options).await;
    let client = Client::new(store.clone());
    for instance in ["changed", "left alone"] {
        client.start_orchestration(instance, "Waits", "").await.unwrap();
        client.wait_for_status_change(instance, 0, Duration::from_millis(5), PATIENCE).await.unwrap();
    }
    sqlx::query("UPDATE history SET event_data = '{not json' WHERE instance_id = 'changed' AND event_id = 1")
        .execute(store.get_pool())
        .await
        .unwrap();
    for instance in ["changed", "left alone"] {
        client.raise_event(instance, "go", "gone").await.unwrap();
    }
    let text = ended(&client, "changed").await.unwrap_err();
    assert!(text.contains("deserialization failed"), "{text}");
    assert_eq!(ended(&client, "left alone").await.as_deref(), Ok("gone"));
    if std::env::var_os("DUROXIDE_WARMTH").is_none() {
        assert_eq!(runs.load(Ordering::Relaxed), 2, "what is unchanged stays in memory");
    }
    runtime.shutdown(None).await;
}

/// Whichever of two stores looks first takes the next turn, so that each has executions at rest whose history goes on
/// elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_file_share_orchestrations_and_each_step_counts_once() {
    const CHAINS: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut runtimes = Vec::new();
    let mut clients = Vec::new();
    // Activities run apart: what they return goes through the queue.
    for (orchestration_concurrency, worker_concurrency) in [(2, 0), (2, 0), (0, 2)] {
        let store = Arc::new(SqliteProvider::open(&path).await.unwrap());
        let options = RuntimeOptions {
            orchestration_concurrency,
            worker_concurrency,
            dispatcher_min_poll_interval: Duration::from_millis(1),
            ..RuntimeOptions::default()
        };
        runtimes.push(Runtime::start_with_options(store.clone(), activities(), chain(), options).await);
        clients.push(Client::new(store));
    }
    for at in 0..CHAINS {
        clients[at % 2].start_orchestration(format!("c-{at}"), "Chain", "10").await.unwrap();
    }
    for at in 0..CHAINS {
        let instance = format!("c-{at}");
        // Waited for by the store that did not start it.
        assert_eq!(ended(&clients[(at + 1) % 2], &instance).await.as_deref(), Ok("55"));
        let history = clients[0].read_execution_history(&instance, 1).await.unwrap();
        let completions = history.iter().filter(|event| matches!(event.kind, EventKind::ActivityCompleted { .. }));
        assert_eq!(completions.count(), 10);
        assert!(history.windows(2).all(|pair| pair[0].event_id() < pair[1].event_id()));
    }
    for runtime in runtimes {
        // A turn of an execution that does not end where history does would be refused, and then done again.
        assert_eq!(runtime.metrics_snapshot().unwrap().orch_infrastructure_errors, 0);
        runtime.shutdown(None).await;
    }
}
