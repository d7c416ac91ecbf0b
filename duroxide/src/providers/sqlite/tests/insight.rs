//! Lists that stay quick, workers that cost no flush, and what is put back into a queue.

use super::*;
use crate::model::insight::{InstanceQuery, ParentFilter, Queue, TagsServed, WorkerInfo};
use crate::providers::InsightProvider;

const ALIVE: Duration = Duration::from_secs(30);

fn worker(worker_id: &str) -> WorkerInfo {
    WorkerInfo {
        worker_id: worker_id.to_owned(),
        node: "node".to_owned(),
        pid: 1,
        program: "orders".to_owned(),
        library_version: VERSION.to_owned(),
        orchestration_slots: 2,
        activity_slots: 2,
        tags: TagsServed { untagged: true, any: false, tags: Vec::new() },
        handlers: Vec::new(),
        durability: None,
        started_at: 0,
        seen_at: 0,
        alive_until: 0,
        is_alive: false,
    }
}

#[tokio::test]
async fn a_list_is_a_walk_along_an_index_that_sorts_nothing() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let any = InstanceQuery::default;
    let after = "5/x".parse().ok();
    let plain = [
        any(),
        InstanceQuery { status: Some("Failed".into()), after: after.clone(), ..any() },
        InstanceQuery { name: Some("Order".into()), created_from_ms: Some(5), ..any() },
        InstanceQuery { name: Some("Order".into()), version: Some("1".into()), status: Some("Failed".into()), ..any() },
        InstanceQuery { parent: Some(ParentFilter::Roots), after, ..any() },
        InstanceQuery { parent: Some(ParentFilter::Of("p".into())), status: Some("Failed".into()), ..any() },
        InstanceQuery { created_before_ms: Some(9), version: Some("1".into()), ..any() },
    ];
    for query in plain {
        let told = format!("{query:?}");
        let plans = store.read_with("explain", move |conn| Ok(find::plans(conn, &query)?)).await.unwrap();
        for plan in plans {
            assert!(plan.contains("SEARCH instances USING INDEX instances_"), "{plan} for {told}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan} for {told}");
        }
    }
    begin(&store, "a-1").await;
    let rare = InstanceQuery { id_prefix: Some("a-".into()), name: Some("Order".into()), ..any() };
    let plans = store.read_with("explain", move |conn| Ok(find::plans(conn, &rare)?)).await.unwrap();
    assert!(plans[0].contains("instance_id>? AND instance_id<?"), "{plans:?}");
}

/// A file of the version before, closed or not.
fn before_workers(dir: &Dir) -> Connection {
    let conn = dir.foreign();
    for migration in &schema::MIGRATIONS[..2] {
        conn.execute_batch(migration).unwrap();
    }
    conn.execute_batch(
        "UPDATE duroxide_store SET schema_version = 2;
         INSERT INTO instances (instance_id, orchestration_name, current_execution_id, created_at, updated_at)
             VALUES ('a', 'Order', 2, 1, 1), ('b', 'Order', 1, 2, 2);
         INSERT INTO executions (instance_id, execution_id, status, started_at)
             VALUES ('a', 1, 'ContinuedAsNew', 1), ('a', 2, 'Completed', 1), ('b', 1, 'Running', 2);
         INSERT INTO history VALUES ('b', 1, 2, 'kind', 'second'), ('b', 1, 1, 'kind', 'first');
         CREATE VIEW theirs AS SELECT group_concat(event_data ORDER BY event_id) AS told FROM history;",
    )
    .unwrap();
    conn
}

async fn statuses(store: &SqliteProvider) -> Vec<(String, String)> {
    let page = store.find_instances(&InstanceQuery::default()).await.unwrap();
    page.rows.into_iter().map(|row| (row.instance_id, row.status)).collect()
}

fn expected() -> Vec<(String, String)> {
    [("b", "Running"), ("a", "Completed")].map(|(id, status)| (id.to_owned(), status.to_owned())).to_vec()
}

#[tokio::test]
async fn a_file_of_the_version_before_lists_its_instances_under_their_status() {
    let dir = Dir::new();
    drop(before_workers(&dir));
    assert_eq!(statuses(&dir.open().await).await, expected());
    let told: String = dir.foreign().query_row("SELECT told FROM theirs", [], |row| row.get(0)).unwrap();
    assert_eq!(told, "first,second");
    let twice = dir.foreign().execute("INSERT INTO history VALUES ('b', 1, 2, 'kind', 'again')", []).unwrap_err();
    assert!(twice.to_string().contains("UNIQUE"), "{twice}");
}

