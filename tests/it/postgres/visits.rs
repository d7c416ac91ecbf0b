//! Who only visits a schema leaves everything in it as it is; and single instances go there and come back.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::postgres::{PostgresOpenError, PostgresOptions, PostgresProvider};
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{ExecutionMetadata, Provider};
use duroxide::transfer::{InstanceExport, TransferError, export_instances, import_instances};
use duroxide::{Client, Event, EventKind};

use super::server::{Server, fresh_schema};
use super::stage::{number, store};

async fn visit(schema: &str) -> Result<PostgresProvider, PostgresOpenError> {
    PostgresProvider::connect_with(&Server::shared().url(), PostgresOptions::default().schema(schema).visitor()).await
}

#[tokio::test]
async fn a_visitor_creates_and_registers_nothing() {
    let schema = fresh_schema();
    let refused = visit(&schema).await.expect_err("there is no such schema");
    assert!(
        matches!(&refused, PostgresOpenError::OlderSchema { found, .. } if found.contains("no tables")),
        "{refused}"
    );
    let store = store().await;
    let exists = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'");
    assert_eq!(number(&store, &exists).await, 0, "it was looked for only");

    let visitor = visit(store.schema()).await.expect("it is of this version");
    assert_eq!(number(&store, "SELECT count(*) FROM @.nodes").await, 1, "only the store itself");
    Client::new(Arc::new(visitor)).start_orchestration("a", "Order", "1").await.expect("it may send");
    assert_eq!(number(&store, "SELECT count(*) FROM @.orchestrator_queue").await, 1);
    let figures = store.server_figures().await.expect("the server answers");
    assert!(figures.now_ms > 1_600_000_000_000 && figures.database_bytes > 0 && !figures.version.is_empty());
    assert!(!figures.synchronous_commit.is_empty());
}

/// An instance that had a turn, with a message on its way.
async fn begin(store: &Arc<PostgresProvider>, id: &str) {
    let client = Client::new(store.clone());
    client.start_orchestration(id, "Order", "1").await.expect("it is stored");
    let lock = Duration::from_secs(30);
    let fetched = store.fetch_orchestration_item(lock, lock, None).await.expect("the server answers");
    let (_, token, _) = fetched.expect("the start waits");
    let kind = EventKind::OrchestrationStarted {
        name: "Order".into(),
        version: "1.0.0".into(),
        input: "U+0000 \0 and 注".into(),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: None,
        initial_custom_status: None,
    };
    let event = Event {
        event_id: 1,
        source_event_id: None,
        instance_id: id.into(),
        execution_id: 1,
        timestamp_ms: 1,
        duroxide_version: "0.2.0".into(),
        kind,
    };
    let named = ExecutionMetadata {
        orchestration_name: Some("Order".into()),
        orchestration_version: Some("1.0.0".into()),
        ..ExecutionMetadata::default()
    };
    store.ack_orchestration_item(&token, 1, vec![event], vec![], vec![], named, vec![]).await.expect("a commit");
    client.enqueue_event(id, "inbox", "1").await.expect("it is stored");
}

#[tokio::test]
async fn single_instances_go_to_a_schema_and_come_back() {
    let (here, other) = (store().await, store().await);
    begin(&here, "a").await;
    begin(&other, "b").await;
    let ids = ["a".to_owned()];
    let export = export_instances(&*here, &ids).await.expect("it is there");
    assert_eq!((export.instances(), export.running()), (vec!["a"], vec!["a"]));
    let taken = import_instances(&*here, &export).await.expect_err("it is there already");
    assert_eq!(taken, TransferError::InstanceExists { instance: "a".into() });

    let text: Vec<String> = export.lines().collect();
    let read = InstanceExport::read(text.iter().map(String::as_str)).expect("it was written so");
    import_instances(&*other, &read).await.expect("the id is free");
    assert_eq!(other.read("a").await.expect("a history"), here.read("a").await.expect("a history"));
    assert_eq!(other.list_instances().await.expect("a list").len(), 2);
    assert_eq!(number(&other, "SELECT count(*) FROM @.orchestrator_queue WHERE instance_id = 'a'").await, 1);
    let message = other.fetch_orchestration_item(Duration::from_secs(30), Duration::ZERO, None).await;
    assert!(message.expect("the server answers").is_some(), "the work goes on here");

    // And into a file.
    let file = SqliteProvider::new_in_memory().await.expect("a database in memory opens");
    import_instances(&file, &read).await.expect("the id is free");
    assert_eq!(file.read("a").await.expect("a history"), here.read("a").await.expect("a history"));
}
