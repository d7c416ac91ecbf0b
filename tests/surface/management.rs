//! The older management trait: real answers on our stores, beside the administrator's half that has the same names.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

use std::sync::Arc;
use std::time::Duration;

// As a program may: both traits at once.
use duroxide::providers::encoded::{CodecError, Encoded, PayloadCodec};
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::*;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{OrchestrationStatus, Runtime};
use duroxide::{Client, EventKind, OrchestrationContext, OrchestrationRegistry};

const PATIENCE: Duration = Duration::from_secs(30);

struct Marked;

impl PayloadCodec for Marked {
    fn encode(&self, payload: &str) -> Result<String, CodecError> {
        Ok(format!("marked {payload}"))
    }

    fn decode(&self, stored: &str) -> Result<String, CodecError> {
        stored.strip_prefix("marked ").map(str::to_owned).ok_or_else(|| CodecError::new("expected a mark, found none"))
    }
}

/// The time that events are stamped with.
fn now_ms() -> u64 {
    Event::new("now", 1, None, EventKind::KeyValuesCleared).timestamp_ms
}

/// Runs one instance that continues once and ends, and one that waits; then asks.
async fn answers(store: Arc<dyn Provider>, management: &dyn ManagementProvider) {
    let began_ms = now_ms();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Twice", |ctx: OrchestrationContext, input: String| async move {
            if input == "first" { ctx.continue_as_new("second").await } else { Ok(input) }
        })
        .register("Waits", |ctx: OrchestrationContext, _| async move { Ok(ctx.schedule_wait("never").await) })
        .build();
    let activities = ActivityRegistry::builder().build();
    let runtime = Runtime::start_with_store(Arc::clone(&store), activities, orchestrations).await;
    let client = Client::new(store);
    client.start_orchestration("waits", "Waits", "").await.unwrap();
    client.start_orchestration("ended", "Twice", "first").await.unwrap();
    let status = client.wait_for_orchestration("ended", PATIENCE).await.unwrap();
    assert!(matches!(status, OrchestrationStatus::Completed { .. }), "{status:?}");
    while management.list_instances().await.unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    runtime.shutdown(None).await;
    client.raise_event("waits", "other", "").await.unwrap();

    assert_eq!(management.list_instances_by_status("Running").await.unwrap(), ["waits"]);
    assert_eq!(management.list_instances_by_status("Completed").await.unwrap(), ["ended"]);
    assert_eq!(management.list_executions("ended").await.unwrap(), [1, 2]);
    assert_eq!(management.latest_execution_id("ended").await.unwrap(), 2);
    let first = management.read_execution("ended", 1).await.unwrap();
    let last = &first.last().unwrap().kind;
    assert_eq!(last, &EventKind::OrchestrationContinuedAsNew { input: "second".into() });
    let info = management.get_instance_info("ended").await.unwrap();
    assert_eq!((info.orchestration_name.as_str(), info.current_execution_id), ("Twice", 2));
    assert_eq!((info.status.as_str(), info.output.as_deref()), ("Completed", Some("second")));
    assert!(
        began_ms <= info.created_at && info.created_at <= info.updated_at && info.updated_at <= now_ms(),
        "{info:?}"
    );
    let info = management.get_execution_info("ended", 1).await.unwrap();
    assert_eq!((info.status.as_str(), info.output.as_deref(), info.event_count), ("ContinuedAsNew", Some("second"), 2));
    assert!(began_ms <= info.started_at && Some(info.started_at) <= info.completed_at, "{info:?}");
    let metrics = management.get_system_metrics().await.unwrap();
    assert_eq!((metrics.total_instances, metrics.total_executions, metrics.running_instances), (2, 3, 1));
    assert_eq!(management.get_queue_depths().await.unwrap().orchestrator_queue, 1);
    assert!(management.get_instance_info("nobody").await.unwrap_err().message.contains("not found"));
}

#[tokio::test]
async fn the_legacy_management_trait_answers_on_every_store_of_ours() {
    let store = Arc::new(MemoryProvider::new());
    answers(store.clone(), &*store).await;
    let store = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    answers(store.clone(), &*store).await;
    let below = Arc::new(MemoryProvider::new());
    let store = Arc::new(Encoded::new(below, Marked));
    answers(store.clone(), &*store).await;
}

#[tokio::test]
async fn a_program_that_imports_both_traits_need_not_say_which() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    assert_eq!(store.list_instances().await.unwrap(), Vec::<String>::new());
    assert_eq!(store.list_instances_by_status("Running").await.unwrap(), Vec::<String>::new());
    assert_eq!(store.list_executions("i").await.unwrap(), Vec::<u64>::new());
    assert_eq!(store.latest_execution_id("i").await.unwrap(), 1);
    assert!(store.get_instance_info("i").await.is_err() && store.get_execution_info("i", 1).await.is_err());
    assert_eq!(store.get_system_metrics().await.unwrap().total_instances, 0);
    assert_eq!(Arc::new(store).get_queue_depths().await.unwrap().worker_queue, 0);
}