#[tokio::test]
async fn what_a_program_of_the_version_before_ended_is_listed_as_it_is_when_the_file_is_opened() {
    let dir = Dir::new();
    drop(before_workers(&dir));
    drop(dir.open().await);
    // It writes executions and does not know the column.
    let earlier = "UPDATE executions SET status = 'Failed' WHERE instance_id = 'b';
         UPDATE instances SET status = 'ContinuedAsNew' WHERE instance_id = 'a';
         INSERT INTO executions (instance_id, execution_id, status, started_at) VALUES ('a', 3, 'Running', 3);
         UPDATE instances SET current_execution_id = 3 WHERE instance_id = 'a';";
    dir.foreign().execute_batch(earlier).unwrap();
    let expected = [("b", "Failed"), ("a", "Running")].map(|(id, status)| (id.to_owned(), status.to_owned()));
    let store = dir.open().await;
    assert_eq!(statuses(&store).await, expected);
    drop(store);
    // A closed one waits until it is open again, and is opened all the same.
    let closed = "UPDATE instances SET status = 'Running' WHERE instance_id = 'b';
         CREATE TRIGGER duroxide_closed_instances_UPDATE BEFORE UPDATE ON instances
             BEGIN SELECT RAISE(ABORT, 'closed'); END;";
    dir.foreign().execute_batch(closed).unwrap();
    assert_ne!(statuses(&dir.open().await).await, expected);
    dir.foreign().execute_batch("DROP TRIGGER duroxide_closed_instances_UPDATE").unwrap();
    assert_eq!(statuses(&dir.open().await).await, expected);
}

