//! Messages that are for nobody, too many, or unreadable: they stop nobody, and none is lost silently.

use std::sync::Arc;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{EventKind, Provider, WorkItem};
use duroxide::runtime::OrchestrationRegistry;
use duroxide::{AppErrorKind, ErrorDetails};

use super::{Stage, eventually, on_every_store, orchestrations};

on_every_store!(
    d01_an_event_for_nobody_stops_nobody,
    d02_a_dropped_child_that_never_started_stops_nobody,
    d11_a_duplicate_failure_is_dropped,
    d14_a_child_of_a_deleted_parent_is_acknowledged,
);

async fn d01_an_event_for_nobody_stops_nobody(store: Arc<dyn Provider>) {
    let stage = Stage::on(store, orchestrations()).await;
    stage.client.raise_event("nobody-1", "go", "").await.unwrap();
    stage.client.cancel_instance("nobody-2", "why not").await.unwrap();
    stage.client.enqueue_event("nobody-3", "queue", "").await.unwrap();
    stage.assert_others_run().await;
    stage.end().await;
}

async fn d02_a_dropped_child_that_never_started_stops_nobody(store: Arc<dyn Provider>) {
    let orchestrations = OrchestrationRegistry::builder_from(&orchestrations())
        .register("Drops", |ctx, _| async move {
            drop(ctx.schedule_sub_orchestration("Echo", "never"));
            drop(ctx.schedule_sub_orchestration_with_id("Echo", "never-started", "never"));
            Ok("done".to_owned())
        })
        .build();
    let stage = Stage::on(store, orchestrations).await;
    assert_eq!(stage.run("drops", "Drops", "").await.as_deref(), Ok("done"));
    stage.assert_others_run().await;
    let admin = stage.store.as_management_capability().unwrap();
    assert_eq!(admin.get_queue_depths().await.unwrap().orchestrator_queue, 0);
    stage.end().await;
}

#[tokio::test]
async fn d08_unreadable_messages_are_put_aside_in_memory() {
    let store = Arc::new(MemoryProvider::new());
    store.enqueue_text("another", r#"{"FromTheFuture":{}}"#);
    let stage = Stage::on(Arc::clone(&store) as _, orchestrations()).await;
    stage.assert_others_run().await;
    assert_eq!(store.quarantined(), [r#"{"FromTheFuture":{}}"#]);
    stage.end().await;
}

#[tokio::test]
async fn d08_unreadable_messages_are_put_aside_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteProvider::open(folder.path().join("store.db")).await.unwrap());
    let message =
        WorkItem::ExternalRaised { instance: "another".to_owned(), name: "go".to_owned(), data: String::new() };
    let activity = WorkItem::ActivityExecute {
        instance: "somebody".to_owned(),
        execution_id: 1,
        id: 77,
        name: "Echo".to_owned(),
        input: String::new(),
        session_id: None,
        tag: None,
    };
    store.enqueue_for_orchestrator(message, None).await.unwrap();
    store.enqueue_for_worker(activity).await.unwrap();
    for (sql, body) in [
        ("UPDATE orchestrator_queue SET work_item = ?1", r#"{"FromTheFuture":{}}"#),
        ("UPDATE worker_queue SET work_item = ?1", "no JSON at all"),
    ] {
        sqlx::query(sql).bind(body).execute(store.get_pool()).await.unwrap();
    }
    let stage = Stage::on(Arc::clone(&store) as _, orchestrations()).await;
    stage.assert_others_run().await;
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM quarantine ORDER BY body").fetch_all(store.get_pool()).await.unwrap();
    assert_eq!(bodies, ["no JSON at all", r#"{"FromTheFuture":{}}"#]);
    stage.end().await;
}

async fn d11_a_duplicate_failure_is_dropped(store: Arc<dyn Provider>) {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Handles", |ctx, _| async move {
            let error = ctx.schedule_activity("Fail", "broken").await.unwrap_err();
            Ok(format!("{error} {}", ctx.schedule_wait("go").await))
        })
        .build();
    let stage = Stage::on(store, orchestrations).await;
    stage.start("i", "Handles", "").await;
    stage.until_waiting("i").await;
    let history = stage.store.read("i").await.unwrap();
    let is_schedule = |kind: &EventKind| matches!(kind, EventKind::ActivityScheduled { .. });
    let id = history.iter().find(|event| is_schedule(&event.kind)).unwrap().event_id();
    let again = WorkItem::ActivityFailed {
        instance: "i".to_owned(),
        execution_id: 1,
        id,
        details: ErrorDetails::Application {
            kind: AppErrorKind::ActivityFailed,
            message: "broken".to_owned(),
            retryable: false,
        },
    };
    let crossed =
        WorkItem::ActivityCompleted { instance: "i".to_owned(), execution_id: 1, id, result: "after all".to_owned() };
    for duplicate in [again, crossed] {
        stage.store.enqueue_for_orchestrator(duplicate, None).await.unwrap();
    }
    stage.client.raise_event("i", "go", "on").await.unwrap();
    assert_eq!(stage.ended("i").await.as_deref(), Ok("broken on"));
    let history = stage.store.read("i").await.unwrap();
    let answers = history.iter().filter(|event| event.source_event_id() == Some(id));
    assert_eq!(answers.count(), 1, "the completion entered history once: {history:#?}");
    stage.end().await;
}

async fn d14_a_child_of_a_deleted_parent_is_acknowledged(store: Arc<dyn Provider>) {
    let stage = Stage::on(store, orchestrations()).await;
    stage.start("parent", "Waits", "").await;
    stage.until_waiting("parent").await;
    stage.client.delete_instance("parent", true).await.unwrap();
    // As it lies in the queue when the parent is deleted between its turn and that of the child.
    let child = WorkItem::StartOrchestration {
        instance: "parent::sub::2".to_owned(),
        orchestration: "Echo".to_owned(),
        input: "orphan".to_owned(),
        version: None,
        parent_instance: Some("parent".to_owned()),
        parent_id: Some(2),
        parent_execution_id: Some(1),
        execution_id: 1,
    };
    stage.store.enqueue_for_orchestrator(child, None).await.unwrap();
    assert_eq!(stage.ended("parent::sub::2").await.as_deref(), Ok("orphan"));
    stage.assert_others_run().await;
    // What the child tells its parent must not bring the parent back.
    eventually("the parent stays deleted", async || stage.store.read("parent").await.unwrap().is_empty()).await;
    stage.end().await;
}
