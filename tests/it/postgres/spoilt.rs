//! Activities whose rows cannot be read: they stop nobody, and whoever waits for them hears of it.

use std::time::Duration;

use duroxide::ErrorDetails;
use duroxide::providers::postgres::PostgresProvider;
use duroxide::providers::{ExecutionMetadata, Provider, SessionFetchConfig, TagFilter, WorkItem};

use super::contention::{activity, start};
use super::stage::{number, run, store};

const LEASE: Duration = Duration::from_secs(60);

/// An instance that asked for these, the first of which cannot be read any more.
async fn asked_for(store: &PostgresProvider, activities: Vec<WorkItem>) {
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let (_, token, _) = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().unwrap();
    let metadata = ExecutionMetadata {
        orchestration_name: Some("Order".into()),
        orchestration_version: Some("1.0.0".into()),
        ..ExecutionMetadata::default()
    };
    store.ack_orchestration_item(&token, 1, vec![], activities, vec![], metadata, vec![]).await.unwrap();
    run(store, "UPDATE @.worker_queue SET work_item = '{not json' WHERE activity_id = 2").await;
}

async fn is_told(store: &PostgresProvider) {
    assert_eq!(number(store, "SELECT count(*) FROM @.quarantine WHERE queue = 'worker'").await, 1);
    let (item, _, _) = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().expect("it is told");
    let [WorkItem::ActivityFailed { instance, execution_id: 1, id: 2, details }] = item.messages.as_slice() else {
        panic!("expected the failure of activity 2, found {:?}", item.messages);
    };
    assert_eq!(instance, "i");
    let ErrorDetails::Infrastructure { message, retryable: false, .. } = details else {
        panic!("expected trouble of the store, found {details:?}");
    };
    assert!(
        message.starts_with("activity 2: expected a queue row with a work item, found text that is not JSON"),
        "{message}"
    );
    assert!(message.ends_with("of the table quarantine"), "{message}");
}

#[tokio::test]
async fn an_activity_that_cannot_be_read_fails_and_the_next_one_is_taken() {
    let store = store().await;
    asked_for(&store, vec![activity("i", 2), activity("i", 3)]).await;
    let taken = store.fetch_work_item(LEASE, Duration::ZERO, None, &TagFilter::DefaultOnly).await.unwrap();
    assert!(matches!(taken, Some((WorkItem::ActivityExecute { id: 3, .. }, _, 1))), "{taken:?}");
    is_told(&store).await;
}

#[tokio::test]
async fn so_does_one_of_a_session() {
    let store = store().await;
    let mut pinned = activity("i", 2);
    if let WorkItem::ActivityExecute { session_id, .. } = &mut pinned {
        *session_id = Some("s".into());
    }
    asked_for(&store, vec![pinned, activity("i", 3)]).await;
    let session = SessionFetchConfig { owner_id: "w".into(), lock_timeout: LEASE };
    let taken = store.fetch_work_item(LEASE, Duration::ZERO, Some(&session), &TagFilter::DefaultOnly).await.unwrap();
    assert!(matches!(taken, Some((WorkItem::ActivityExecute { id: 3, .. }, _, 1))), "{taken:?}");
    is_told(&store).await;
}

#[tokio::test]
async fn one_of_a_kind_that_nobody_knows_yet_is_left_to_a_later_version() {
    let store = store().await;
    asked_for(&store, vec![activity("i", 2), activity("i", 3)]).await;
    run(&store, r#"UPDATE @.worker_queue SET work_item = '{"ActivityOfTomorrow":{}}' WHERE activity_id = 2"#).await;
    let taken = store.fetch_work_item(LEASE, Duration::ZERO, None, &TagFilter::DefaultOnly).await.unwrap();
    assert!(matches!(taken, Some((WorkItem::ActivityExecute { id: 3, .. }, _, 1))), "{taken:?}");
    assert_eq!(number(&store, "SELECT count(*) FROM @.quarantine").await, 0);
    let waits = "SELECT count(*) FROM @.worker_queue WHERE activity_id = 2 AND state = 0 AND attempt_count = 0
        AND lock_token IS NULL AND visible_at > (extract(epoch FROM now()) * 1000)::bigint";
    assert_eq!(number(&store, waits).await, 1);
}