#[tokio::test]
async fn a_closed_file_of_the_version_before_is_brought_up_to_date_and_stays_closed() {
    let dir = Dir::new();
    before_workers(&dir)
        .execute_batch(
            "CREATE TABLE duroxide_transfer (id INTEGER PRIMARY KEY, closed INTEGER NOT NULL, record TEXT NOT NULL);
             INSERT INTO duroxide_transfer VALUES (1, 1, 'of a later version');
             CREATE TRIGGER duroxide_closed_instances_UPDATE BEFORE UPDATE ON instances
                 WHEN (SELECT closed FROM duroxide_transfer) BEGIN SELECT RAISE(ABORT, 'closed'); END;
             CREATE TRIGGER duroxide_closed_history_DELETE BEFORE DELETE ON history
                 WHEN (SELECT closed FROM duroxide_transfer) BEGIN SELECT RAISE(ABORT, 'closed'); END;",
        )
        .unwrap();
    let store = dir.open().await;
    assert_eq!(statuses(&store).await, expected());
    assert_eq!(rows(&store, "SELECT closed FROM duroxide_transfer").await, 1);
    for change in ["UPDATE instances SET status = 'Failed'", "DELETE FROM history"] {
        let refused = dir.foreign().execute(change, []).unwrap_err();
        assert!(refused.to_string().contains("closed"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_of_one_file_see_each_others_workers() {
    let dir = Dir::new();
    let (one, other) = (dir.open().await, dir.open().await);
    one.announce_worker(&worker("one"), ALIVE).await.unwrap();
    other.announce_worker(&worker("other"), ALIVE).await.unwrap();
    for store in [&one, &other] {
        let ids: Vec<_> = store.list_workers().await.unwrap().into_iter().map(|worker| worker.worker_id).collect();
        assert_eq!(ids.len(), 2, "{ids:?}");
    }
    other.retire_worker("one").await.unwrap();
    assert!(!one.refresh_worker("one", ALIVE).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_of_a_worker_is_not_flushed() {
    let dir = Dir::new();
    let store = dir.open().await;
    let told = worker("w");
    let held = hold_writer(&store);
    let announced = store.announce_worker(&told, ALIVE);
    let refreshed = store.refresh_worker("w", ALIVE);
    let batch = pragma(&store, Durability::Lease, "synchronous");
    let (announced, refreshed, synchronous, ()) = tokio::join!(announced, refreshed, batch, async { drop(held) });
    assert_eq!((announced, refreshed, synchronous.as_str()), (Ok(()), Ok(true), "1"));
}

#[tokio::test]
async fn a_worker_that_was_silent_for_a_day_is_forgotten_when_another_comes() {
    let dir = Dir::new();
    let store = dir.open().await;
    for worker_id in ["old", "older"] {
        store.announce_worker(&worker(worker_id), ALIVE).await.unwrap();
    }
    let day_ms = 24 * 60 * 60 * 1_000;
    let back = |worker_id: &str, by_ms: i64| {
        let set = "UPDATE workers SET seen_at = seen_at - ?2 WHERE worker_id = ?1";
        dir.foreign().execute(set, (worker_id, by_ms)).unwrap();
    };
    back("old", day_ms - 60_000);
    back("older", day_ms + 1);
    store.announce_worker(&worker("new"), ALIVE).await.unwrap();
    let ids: Vec<_> = store.list_workers().await.unwrap().into_iter().map(|worker| worker.worker_id).collect();
    assert_eq!(ids, ["old", "new"]);
}

/// Rows as an earlier version set them aside, which did not know their kinds.
#[tokio::test]
async fn a_row_that_can_be_read_now_goes_back_into_its_queue() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    store
        .write("set_up", |conn, _| {
            let message = row::to_json(&start("i"))?;
            row::quarantine(conn, "orchestrator", Some("i"), &message, "a later kind", 1)?;
            let work = row::to_json(&activity("i", 2, Some("gpu"), Some("s")))?;
            row::quarantine(conn, "worker", Some("i"), &work, "a later kind", 1)?;
            row::quarantine(conn, "orchestrator", Some("i"), r#"{"Pause":{}}"#, "a later kind", 1)?;
            Ok(())
        })
        .await
        .unwrap();
    let ids: Vec<u64> = store.list_quarantined(None, None, 0).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(store.retry_quarantined(ids[0]).await, Ok(true));
    assert_eq!(store.retry_quarantined(ids[0]).await, Ok(false));
    assert_eq!(store.retry_quarantined(ids[1]).await, Ok(true));
    let error = store.retry_quarantined(ids[2]).await.unwrap_err();
    assert!(!error.is_retryable() && error.message.contains("Pause"), "{error}");
    let left: Vec<u64> = store.list_quarantined(Some("i"), None, 0).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(left, ids[2..]);
    assert_eq!(fetch(&store).await.unwrap().0.instance, "i");
    let row = store.list_queue(Queue::Worker, None, 0).await.unwrap().remove(0);
    assert_eq!((row.tag.as_deref(), row.session_id.as_deref(), row.event_id), (Some("gpu"), Some("s"), Some(2)));
}

#[tokio::test]
async fn what_others_did_to_the_tables_is_found() {
    let dir = Dir::new();
    let store = dir.open().await;
    for id in ["a", "b", "c", "d"] {
        begin(&store, id).await;
    }
    assert_eq!(store.check_integrity().await.unwrap(), [""; 0]);
    dir.foreign()
        .execute_batch(
            "DELETE FROM executions WHERE instance_id = 'a';
             UPDATE instances SET status = 'Failed' WHERE instance_id = 'b';
             DELETE FROM history WHERE instance_id = 'c';
             DELETE FROM instances WHERE instance_id = 'd';
             INSERT INTO kv_store VALUES ('nobody', 'k', 'v', 1);
             INSERT INTO orchestrator_queue (instance_id, work_item, state, visible_at, enqueued_at)
                 VALUES ('b', 'garbage', 0, 9, 9);",
        )
        .unwrap();
    let mut expected = [
        "instance `a`: its execution 1 is missing",
        "instance `b`: listed as Failed, but its execution 1 is Running",
        "execution 1 belongs to no instance: `d`",
        "history of `a`, execution 1: no such execution",
        "history of `c`, execution 1: its beginning is missing",
        "key-values of `nobody`, which does not exist",
        "message 1 for `b` cannot be read",
    ];
    let mut found = store.check_integrity().await.unwrap();
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_takes_instances_along_under_their_status_and_leaves_workers_behind() {
    let (here, there) = (Dir::new(), Dir::new());
    let (from, to) = (here.open().await, there.open().await);
    for (id, status) in [("a", None), ("b", Some("Failed"))] {
        from.enqueue_for_orchestrator(start(id), None).await.unwrap();
        let (_, token, _) = fetch(&from).await.unwrap();
        let metadata = ExecutionMetadata { status: status.map(str::to_owned), ..named() };
        from.ack_orchestration_item(&token, 1, vec![started(id)], vec![], vec![], metadata, vec![]).await.unwrap();
    }
    from.announce_worker(&worker("w"), ALIVE).await.unwrap();
    crate::transfer(&from, &to).await.unwrap();
    let mut found = statuses(&to).await;
    found.sort();
    let expected = [("a", "Running"), ("b", "Failed")].map(|(id, status)| (id.to_owned(), status.to_owned()));
    assert_eq!(found, expected);
    assert_eq!(to.list_workers().await.unwrap(), []);
    assert_eq!(to.check_integrity().await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_store_says_what_its_commits_survive_as_it_was_opened() {
    use crate::model::insight::Durability;
    let dir = Dir::new();
    drop(dir.open().await);
    let url = |more: &str| format!("sqlite:{}{more}", dir.file().display());
    for (url, expected) in [
        (url(""), Durability::PowerCut),
        (url("?synchronous=full"), Durability::PowerCut),
        (url("?synchronous=normal"), Durability::Kill),
        ("sqlite::memory:".to_owned(), Durability::Nothing),
    ] {
        assert_eq!(SqliteProvider::new(&url, None).await.unwrap().durability(), Some(expected), "{url}");
    }
}
