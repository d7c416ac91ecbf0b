//! The client: every call, on a running store.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::Runtime;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    Client, ClientError, DeleteInstanceResult, Event, ExecutionInfo, InstanceFilter, InstanceInfo, InstanceTree,
    OrchestrationContext, OrchestrationRegistry, OrchestrationStatus, PruneOptions, PruneResult, QueueDepths,
    SystemMetrics, SystemStats,
};

const LONG: Duration = Duration::from_secs(10);

/// Says where it stands, keeps a value, waits for a message, ends.
async fn flow(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    ctx.set_custom_status("waiting");
    ctx.set_kv_value_typed("count", &7);
    let message = ctx.dequeue_event("q").await;
    if message == "fail" { Err(message) } else { Ok(format!("{input}{message}")) }
}

async fn running() -> (Arc<Runtime>, Client) {
    let store = Arc::new(SqliteProvider::new_in_memory().await.expect("a database in memory opens"));
    let orchestrations =
        OrchestrationRegistry::builder().register("Flow", flow).register_versioned("Flow", "2.0.0", flow).build();
    let runtime = Runtime::start_with_store(store.clone(), ActivityRegistry::builder().build(), orchestrations).await;
    (runtime, Client::new(store).clone())
}

#[tokio::test]
async fn start_talk_and_wait() -> Result<(), Box<dyn std::error::Error>> {
    let (runtime, client) = running().await;
    client.start_orchestration("a", "Flow", "x").await?;
    client.start_orchestration_versioned(String::from("b"), "Flow", "1.0.0", String::from("x")).await?;
    client.start_orchestration_typed::<&str>("c", "Flow", "x").await?;
    client.start_orchestration_versioned_typed::<u8>("d", "Flow", "2.0.0", 1).await?;

    let status = client.wait_for_status_change("a", 0, Duration::from_millis(5), LONG).await?;
    let expected =
        OrchestrationStatus::Running { custom_status: Some("waiting".to_string()), custom_status_version: 1 };
    assert_eq!(status, expected);
    assert_eq!(client.wait_for_kv_value("a", "count", LONG).await?, "7");
    assert_eq!(client.wait_for_kv_value_typed::<u8>("a", "count", LONG).await?, 7);
    assert_eq!(client.get_kv_value("a", "count").await?.as_deref(), Some("7"));
    assert_eq!(client.get_kv_value_typed::<u8>("a", "none").await?, None);
    let error = client.get_kv_value_typed::<bool>("a", "count").await.unwrap_err();
    assert!(error.to_string().starts_with("Invalid input: KV deserialization error: "), "{error}");
    let all: HashMap<String, String> = client.get_kv_all_values("a").await?;
    assert_eq!(all.len(), 1);

    client.raise_event("a", "unheard", "x").await?;
    client.raise_event_typed("a", String::from("unheard"), &1).await?;
    client.enqueue_event("a", "q", "y").await?;
    client.enqueue_event_typed("b", "q", &"fail").await?;
    #[expect(deprecated, reason = "programs still call it")]
    client.raise_event_persistent("c", "q", "y").await?;
    client.cancel_instance("d", "enough").await?;

    let done = client.wait_for_orchestration("a", LONG).await?;
    assert!(matches!(done, OrchestrationStatus::Completed { output, .. } if output == "xy"));
    assert_eq!(client.wait_for_orchestration_typed::<String>("b", LONG).await?, Err("fail".to_string()));
    let undecodable = client.wait_for_orchestration_typed::<u8>("c", LONG).await.unwrap_err();
    assert!(undecodable.to_string().starts_with("Invalid input: decode failed: "), "{undecodable}");
    let cancelled = client.wait_for_orchestration("d", LONG).await?;
    assert!(
        matches!(cancelled, OrchestrationStatus::Failed { details, .. } if details.display_message() == "canceled: enough")
    );
    assert_eq!(client.get_orchestration_status("nobody").await?, OrchestrationStatus::NotFound);
    let timeout = client.wait_for_orchestration("nobody", Duration::ZERO).await;
    assert!(matches!(timeout, Err(ClientError::Timeout)));
    runtime.shutdown(None).await;
    Ok(())
}

#[tokio::test]
async fn look_delete_and_prune() -> Result<(), Box<dyn std::error::Error>> {
    let (runtime, client) = running().await;
    assert!(client.has_management_capability());
    for id in ["a", "b"] {
        client.start_orchestration(id, "Flow", "x").await?;
        client.wait_for_kv_value(id, "count", LONG).await?;
    }
    let running = client.delete_instance("a", false).await;
    assert!(matches!(running, Err(ClientError::InstanceStillRunning { instance_id }) if instance_id == "a"));
    let missing = client.delete_instance("nobody", true).await;
    assert!(matches!(missing, Err(ClientError::InstanceNotFound { .. })));
    client.enqueue_event("a", "q", "y").await?;
    client.wait_for_orchestration("a", LONG).await?;

    let mut ids: Vec<String> = client.list_all_instances().await?;
    ids.sort();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(client.list_instances_by_status("Completed").await?, ["a"]);
    let info: InstanceInfo = client.get_instance_info("a").await?;
    assert_eq!((info.orchestration_version.as_str(), info.status.as_str()), ("2.0.0", "Completed"));
    let execution: ExecutionInfo = client.get_execution_info("a", 1).await?;
    assert_eq!(client.list_executions("a").await?, [1]);
    let history: Vec<Event> = client.read_execution_history("a", 1).await?;
    assert_eq!(history.len(), execution.event_count);
    let metrics: SystemMetrics = client.get_system_metrics().await?;
    assert_eq!((metrics.total_instances, metrics.completed_instances), (2, 1));
    let _: QueueDepths = client.get_queue_depths().await?;
    let tree: InstanceTree = client.get_instance_tree("a").await?;
    assert!(tree.is_root_only() && tree.size() == 1 && tree.root_id == "a");
    let stats: Option<SystemStats> = client.get_orchestration_stats("a").await?;
    assert_eq!(stats.map(|stats| stats.kv_user_key_count), Some(1));
    let keep_one = PruneOptions { keep_last: Some(1), ..Default::default() };
    let pruned: PruneResult = client.prune_executions("a", keep_one.clone()).await?;
    assert_eq!((pruned.instances_processed, pruned.executions_deleted), (1, 0));
    let _: PruneResult = client.prune_executions_bulk(InstanceFilter::default(), keep_one).await?;
    let only_a = InstanceFilter { instance_ids: Some(vec!["a".to_string()]), completed_before: None, limit: Some(10) };
    let deleted: DeleteInstanceResult = client.delete_instance_bulk(only_a).await?;
    assert_eq!(deleted.instances_deleted, 1);
    assert_eq!(client.delete_instance("b", true).await?.instances_deleted, 1);
    runtime.shutdown(None).await;
    Ok(())
}
