//! Rows that other programs changed, or that nobody can read: nothing waits for ever, and nothing is lost.

use super::*;
use crate::model::error::ErrorDetails;
use crate::model::limits::ORPHANS_KEPT;
use crate::providers::express::{ActivityRequest, ExpressProvider};

fn foreign(dir: &Dir, sql: &str) {
    assert!(dir.foreign().execute(sql, []).unwrap() > 0, "{sql}");
}

#[tokio::test]
async fn a_message_ahead_of_its_instance_comes_when_the_instance_is_set_up() {
    let dir = Dir::new();
    for store in [dir.open().await, SqliteProvider::new_in_memory().await.unwrap()] {
        store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
        assert!(fetch(&store).await.is_none(), "there is no such instance");
        let signal = store.work_signal().unwrap();
        let ticket = signal.ticket(WorkQueue::Orchestrator);
        store.append_with_execution("a", 1, vec![started("a")]).await.unwrap();
        let told = signal.wait(WorkQueue::Orchestrator, ticket, Duration::MAX);
        tokio::time::timeout(LOCK, told).await.expect("dispatchers are told");
        let (item, ..) = fetch(&store).await.expect("now there is");
        assert_eq!((item.messages, item.history.len()), (vec![raised("a")], 1));
    }
}

#[tokio::test]
async fn what_another_program_sets_free_is_free_at_once() {
    let dir = Dir::new();
    let store = dir.open().await;
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    store.enqueue_for_worker(activity("a", 2, None, None)).await.unwrap();
    fetch(&store).await.unwrap();
    fetch_activity(&store).await.unwrap();
    store.enqueue_for_orchestrator(raised("b"), None).await.unwrap();
    assert!(fetch(&store).await.is_none() && fetch_activity(&store).await.is_none());

    foreign(&dir, "DELETE FROM instance_locks");
    assert_eq!(fetch(&store).await.expect("nobody holds it").2, 2);
    foreign(&dir, "UPDATE worker_queue SET lock_token = NULL, locked_until = NULL");
    let freed = eventually(|| fetch_activity(&store)).await;
    assert_eq!(freed.2, 2);
    let created =
        "INSERT INTO instances (instance_id, orchestration_name, current_execution_id, created_at, updated_at)
         VALUES ('b', 'Order', 1, 0, 0)";
    foreign(&dir, created);
    let (item, ..) = eventually(|| fetch(&store)).await;
    assert_eq!((item.instance.as_str(), item.messages), ("b", vec![raised("b")]));
}

#[tokio::test]
async fn an_orphan_is_old_when_it_could_have_been_taken_for_a_day_and_no_start_is_on_its_way() {
    let dir = Dir::new();
    let store = dir.open().await;
    for instance in ["old", "delayed", "starts"] {
        store.enqueue_for_orchestrator(raised(instance), None).await.unwrap();
    }
    store.enqueue_for_orchestrator(start("starts"), Some(ORPHANS_KEPT)).await.unwrap();
    assert!(fetch(&store).await.is_none());
    foreign(&dir, "UPDATE orchestrator_queue SET enqueued_at = 0 WHERE state = 3");
    foreign(&dir, "UPDATE orchestrator_queue SET visible_at = 0 WHERE state = 3 AND instance_id <> 'delayed'");
    store.write("repair", |conn, _| Ok(ready::repair(conn, clock::now_ms())?)).await.unwrap();
    let left = "SELECT group_concat(instance_id) FROM (SELECT instance_id FROM orchestrator_queue WHERE state = 3
         ORDER BY instance_id)";
    let left: String = dir.foreign().query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!(left, "delayed,starts");
}

/// Three activities, of which the first two hold what cannot be read.
async fn spoilt(dir: &Dir, store: &SqliteProvider, first: &str) {
    for id in [2, 3, 4] {
        store.enqueue_for_worker(activity("a", id, None, None)).await.unwrap();
    }
    foreign(dir, &format!("UPDATE worker_queue SET work_item = '{first}' WHERE activity_id < 4"));
}

#[tokio::test]
async fn an_orchestration_is_told_of_its_activity_that_cannot_be_read() {
    let dir = Dir::new();
    let store = dir.open().await;
    begin(&store, "a").await;
    spoilt(&dir, &store, "secret garbage").await;
    // As many as are asked for cannot be read, and there are more.
    let request = ActivityRequest { max: 2, lock_timeout: LOCK, session: None, tags: TagFilter::DefaultOnly };
    let taken = store.fetch_activities(request).await.unwrap();
    assert_eq!(taken.iter().map(|one| &one.item).collect::<Vec<_>>(), [&activity("a", 4, None, None)]);

    let (item, ..) = fetch(&store).await.expect("it is told");
    let told: Vec<(u64, String)> = item.messages.into_iter().map(failure).collect();
    let text = |id, row| {
        format!(
            "infrastructure:fetch_work_item: activity {id}: expected a queue row with a work item, found text that is \
             not JSON at line 1 column 1; the row is kept in row {row} of the table quarantine"
        )
    };
    assert_eq!(told, [(2, text(2, 1)), (3, text(3, 2))]);
    let kept: String =
        dir.foreign().query_row("SELECT body FROM quarantine WHERE id = 1", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "secret garbage");
}

fn failure(message: WorkItem) -> (u64, String) {
    match message {
        WorkItem::ActivityFailed { id, details, .. } => {
            assert!(matches!(details, ErrorDetails::Infrastructure { retryable: false, .. }), "{details:?}");
            (id, details.display_message())
        }
        other => panic!("expected a failure, found {other:?}"),
    }
}

#[tokio::test]
async fn an_activity_of_a_later_kind_waits_for_whoever_knows_it() {
    let dir = Dir::new();
    let store = dir.open().await;
    begin(&store, "a").await;
    spoilt(&dir, &store, r#"{"FromTheFuture":{}}"#).await;
    assert_eq!(fetch_activity(&store).await.unwrap().0, activity("a", 4, None, None), "it stops nobody");
    assert!(fetch(&store).await.is_none(), "nothing has failed");
    assert!(fetch_activity(&store).await.is_none());
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM worker_queue WHERE state = 0 AND attempt_count = 0").await, 2);
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM quarantine").await, 0);
    // Somebody newer has come by, or the older version was upgraded.
    let json = serde_json::to_string(&activity("a", 2, None, None)).unwrap();
    foreign(&dir, &format!("UPDATE worker_queue SET work_item = '{json}', visible_at = 0 WHERE activity_id = 2"));
    assert_eq!(fetch_activity(&store).await.unwrap().0, activity("a", 2, None, None));
}

#[tokio::test]
async fn pruning_all_counts_an_instance_that_has_no_execution() {
    let dir = Dir::new();
    let store = dir.open().await;
    begin(&store, "a").await;
    foreign(&dir, "DELETE FROM executions");
    let pruned = store.prune_executions_bulk(InstanceFilter::default(), PruneOptions::default()).await.unwrap();
    assert_eq!((pruned.instances_processed, pruned.executions_deleted), (1, 0));
}
