//! A client against the memory store, without a runtime.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::commit::ExecutionMetadata;
use crate::model::error::ErrorDetails;
use crate::model::event::{Event, EventKind};
use crate::providers::memory::MemoryProvider;

const SOON: Duration = Duration::from_millis(50);

fn client() -> (Arc<MemoryProvider>, Client) {
    let store = Arc::new(MemoryProvider::new());
    (Arc::clone(&store), Client::new(store))
}

/// Commits a first turn of `instance` with these events after the start.
async fn commit(store: &MemoryProvider, client: &Client, instance: &str, kinds: Vec<EventKind>) {
    client.start_orchestration(instance, "Order", "").await.unwrap();
    let fetched = store.fetch_orchestration_item(Duration::from_secs(5), Duration::ZERO, None).await;
    let (_, token, _) = fetched.unwrap().expect("its start is there");
    let started = EventKind::OrchestrationStarted {
        name: "Order".to_owned(),
        version: "1.0.0".to_owned(),
        input: String::new(),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: None,
        initial_custom_status: None,
    };
    let kinds = std::iter::once(started).chain(kinds);
    let delta: Vec<Event> =
        (1..).zip(kinds).map(|(id, kind)| Event::with_event_id(id, instance, 1, None, kind)).collect();
    let status = delta.last().filter(|last| last.is_terminal()).map(|_| "Completed".to_owned());
    let metadata = ExecutionMetadata {
        status,
        orchestration_name: Some("Order".to_owned()),
        orchestration_version: Some("1.0.0".to_owned()),
        ..ExecutionMetadata::default()
    };
    let acked = store.ack_orchestration_item(&token, 1, delta, vec![], vec![], metadata, vec![]);
    acked.await.unwrap();
}

fn output(text: &str) -> EventKind {
    EventKind::OrchestrationCompleted { output: text.to_owned() }
}

fn custom_status(text: &str) -> EventKind {
    EventKind::CustomStatusUpdated { status: Some(text.to_owned()) }
}

#[tokio::test]
async fn reserved_ids_of_generated_children_are_refused() {
    let (_, client) = client();
    for id in ["sub::1", "a::sub::2"] {
        let error = client.start_orchestration(id, "Order", "").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Invalid input: instance id '{id}' uses the reserved sub-orchestration marker 'sub::'")
        );
    }
}

#[tokio::test]
async fn status_follows_history() {
    let (store, client) = client();
    let status = async |id: &str| client.get_orchestration_status(id).await.unwrap();
    assert_eq!(status("none").await, OrchestrationStatus::NotFound);
    commit(&store, &client, "runs", vec![custom_status("half")]).await;
    assert_eq!(
        status("runs").await,
        OrchestrationStatus::Running { custom_status: Some("half".to_owned()), custom_status_version: 1 }
    );
    commit(&store, &client, "done", vec![output("42")]).await;
    assert_eq!(
        status("done").await,
        OrchestrationStatus::Completed { output: "42".to_owned(), custom_status: None, custom_status_version: 0 }
    );
    let details = ErrorDetails::cancelled("enough");
    let cancelled = EventKind::ActivityCancelRequested { reason: String::new() };
    let failed = EventKind::OrchestrationFailed { details: details.clone() };
    commit(&store, &client, "failed", vec![failed, cancelled]).await;
    assert_eq!(
        status("failed").await,
        OrchestrationStatus::Failed { details, custom_status: None, custom_status_version: 0 }
    );
    let continued = EventKind::OrchestrationContinuedAsNew { input: String::new() };
    commit(&store, &client, "continued", vec![continued]).await;
    assert!(matches!(status("continued").await, OrchestrationStatus::Running { .. }));
}

#[tokio::test]
async fn waits_look_at_least_once_and_end_in_time() {
    let (store, client) = client();
    commit(&store, &client, "done", vec![output("\"text\"")]).await;
    client.wait_for_orchestration("done", Duration::ZERO).await.unwrap();
    let typed = client.wait_for_orchestration_typed::<String>("done", SOON).await.unwrap();
    assert_eq!(typed.unwrap(), "text");
    let error = client.wait_for_orchestration_typed::<u32>("done", SOON).await.unwrap_err();
    assert!(error.to_string().starts_with("Invalid input: decode failed: "), "{error}");
    for error in [
        client.wait_for_orchestration("none", SOON).await.unwrap_err(),
        client.wait_for_kv_value("none", "k", SOON).await.unwrap_err(),
        client.wait_for_status_change("none", 0, SOON, SOON).await.unwrap_err(),
        client.wait_for_status_change("done", 0, SOON, Duration::ZERO).await.unwrap_err(),
    ] {
        assert!(matches!(error, ClientError::Timeout) && error.is_retryable());
    }
}

