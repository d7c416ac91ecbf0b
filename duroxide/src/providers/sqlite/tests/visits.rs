//! Who only visits a file leaves everything in it as it is.

use super::*;
use crate::client::Client;

async fn visit(dir: &Dir, visit: Visit) -> Result<SqliteProvider, SqliteOpenError> {
    SqliteProvider::visit(dir.file(), visit).await
}

/// Everything that opening a file may touch, with the names of what lies beside it but SQLite's own.
fn state(dir: &Dir) -> (Vec<String>, Vec<String>) {
    let look = |sql: &str| -> Vec<String> {
        let conn = dir.foreign();
        let mut rows = conn.prepare(sql).unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    };
    let mut rows = look("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name");
    for sql in [
        "SELECT schema_version || ' ' || fence FROM duroxide_store",
        "SELECT owner || ' ' || locked_until || ' ' || lapsed FROM instance_locks",
        "SELECT id || ' ' || state FROM orchestrator_queue ORDER BY id",
        "SELECT id || ' ' || state || ' ' || locked_until FROM worker_queue ORDER BY id",
    ] {
        rows.extend(look(sql));
    }
    let mut files: Vec<String> = std::fs::read_dir(dir.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    files.sort();
    (rows, files)
}

/// A store that died with a turn and an activity under way.
async fn left_behind() -> Dir {
    let dir = Dir::new();
    let store = dir.open().await;
    begin(&store, "a").await;
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    store.enqueue_for_worker(activity("a", 2, None, None)).await.unwrap();
    fetch(&store).await.expect("the turn is under way");
    fetch_activity(&store).await.expect("the activity is under way");
    drop(store);
    dir
}

#[tokio::test]
async fn a_visitor_takes_nothing_back_from_the_dead_and_has_no_place() {
    let dir = left_behind().await;
    let before = state(&dir);
    let visitor = visit(&dir, Visit::Reading).await.unwrap();
    assert_eq!(visitor.list_instances().await.unwrap(), ["a"]);
    assert_eq!(visitor.read("a").await.unwrap().len(), 1);
    drop(visitor);
    assert_eq!(state(&dir), before);

    // The twin: a store that may work ends those leases at once.
    let worker = dir.open().await;
    assert!(fetch_activity(&worker).await.is_some());
    drop(worker);
    assert_ne!(state(&dir), before);
}

#[tokio::test]
async fn a_visitor_beside_a_worker_leaves_its_lease_alone() {
    let dir = Dir::new();
    let worker = dir.open().await;
    begin(&worker, "a").await;
    worker.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    let (_, token, _) = fetch(&worker).await.unwrap();
    let before = state(&dir);
    let visitor = visit(&dir, Visit::Writing).await.unwrap();
    assert_eq!(state(&dir), before);
    Client::new(Arc::new(visitor)).enqueue_event("a", "inbox", "1").await.unwrap();
    ack_first_turn_of(&worker, &token).await;
    let (item, ..) = fetch(&worker).await.expect("what the visitor sent");
    assert_eq!(item.messages, [message("a")]);
}

async fn ack_first_turn_of(worker: &SqliteProvider, token: &str) {
    let kind = EventKind::ExternalEvent { name: "Paid".into(), data: "1".into() };
    let event = Event::with_event_id(2, "a", 1, None, kind);
    worker.ack_orchestration_item(token, 1, vec![event], vec![], vec![], named(), vec![]).await.unwrap();
}

#[tokio::test]
async fn a_reading_visitor_cannot_change_anything() {
    let dir = Dir::new();
    begin(&dir.open().await, "a").await;
    let before = state(&dir);
    let visitor = visit(&dir, Visit::Reading).await.unwrap();
    assert!(visitor.enqueue_for_orchestrator(raised("a"), None).await.is_err());
    assert!(visitor.delete_instance("a", true).await.is_err());
    assert_eq!(visitor.list_instances().await.unwrap(), ["a"]);
    drop(visitor);
    assert_eq!(state(&dir), before);
}

#[tokio::test]
async fn a_visitor_creates_and_migrates_nothing() {
    let dir = Dir::new();
    let missing = visit(&dir, Visit::Writing).await.unwrap_err();
    assert!(matches!(missing, SqliteOpenError::Missing { .. }), "{missing}");
    assert!(!dir.file().exists());

    dir.foreign().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let journal = || -> String { dir.foreign().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap() };
    assert_eq!(journal(), "delete");
    for kind in [Visit::Reading, Visit::Writing] {
        let empty = visit(&dir, kind).await.unwrap_err();
        let SqliteOpenError::OlderSchema { found, expected } = empty else { panic!("{empty}") };
        assert_eq!((found.as_str(), expected), ("none", schema::MIGRATIONS.len()));
    }
    assert_eq!(journal(), "delete", "the file of somebody else stays as it was");

    let dir = Dir::new();
    drop(dir.open().await);
    dir.foreign().execute("UPDATE duroxide_store SET schema_version = 1", []).unwrap();
    let older = visit(&dir, Visit::Reading).await.unwrap_err();
    assert!(matches!(&older, SqliteOpenError::OlderSchema { found, .. } if found == "1"), "{older}");
    let version: i64 =
        dir.foreign().query_row("SELECT schema_version FROM duroxide_store", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
}

#[tokio::test]
async fn the_script_makes_what_a_visitor_expects() {
    let dir = Dir::new();
    dir.foreign().execute_batch(&SqliteProvider::schema_sql()).unwrap();
    assert!(visit(&dir, Visit::Reading).await.unwrap().list_instances().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_script_from_a_version_makes_of_it_what_a_worker_would() {
    let newest = schema::MIGRATIONS.len();
    let tables = |dir: &Dir| -> Vec<String> {
        let conn = dir.foreign();
        let mut rows = conn.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    };
    let whole = Dir::new();
    drop(whole.open().await);
    for version in 1..newest {
        let dir = Dir::new();
        dir.foreign().execute_batch(&schema::MIGRATIONS[..version].concat()).unwrap();
        dir.foreign().execute("UPDATE duroxide_store SET schema_version = ?1", [version as i64]).unwrap();
        assert_eq!(SqliteProvider::schema_version(dir.file()).await.unwrap(), version);
        for other in (1..newest).filter(|other| *other != version) {
            let script = SqliteProvider::schema_sql_from(other).unwrap();
            assert!(dir.foreign().execute_batch(&script).is_err(), "from {other} on {version}");
            assert_eq!(SqliteProvider::schema_version(dir.file()).await.unwrap(), version);
        }
        dir.foreign().execute_batch(&SqliteProvider::schema_sql_from(version).unwrap()).unwrap();
        assert_eq!(SqliteProvider::schema_version(dir.file()).await.unwrap(), newest);
        assert_eq!(tables(&dir), tables(&whole));
        visit(&dir, Visit::Reading).await.unwrap();
    }
    assert_eq!(SqliteProvider::schema_sql_from(newest + 1), None);
    assert!(SqliteProvider::schema_sql_from(newest).unwrap().starts_with("--"), "nothing to do");
}