#[tokio::test]
async fn a_status_change_is_a_later_version_or_the_end() {
    let (store, client) = client();
    commit(&store, &client, "runs", vec![custom_status("half")]).await;
    let change = |version| client.wait_for_status_change("runs", version, SOON, SOON);
    assert!(matches!(change(0).await.unwrap(), OrchestrationStatus::Running { custom_status_version: 1, .. }));
    assert!(matches!(change(1).await, Err(ClientError::Timeout)));
    commit(&store, &client, "done", vec![output("")]).await;
    let ended = client.wait_for_status_change("done", 9, SOON, SOON).await.unwrap();
    assert!(matches!(ended, OrchestrationStatus::Completed { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_commit_and_not_with_the_next_look() {
    let (store, client) = client();
    let signal = store.work_signal().expect("the memory store tells");
    let began = tokio::time::Instant::now();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.wait_for_status_change("i", 0, Duration::from_secs(60), Duration::from_secs(600)).await }
    });
    tokio::task::yield_now().await;
    commit(&store, &client, "i", vec![output("")]).await;
    signal.changed("i");
    waiting.await.unwrap().unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_refused_deletion_says_why() {
    let (store, client) = client();
    commit(&store, &client, "runs", vec![]).await;
    let refused = async |id: &str| client.delete_instance(id, false).await.unwrap_err();
    assert!(
        matches!(refused("runs").await, ClientError::InstanceStillRunning { instance_id } if instance_id == "runs")
    );
    assert!(matches!(refused("none").await, ClientError::InstanceNotFound { instance_id } if instance_id == "none"));
    client.delete_instance("runs", true).await.unwrap();
    assert_eq!(client.get_orchestration_status("runs").await.unwrap(), OrchestrationStatus::NotFound);
}

#[tokio::test]
async fn key_values_are_plain_json() {
    let (store, client) = client();
    let set = EventKind::KeyValueSet { key: "k".to_owned(), value: "\"v\"".to_owned(), last_updated_at_ms: 1 };
    commit(&store, &client, "i", vec![set]).await;
    assert_eq!(client.get_kv_value_typed::<String>("i", "k").await.unwrap().unwrap(), "v");
    let error = client.wait_for_kv_value_typed::<u32>("i", "k", SOON).await.unwrap_err();
    assert!(error.to_string().starts_with("Invalid input: KV deserialization error: "), "{error}");
}

#[tokio::test]
async fn payload_limit_and_others_are_checked_before_anything_is_stored() {
    let store = Arc::new(MemoryProvider::new());
    let limits = Limits { name_bytes: 4, id_bytes: 3, payload_bytes: 2, ..Limits::default() };
    let client = Client::new(store.clone()).with_limits(limits);
    let text = |result: Result<(), ClientError>| match result.unwrap_err() {
        ClientError::InvalidInput { message } => message,
        other => panic!("expected InvalidInput, found {other:?}"),
    };
    let id = "instance id: expected at most 3 bytes, found 4";
    assert_eq!(text(client.start_orchestration("four", "Name", "in").await), id);
    assert_eq!(text(client.raise_event("four", "e", "in").await), id);
    assert_eq!(text(client.enqueue_event("four", "q", "in").await), id);
    assert_eq!(text(client.cancel_instance("four", "").await), id);
    let name = |of: &str| format!("{of}: expected at most 4 bytes, found 5");
    assert_eq!(text(client.start_orchestration("i", "Named", "").await), name("name of the orchestration"));
    let version = client.start_orchestration_versioned("i", "N", "1.0.0", "").await;
    assert_eq!(text(version), name("version of the orchestration"));
    assert_eq!(text(client.raise_event("i", "event", "").await), name("name of the event"));
    assert_eq!(text(client.enqueue_event("i", "queue", "").await), name("name of the queue"));
    let payload = |of: &str| format!("{of}: expected at most 2 bytes, found 3");
    assert_eq!(text(client.start_orchestration("i", "N", "123").await), payload("input"));
    assert_eq!(text(client.raise_event("i", "e", "123").await), payload("data of the event"));
    assert_eq!(text(client.enqueue_event("i", "q", "123").await), payload("data of the event"));
    assert_eq!(text(client.cancel_instance("i", "123").await), payload("reason of the cancel"));
    assert_eq!(client.get_queue_depths().await.unwrap().orchestrator_queue, 0);
    client.start_orchestration("123", "Name", "12").await.unwrap();
    assert_eq!(client.get_queue_depths().await.unwrap().orchestrator_queue, 1);
}

#[tokio::test]
async fn an_instance_for_which_too_much_waits_is_sent_no_more_but_a_cancel() {
    let store = Arc::new(MemoryProvider::new());
    let limits = Limits { queue_depth: 2, ..Limits::default() };
    let client = Client::new(store).with_limits(limits);
    client.start_orchestration("i", "Order", "").await.unwrap();
    client.raise_event("i", "e", "").await.unwrap();
    let error = client.enqueue_event("i", "q", "").await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("instance 'i': expected fewer than 2"), "{error}");
    client.cancel_instance("i", "enough").await.unwrap();
    client.start_orchestration("j", "Order", "").await.unwrap();
}
