//! What is particular to this store: the writer, the files, the indexes, other programs.

mod carried;
mod crowd;
mod foreign;
mod handing;
mod insight;
mod resting;
mod visits;

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use super::jobs::Durability;
use super::wakes::Wakes;
use super::*;
use crate::model::event::EventKind;
use crate::model::prune::{InstanceFilter, PruneOptions};
use crate::providers::express::{Handover, Head, KnownHeads, TurnRequest};
use crate::providers::signal::WorkQueue;

const LOCK: Duration = Duration::from_secs(30);
const NOW: Duration = Duration::ZERO;

struct Dir(TempDir);

impl Dir {
    fn new() -> Self {
        Dir(TempDir::new().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    async fn open(&self) -> SqliteProvider {
        SqliteProvider::open(self.file()).await.unwrap()
    }

    /// Another program.
    fn foreign(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }
}

fn start(instance: &str) -> WorkItem {
    start_with(instance, "{}")
}

fn start_with(instance: &str, input: &str) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: instance.into(),
        orchestration: "Order".into(),
        input: input.into(),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}

fn raised(instance: &str) -> WorkItem {
    WorkItem::ExternalRaised { instance: instance.into(), name: "Paid".into(), data: "1".into() }
}

fn message(instance: &str) -> WorkItem {
    WorkItem::QueueMessage { instance: instance.into(), name: "inbox".into(), data: "1".into() }
}

fn timer(instance: &str, fire_at_ms: u64) -> WorkItem {
    WorkItem::TimerFired { instance: instance.into(), execution_id: 1, id: 2, fire_at_ms }
}

fn activity(instance: &str, id: u64, tag: Option<&str>, session: Option<&str>) -> WorkItem {
    WorkItem::ActivityExecute {
        instance: instance.into(),
        execution_id: 1,
        id,
        name: "Charge".into(),
        input: "{}".into(),
        session_id: session.map(str::to_owned),
        tag: tag.map(str::to_owned),
    }
}

fn completed(instance: &str, id: u64) -> WorkItem {
    WorkItem::ActivityCompleted { instance: instance.into(), execution_id: 1, id, result: "ok".into() }
}

fn started(instance: &str) -> Event {
    let kind = EventKind::OrchestrationStarted {
        name: "Order".into(),
        version: "1.0.0".into(),
        input: "{}".into(),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: None,
        initial_custom_status: None,
    };
    Event::with_event_id(1, instance, 1, None, kind)
}

fn named() -> ExecutionMetadata {
    ExecutionMetadata {
        orchestration_name: Some("Order".into()),
        orchestration_version: Some("1.0.0".into()),
        ..ExecutionMetadata::default()
    }
}

async fn fetch(store: &SqliteProvider) -> Option<(OrchestrationItem, String, u32)> {
    store.fetch_orchestration_item(LOCK, NOW, None).await.unwrap()
}

async fn fetch_activity(store: &SqliteProvider) -> Option<(WorkItem, String, u32)> {
    store.fetch_work_item(LOCK, NOW, None, &TagFilter::DefaultOnly).await.unwrap()
}

async fn ack_first_turn(store: &SqliteProvider, token: &str, instance: &str, work: Vec<WorkItem>) {
    store.ack_orchestration_item(token, 1, vec![started(instance)], work, vec![], named(), vec![]).await.unwrap();
}

fn hand(tags: TagFilter) -> Handover {
    Handover { max: 8, lock_timeout: LOCK, tags }
}

fn first_turn(instance: &str, work: Vec<WorkItem>) -> Commit {
    Commit {
        delta: vec![started(instance)],
        worker_items: work,
        metadata: named(),
        execution_id: 1,
        ..Commit::default()
    }
}

#[derive(Debug)]
struct Nothing;

impl KnownHeads for Nothing {
    fn head_of(&self, _instance: &str) -> Option<Head> {
        None
    }
}

fn asked(max: usize) -> TurnRequest {
    TurnRequest { max, lock_timeout: LOCK, filter: None, known: Arc::new(Nothing) }
}

/// Starts an instance and commits its first turn.
async fn begin(store: &SqliteProvider, instance: &str) {
    store.enqueue_for_orchestrator(start(instance), None).await.unwrap();
    let (item, token, _) = fetch(store).await.unwrap();
    assert_eq!(item.instance, instance);
    ack_first_turn(store, &token, instance, vec![]).await;
}

/// Occupies the writer until the sender is dropped, so that requests pile up behind it.
fn hold_writer(store: &SqliteProvider) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (entered, is_held) = mpsc::channel::<()>();
    let writer = store.writer.clone();
    tokio::spawn(async move {
        writer
            .call("hold", Durability::Lease, move |_, _| {
                entered.send(()).unwrap();
                let _ = held.recv();
                Ok(())
            })
            .await
    });
    tokio::task::block_in_place(|| is_held.recv().unwrap());
    release
}

async fn pragma(store: &SqliteProvider, durability: Durability, name: &'static str) -> String {
    store
        .writer
        .call("pragma", durability, move |conn, _| {
            let value: rusqlite::types::Value = conn.pragma_query_value(None, name, |row| row.get(0))?;
            Ok(match value {
                rusqlite::types::Value::Text(text) => text,
                rusqlite::types::Value::Integer(number) => number.to_string(),
                other => format!("{other:?}"),
            })
        })
        .await
        .unwrap()
}

async fn rows(store: &SqliteProvider, sql: &'static str) -> i64 {
    store.read_with("rows", move |conn| Ok(conn.query_row(sql, [], |row| row.get(0))?)).await.unwrap()
}

#[tokio::test]
async fn a_start_becomes_a_turn_an_activity_and_a_second_turn() {
    let dir = Dir::new();
    for store in [dir.open().await, SqliteProvider::new_in_memory().await.unwrap()] {
        assert!(fetch(&store).await.is_none());
        assert!(fetch_activity(&store).await.is_none());

        store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
        let (item, token, attempts) = fetch(&store).await.unwrap();
        assert_eq!((item.instance.as_str(), item.orchestration_name.as_str()), ("a", "Order"));
        assert_eq!((item.version.as_str(), item.execution_id, attempts), ("unknown", 1, 1));
        assert!(item.history.is_empty() && item.history_error.is_none());
        assert_eq!(item.messages, [start("a")]);
        assert!(fetch(&store).await.is_none(), "leased");
        ack_first_turn(&store, &token, "a", vec![activity("a", 2, None, None)]).await;
        let again = store.ack_orchestration_item(&token, 1, vec![], vec![], vec![], named(), vec![]).await.unwrap_err();
        assert!(!again.is_retryable() && again.message.contains("Invalid lock token"), "{again}");

        let (work, token, attempts) = fetch_activity(&store).await.unwrap();
        assert_eq!((work, attempts), (activity("a", 2, None, None), 1));
        assert!(fetch_activity(&store).await.is_none(), "leased");
        store.renew_work_item_lock(&token, LOCK).await.unwrap();
        store.ack_work_item(&token, Some(completed("a", 2))).await.unwrap();
        assert!(store.ack_work_item(&token, None).await.is_err());

        let (item, _, _) = fetch(&store).await.unwrap();
        assert_eq!(item.messages, [completed("a", 2)]);
        assert_eq!(item.history, store.read("a").await.unwrap());
        assert_eq!((item.history.len(), item.version.as_str()), (1, "1.0.0"));
        assert_eq!(store.list_instances().await.unwrap(), ["a"]);
    }
}

#[tokio::test]
async fn pragmas_of_a_file_are_read_back_and_in_force() {
    let dir = Dir::new();
    let store = dir.open().await;
    assert_eq!(pragma(&store, Durability::Flushed, "journal_mode").await, "wal");
    assert_eq!(pragma(&store, Durability::Flushed, "synchronous").await, "2");
    assert_eq!(pragma(&store, Durability::Flushed, "wal_autocheckpoint").await, "8192");
    assert_eq!(pragma(&store, Durability::Flushed, "journal_size_limit").await, "67108864");
}

/// A transaction that begins by reading, and writes when another connection wrote meanwhile, ends in
/// `SQLITE_BUSY_SNAPSHOT`, for which nobody waits. The writer's own reads come first, then the other's write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn begin_immediate_leaves_no_room_between_a_read_and_its_write() {
    let dir = Dir::new();
    let store = dir.open().await;
    let foreign = dir.foreign();
    foreign.busy_timeout(Duration::from_millis(20)).unwrap();
    let looked = store.write("looks, then writes", move |conn, _| {
        let count = "SELECT COUNT(*) FROM orchestrator_queue";
        let _: i64 = conn.query_row(count, [], |row| row.get(0))?;
        let meanwhile = foreign.execute("UPDATE duroxide_store SET schema_version = schema_version", []);
        conn.execute("UPDATE duroxide_store SET schema_version = schema_version", [])?;
        Ok(meanwhile.is_err())
    });
    assert!(looked.await.expect("no other write comes between"), "the other one had to wait");
}

#[tokio::test]
async fn power_loss_takes_leases_at_most_only_their_batch_goes_without_a_flush() {
    let dir = Dir::new();
    let store = dir.open().await;
    assert_eq!(pragma(&store, Durability::Lease, "synchronous").await, "1");
    assert_eq!(pragma(&store, Durability::Flushed, "synchronous").await, "2");
    assert_eq!(pragma(&store, Durability::Lease, "synchronous").await, "1");
}

#[tokio::test]
async fn without_flushes_nothing_turns_them_on_again() {
    let dir = Dir::new();
    let url = format!("sqlite:{}?mode=rwc&synchronous=normal", dir.file().display());
    let store = SqliteProvider::new(&url, None).await.unwrap();
    for durability in [Durability::Flushed, Durability::Lease, Durability::Flushed] {
        assert_eq!(pragma(&store, durability, "synchronous").await, "1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_do_not_wait_for_the_flush_of_what_comes_with_them() {
    let dir = Dir::new();
    let store = dir.open().await;
    let held = hold_writer(&store);
    let flushed = pragma(&store, Durability::Flushed, "synchronous");
    let lease = pragma(&store, Durability::Lease, "synchronous");
    let (flushed, lease, ()) = tokio::join!(flushed, lease, async { drop(held) });
    assert_eq!((flushed.as_str(), lease.as_str()), ("2", "1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failing_request_does_not_fail_its_neighbours() {
    let dir = Dir::new();
    let store = dir.open().await;
    let held = hold_writer(&store);
    let event = |id| Event::with_event_id(id, "a", 1, None, EventKind::KeyValuesCleared);
    let (first, duplicate, panics, last, ()) = tokio::join!(
        store.append_with_execution("a", 1, vec![event(1)]),
        store.append_with_execution("a", 1, vec![event(2), event(1)]),
        store.write::<(), _>("panics", |conn, _| {
            conn.execute("DELETE FROM history", [])?;
            panic!("a request may panic")
        }),
        store.append_with_execution("a", 1, vec![event(3)]),
        async { drop(held) },
    );
    first.unwrap();
    last.unwrap();
    let duplicate = duplicate.unwrap_err();
    assert!(!duplicate.is_retryable() && duplicate.message.contains("duplicate event id 1"), "{duplicate}");
    assert!(!panics.unwrap_err().is_retryable());
    let ids: Vec<u64> = store.read("a").await.unwrap().iter().map(Event::event_id).collect();
    assert_eq!(ids, [1, 3], "the failed request left nothing, not even its first event");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_pile_up_share_one_commit() {
    let dir = Dir::new();
    let store = dir.open().await;
    let foreign = dir.foreign();
    let count = "SELECT COUNT(*) FROM orchestrator_queue";
    let held = hold_writer(&store);
    let (first, seen, ()) = tokio::join!(
        store.enqueue_for_orchestrator(start("a"), None),
        store.write("look", move |conn, _| {
            let ours: i64 = conn.query_row(count, [], |row| row.get(0))?;
            let theirs: i64 = foreign.query_row(count, [], |row| row.get(0))?;
            Ok((ours, theirs))
        }),
        async { drop(held) },
    );
    first.unwrap();
    assert_eq!(seen.unwrap(), (1, 0), "the first is done but not yet committed");
}

/// Polls once.
fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_dropped_while_it_waits_leases_nothing() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    let held = hold_writer(&store);
    let mut waiting = store.fetch_orchestration_item(LOCK, NOW, None);
    assert!(poll_once(&mut waiting).is_none());
    drop(waiting);
    drop(held);
    assert_eq!(fetch(&store).await.expect("not leased").2, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_dropped_after_its_commit_is_given_back() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    store.enqueue_for_worker(activity("a", 2, None, None)).await.unwrap();
    let held = hold_writer(&store);
    let mut orchestration = store.fetch_orchestration_item(LOCK, NOW, None);
    let mut work = store.fetch_work_item(LOCK, NOW, None, &TagFilter::DefaultOnly);
    assert!(poll_once(&mut orchestration).is_none());
    assert!(poll_once(&mut work).is_none());
    drop(held);
    // Behind them in the queue, so they are committed when this is answered.
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM instance_locks").await, 1);
    drop(orchestration);
    drop(work);
    assert_eq!(fetch(&store).await.expect("given back").2, 1, "the attempt does not count");
    assert_eq!(fetch_activity(&store).await.expect("given back").2, 1);
}

#[tokio::test]
async fn two_stores_of_one_file_share_work_and_leases() {
    let dir = Dir::new();
    let (one, two) = (dir.open().await, dir.open().await);
    one.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    let (item, token, _) = fetch(&two).await.unwrap();
    assert_eq!(item.instance, "a");
    assert!(fetch(&one).await.is_none(), "leased by the other");
    ack_first_turn(&two, &token, "a", vec![]).await;
    assert_eq!(one.read("a").await.unwrap().len(), 1);

    let mut both = tokio::task::JoinSet::new();
    for (n, store) in [Arc::new(one), Arc::new(two)].into_iter().enumerate() {
        for k in 0..40 {
            let store = Arc::clone(&store);
            both.spawn(async move { store.enqueue_for_orchestrator(start(&format!("{n}-{k}")), None).await });
        }
    }
    while let Some(done) = both.join_next().await {
        done.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_file_opened_again_has_everything_and_expired_leases_are_free() {
    let dir = Dir::new();
    let store = dir.open().await;
    begin(&store, "a").await;
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    store.fetch_orchestration_item(Duration::from_millis(1), NOW, None).await.unwrap().expect("work");
    drop(store);
    let store = dir.open().await;
    assert_eq!(store.read("a").await.unwrap(), [started_as_stored(&store).await]);
    let (item, _, attempts) = eventually(|| fetch(&store)).await;
    assert_eq!((item.messages, attempts), (vec![raised("a")], 2));
}

async fn started_as_stored(store: &SqliteProvider) -> Event {
    store.read_with_execution("a", 1).await.unwrap().remove(0)
}

/// Asks until there is an answer, which the end of a delay of milliseconds brings.
async fn eventually<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let answered = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    tokio::time::timeout(LOCK, answered).await.expect("an answer in time")
}

#[tokio::test]
async fn a_missing_file_is_named_and_only_created_when_asked() {
    let dir = Dir::new();
    let path = dir.file().display().to_string();
    let error = SqliteProvider::new(&format!("sqlite:{path}"), None).await.unwrap_err();
    assert!(matches!(error, SqliteOpenError::Missing { .. }));
    assert!(error.to_string().contains(&path), "{error}");
    assert!(!dir.file().exists());

    SqliteProvider::new(&format!("sqlite:{path}?mode=rwc"), Some(SqliteOptions {})).await.unwrap();
    SqliteProvider::new(&format!("sqlite://{path}"), None).await.unwrap();

    let nowhere = dir.0.path().join("no/such/dir.db");
    let error = SqliteProvider::open(&nowhere).await.unwrap_err();
    assert!(error.to_string().contains("no/such/dir.db"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_we_create_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    let store = dir.open().await;
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    for entry in std::fs::read_dir(dir.0.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[tokio::test]
async fn urls_are_read_and_unknown_parts_refused() {
    // A relative path is one below where the program is now.
    let at = |path: &str| std::env::current_dir().unwrap().join(path);
    let file =
        |path: &str, create| Location::File { path: at(path), create, synchronous: Synchronous::Full, visit: None };
    // URL -> location
    let table = [
        ("sqlite:a.db", file("a.db", false)),
        ("sqlite:/tmp/a.db", file("/tmp/a.db", false)),
        ("sqlite:///tmp/a.db", file("/tmp/a.db", false)),
        ("sqlite://a.db?mode=rwc", file("a.db", true)),
        ("sqlite:a.db?mode=rw&cache=private", file("a.db", false)),
        ("sqlite:a%3Fb%.db", file("a?b%.db", false)),
        ("sqlite:a.db?mode=rwc&synchronous=full", file("a.db", true)),
        (
            "sqlite:a.db?synchronous=normal",
            Location::File { path: at("a.db"), create: false, synchronous: Synchronous::Normal, visit: None },
        ),
    ];
    for (url, location) in table {
        assert_eq!(Location::parse(url).unwrap(), location, "{url}");
    }
    for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite:x?mode=memory&cache=shared"] {
        assert!(matches!(Location::parse(url).unwrap(), Location::Memory { .. }), "{url}");
    }
    for url in ["sqlite:", "sqlite:a.db?mode=ro", "sqlite:a.db?foo=bar", "sqlite:a.db?synchronous=off"] {
        assert!(Location::parse(url).is_err(), "{url}");
    }
}

#[tokio::test]
async fn each_database_in_memory_is_its_own_and_its_pool_sees_it() {
    let one = SqliteProvider::new("sqlite::memory:", None).await.unwrap();
    let two = SqliteProvider::new_in_memory().await.unwrap();
    one.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    assert!(fetch(&two).await.is_none());

    let count = |pool: SqlitePool| async move {
        sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM orchestrator_queue").fetch_one(&pool).await.unwrap()
    };
    assert_eq!(count(one.get_pool().clone()).await, 1);
    assert_eq!(count(two.get_pool().clone()).await, 0);
    sqlx::query("UPDATE orchestrator_queue SET attempt_count = 4").execute(one.get_pool()).await.unwrap();
    assert_eq!(fetch(&one).await.unwrap().2, 5);
}

#[tokio::test]
async fn the_pool_of_a_file_sees_what_is_committed() {
    let dir = Dir::new();
    let store = dir.open().await;
    begin(&store, "a").await;
    let changed = sqlx::query("UPDATE history SET event_data = 'garbage' WHERE instance_id = 'a'")
        .execute(store.get_pool())
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 1);
    assert!(!store.read("a").await.unwrap_err().is_retryable());
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    let (item, token, _) = fetch(&store).await.unwrap();
    assert!(item.history.is_empty() && item.history_error.is_some());
    assert_eq!((item.orchestration_name.as_str(), item.version.as_str()), ("Order", "1.0.0"));
    let poison = Event::with_event_id(99_999, "a", 1, None, EventKind::KeyValuesCleared);
    store.ack_orchestration_item(&token, 1, vec![poison], vec![], vec![], named(), vec![]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_write_lock_only_delays() {
    let dir = Dir::new();
    let store = Arc::new(dir.open().await);
    let foreign = dir.foreign();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.enqueue_for_orchestrator(start("a"), None).await }
    });
    for _ in 0..20 {
        assert_eq!(rows(&store, "SELECT COUNT(*) FROM orchestrator_queue").await, 0);
    }
    assert!(!waiting.is_finished());
    foreign.execute_batch("COMMIT").unwrap();
    waiting.await.unwrap().unwrap();
    assert!(fetch(&store).await.is_some());
}

#[tokio::test]
async fn disk_full_is_retryable_and_recovers() {
    let dir = Dir::new();
    let store = dir.open().await;
    let limit = |pages: i64| {
        store
            .write("limit", move |conn, _| Ok(conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?))
    };
    limit(1).await.unwrap();
    let big = WorkItem::ExternalRaised { instance: "a".into(), name: "Paid".into(), data: "x".repeat(1_000_000) };
    let error = store.enqueue_for_orchestrator(big.clone(), None).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    limit(1_000_000).await.unwrap();
    store.enqueue_for_orchestrator(big, None).await.unwrap();
}

#[tokio::test]
async fn messages_ahead_of_their_start_block_nobody_and_wait_for_it() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    store.enqueue_for_orchestrator(raised("early"), None).await.unwrap();
    store.enqueue_for_orchestrator(message("nobody"), None).await.unwrap();
    begin(&store, "later").await;
    assert!(fetch(&store).await.is_none());
    assert_eq!(
        rows(&store, "SELECT COUNT(*) FROM orchestrator_queue").await,
        1,
        "a queue message for nobody is dropped, an event waits"
    );

    store.enqueue_for_orchestrator(start("early"), None).await.unwrap();
    let (item, _, attempts) = fetch(&store).await.unwrap();
    assert_eq!((item.messages, attempts), (vec![raised("early"), start("early")], 1));
}

#[tokio::test]
async fn messages_ahead_of_a_delayed_start_come_with_it() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let soon = Duration::from_millis(20);
    store.enqueue_for_orchestrator(start("a"), Some(soon)).await.unwrap();
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    assert!(fetch(&store).await.is_none());
    let (item, _, _) = eventually(|| fetch(&store)).await;
    assert_eq!(item.messages, [start("a"), raised("a")], "in the order of arrival");
}

#[tokio::test]
async fn messages_that_arrive_during_a_turn_wait_for_its_end() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    begin(&store, "a").await;
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    let (_, token, _) = fetch(&store).await.unwrap();
    store.enqueue_for_orchestrator(message("a"), None).await.unwrap();
    let held = "SELECT COUNT(*) FROM orchestrator_queue WHERE state = 2";
    assert_eq!(rows(&store, held).await, 2);
    assert!(fetch(&store).await.is_none());
    store.abandon_orchestration_item(&token, Some(Duration::from_secs(60)), false).await.unwrap();
    let (item, token, attempts) = fetch(&store).await.unwrap();
    assert_eq!((item.messages, attempts), (vec![message("a")], 1));
    store.enqueue_for_orchestrator(message("a"), None).await.unwrap();
    let signal = store.work_signal().unwrap();
    let ticket = signal.ticket(WorkQueue::Orchestrator);
    let later = vec![timer("a", u64::MAX)];
    ack_turn(&store, &token, vec![]).await;
    tokio::time::timeout(LOCK, signal.wait(WorkQueue::Orchestrator, ticket, Duration::MAX))
        .await
        .expect("the end of the turn wakes");
    let (item, token, _) = fetch(&store).await.unwrap();
    assert_eq!(item.messages, [message("a")]);
    ack_turn(&store, &token, later).await;
    assert!(fetch(&store).await.is_none());
    assert_eq!(store.get_queue_depths().await.unwrap().orchestrator_queue, 2, "delayed ones");
}

async fn ack_turn(store: &SqliteProvider, token: &str, messages: Vec<WorkItem>) {
    store.ack_orchestration_item(token, 1, vec![], vec![], messages, named(), vec![]).await.unwrap();
}

#[tokio::test]
async fn an_expired_lease_is_refused_but_may_be_abandoned() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let expired = Duration::ZERO;
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    store.enqueue_for_worker(activity("a", 2, None, None)).await.unwrap();
    let (_, token, _) = store.fetch_orchestration_item(expired, NOW, None).await.unwrap().unwrap();
    let error = store.ack_orchestration_item(&token, 1, vec![], vec![], vec![], named(), vec![]).await.unwrap_err();
    assert!(error.message.contains("Instance lock expired"), "{error}");
    assert!(store.renew_orchestration_item_lock(&token, LOCK).await.is_err());
    store.abandon_orchestration_item(&token, None, true).await.unwrap();
    let (_, newer, attempts) = fetch(&store).await.unwrap();
    assert_eq!(attempts, 1);
    assert!(store.abandon_orchestration_item(&token, None, true).await.is_err());
    ack_first_turn(&store, &newer, "a", vec![]).await;

    let tags = TagFilter::Any;
    let (_, token, _) = store.fetch_work_item(expired, NOW, None, &tags).await.unwrap().unwrap();
    assert!(store.ack_work_item(&token, None).await.is_err());
    assert!(store.renew_work_item_lock(&token, LOCK).await.is_err());
    let (_, newer, attempts) = fetch_activity(&store).await.unwrap();
    assert_eq!(attempts, 2);
    assert!(store.abandon_work_item(&token, None, true).await.is_err());
    store.abandon_work_item(&newer, None, true).await.unwrap();
    assert_eq!(fetch_activity(&store).await.unwrap().2, 2);
}

#[tokio::test]
async fn a_fence_that_was_told_is_below_all_later_ones_of_the_store() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    store.enqueue_for_worker(activity("a", 2, None, None)).await.unwrap();
    let (_, token, _) = fetch_activity(&store).await.unwrap();
    let told = store.activity_fence(&token).await.unwrap().unwrap();
    store.delete_instances_atomic(&["a".into()], true).await.unwrap();
    store.enqueue_for_worker(activity("a", 2, None, None)).await.unwrap();
    let (_, token, _) = fetch_activity(&store).await.unwrap();
    assert!(store.activity_fence(&token).await.unwrap().unwrap() > told);
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    fetch(&store).await.unwrap();
    assert!(rows(&store, "SELECT fence FROM instance_locks").await > i64::try_from(told).unwrap());
}

#[tokio::test]
async fn undecodable_item_is_set_aside_and_blocks_nobody() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    for id in [1, 2] {
        store.enqueue_for_worker(activity("a", id, None, None)).await.unwrap();
    }
    begin(&store, "a").await;
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    store.enqueue_for_orchestrator(message("a"), None).await.unwrap();
    for sql in [
        "UPDATE worker_queue SET work_item = 'garbage' WHERE activity_id = 1",
        "UPDATE orchestrator_queue SET work_item = '{\"Later\":{}}' WHERE id = (SELECT MIN(id) FROM orchestrator_queue)",
    ] {
        sqlx::query(sql).execute(store.get_pool()).await.unwrap();
    }
    assert_eq!(fetch_activity(&store).await.unwrap().0, activity("a", 2, None, None));
    let messages = fetch(&store).await.unwrap().0.messages;
    assert_eq!((&messages[0], messages.len()), (&message("a"), 2), "the message, and what became of the activity");
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM quarantine").await, 2);
}

#[tokio::test]
async fn the_earliest_activity_is_found_over_all_tags() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let queued = [(1, Some("gpu")), (2, None), (3, Some("")), (4, Some("cpu"))];
    for (id, tag) in queued {
        store.enqueue_for_worker(activity("a", id, tag, None)).await.unwrap();
    }
    for (id, tag) in queued {
        let (item, _, _) = store.fetch_work_item(LOCK, NOW, None, &TagFilter::Any).await.unwrap().unwrap();
        assert_eq!(item, activity("a", id, tag, None));
    }
}

#[tokio::test]
async fn a_session_is_served_by_one_owner() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let owner = |owner_id: &str| SessionFetchConfig { owner_id: owner_id.into(), lock_timeout: LOCK };
    for (id, session) in [(1, Some("s")), (2, Some("s")), (3, None)] {
        store.enqueue_for_worker(activity("a", id, None, session)).await.unwrap();
    }
    let take = async |session: Option<&SessionFetchConfig>| {
        let taken = store.fetch_work_item(LOCK, NOW, session, &TagFilter::DefaultOnly).await;
        match taken.unwrap() {
            Some((WorkItem::ActivityExecute { id, .. }, _, _)) => id,
            Some(_) | None => 0,
        }
    };
    assert_eq!(take(Some(&owner("one"))).await, 1);
    assert_eq!(take(Some(&owner("two"))).await, 3, "not what the other's session holds");
    assert_eq!(take(Some(&owner("two"))).await, 0);
    assert_eq!(take(None).await, 0);
    assert_eq!(take(Some(&owner("one"))).await, 2);
    assert_eq!(store.renew_session_lock(&["one", "two"], LOCK, LOCK).await.unwrap(), 1);
    assert_eq!(store.renew_session_lock(&[], LOCK, LOCK).await.unwrap(), 0);
    assert_eq!(store.cleanup_orphaned_sessions(LOCK).await.unwrap(), 0);
}

#[tokio::test]
async fn the_next_row_is_one_step_into_an_index() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let plans = store
        .read_with("explain", |conn| {
            let mut plans = Vec::new();
            for sql in worker::LOOKUPS.iter().chain(fetch::LOOKUPS) {
                let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let mut rows = statement.raw_query();
                let mut plan = String::new();
                while let Some(row) = rows.next()? {
                    plan += &row.get::<_, String>(3)?;
                    plan += "; ";
                }
                plans.push(format!("{plan} of {sql}"));
            }
            Ok(plans)
        })
        .await
        .unwrap();
    for plan in plans {
        assert!(plan.contains("USING") && plan.contains("_ready"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[tokio::test]
async fn what_every_turn_writes_sets_up_no_table_of_its_own() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let scratch = store
        .read_with("explain", |conn| {
            let mut scratch = Vec::new();
            for sql in worker::HOT.iter().chain(ready::HOT) {
                let mut statement = conn.prepare(&format!("EXPLAIN {sql}"))?;
                let mut steps = statement.raw_query();
                while let Some(step) = steps.next()? {
                    let opcode: String = step.get(1)?;
                    if ["OpenEphemeral", "OpenAutoindex", "SorterOpen"].contains(&opcode.as_str()) {
                        scratch.push(format!("{opcode} in {sql}"));
                    }
                }
            }
            Ok(scratch)
        })
        .await
        .unwrap();
    assert_eq!(scratch, Vec::<String>::new());
}

#[tokio::test]
async fn delayed_rows_and_work_done_elsewhere_reach_the_signal() {
    let dir = Dir::new();
    let store = dir.open().await;
    let soon = Some(Duration::from_millis(30));
    store.enqueue_for_orchestrator(start("a"), soon).await.unwrap();
    drop(store);
    let store = dir.open().await;
    let signal = store.work_signal().unwrap();
    let (item, _, _) = loop {
        let ticket = signal.ticket(WorkQueue::Orchestrator);
        match fetch(&store).await {
            Some(found) => break found,
            None => tokio::time::timeout(LOCK, signal.wait(WorkQueue::Orchestrator, ticket, Duration::MAX))
                .await
                .expect("the signal fires when the row is due"),
        }
    };
    assert_eq!(item.instance, "a");
}

#[tokio::test]
async fn a_database_of_somebody_else_is_refused() {
    let dir = Dir::new();
    dir.foreign().execute_batch("CREATE TABLE orchestrator_queue (id INTEGER)").unwrap();
    let error = SqliteProvider::open(dir.file()).await.unwrap_err();
    assert!(matches!(error, SqliteOpenError::ForeignSchema), "{error}");

    let dir = Dir::new();
    drop(dir.open().await);
    dir.foreign().execute("UPDATE duroxide_store SET schema_version = 99", []).unwrap();
    let error = SqliteProvider::open(dir.file()).await.unwrap_err();
    assert!(matches!(error, SqliteOpenError::NewerSchema { found: 99, .. }), "{error}");

    let dir = Dir::new();
    std::fs::write(dir.file(), "This is a letter, and not a database at all. ".repeat(100)).unwrap();
    assert!(SqliteProvider::open(dir.file()).await.is_err());
}

/// A file of the version before progress, with an activity in it.
#[tokio::test]
async fn a_file_of_the_first_schema_is_brought_up_to_date_with_what_is_in_it() {
    let dir = Dir::new();
    let conn = dir.foreign();
    conn.execute_batch(schema::MIGRATIONS[0]).unwrap();
    conn.execute("UPDATE duroxide_store SET schema_version = 1", []).unwrap();
    let row = ActivityRow::new(activity("a", 2, None, None)).unwrap();
    worker::enqueue(&conn, &row, clock::now_ms(), &mut Wakes::default()).unwrap();
    drop(conn);
    let store = dir.open().await;
    let (_, token, _) = fetch_activity(&store).await.unwrap();
    assert!(store.heartbeat_work_item(&token, "half").await.unwrap());
    assert_eq!(store.read_progress("a").await.unwrap()[0].progress, "half");
    assert_eq!(rows(&store, "SELECT schema_version FROM duroxide_store").await, schema::MIGRATIONS.len() as i64);
}

/// What is told to other systems must not be told twice, whatever a power cut takes; progress may be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fence_is_flushed_before_it_is_told_and_progress_is_not() {
    let dir = Dir::new();
    let store = dir.open().await;
    store.enqueue_for_worker(activity("a", 2, None, None)).await.unwrap();
    let (_, token, _) = fetch_activity(&store).await.unwrap();
    let count = "SELECT fence FROM duroxide_store";
    let before = rows(&store, count).await;
    let held = hold_writer(&store);
    let told = store.activity_fence(&token);
    let first = lease_read(&store, count);
    let (fence, first, ()) = tokio::join!(told, first, async { drop(held) });
    assert_eq!(first, before, "what is not flushed comes first");
    assert_eq!(fence.unwrap(), Some(rows(&store, "SELECT fence FROM worker_queue").await as u64));
    let held = hold_writer(&store);
    let said = store.heartbeat_work_item(&token, "half");
    let second = lease_read(&store, "SELECT COUNT(progress) FROM worker_queue");
    let (kept, second, ()) = tokio::join!(said, second, async { drop(held) });
    assert_eq!((kept, second), (Ok(true), 1), "it is among what is not flushed");
}

/// Read by the thread that writes, in its turn.
async fn lease_read(store: &SqliteProvider, sql: &'static str) -> i64 {
    store.lease("read", move |conn, _| Ok(conn.query_row(sql, [], |row| row.get(0))?)).await.unwrap()
}

#[tokio::test]
async fn a_checkpoint_empties_the_log_and_a_dump_shows_no_payloads() {
    let dir = Dir::new();
    let store = dir.open().await;
    begin(&store, "a").await;
    store.checkpoint().await.unwrap();
    let log = dir.0.path().join("store.db-wal");
    assert_eq!(std::fs::metadata(log).unwrap().len(), 0);
    let dump = store.debug_dump().await;
    assert!(dump.contains("history: 1 rows") && dump.contains("instance a Order"), "{dump}");
    SqliteProvider::new_in_memory().await.unwrap().checkpoint().await.unwrap();
}

#[tokio::test]
async fn deletion_takes_everything_and_fences_off_what_is_under_way() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    begin(&store, "a").await;
    store.enqueue_for_worker(activity("a", 2, None, None)).await.unwrap();
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    let (_, turn, _) = fetch(&store).await.unwrap();
    let (_, work, _) = fetch_activity(&store).await.unwrap();
    let error = store.delete_instance("a", false).await.unwrap_err();
    assert!(error.message.contains("still running"), "{error}");
    let deleted = store.delete_instance("a", true).await.unwrap();
    assert_eq!((deleted.instances_deleted, deleted.executions_deleted, deleted.events_deleted), (1, 1, 1));
    assert_eq!(deleted.queue_messages_deleted, 2);
    assert!(store.ack_work_item(&work, None).await.is_err());
    let late = store.ack_orchestration_item(&turn, 1, vec![], vec![], vec![], named(), vec![]).await;
    assert!(late.is_err());
    assert!(store.list_instances().await.unwrap().is_empty());
}

#[tokio::test]
async fn queue_messages_wait_for_a_start_that_was_given_back() {
    let dir = Dir::new();
    let store = dir.open().await;
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    let (_, token, _) = fetch(&store).await.unwrap();
    store.abandon_orchestration_item(&token, Some(LOCK), false).await.unwrap();
    store.enqueue_for_orchestrator(message("a"), None).await.unwrap();
    assert!(fetch(&store).await.is_none(), "nobody can begin it yet");
    let sql = "UPDATE orchestrator_queue SET visible_at = 0";
    dir.foreign().execute(sql, []).unwrap();
    let (item, ..) = fetch(&store).await.unwrap();
    assert_eq!(item.messages, [start("a"), message("a")]);
}

#[tokio::test]
async fn messages_of_an_instance_that_is_held_after_all_come_when_its_lease_ends() {
    let dir = Dir::new();
    let store = dir.open().await;
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    fetch(&store).await.unwrap();
    // As when the clock is set back after the end of the lease was noticed.
    let noticed = "UPDATE instance_locks SET lapsed = 1; UPDATE orchestrator_queue SET state = 1";
    dir.foreign().execute_batch(noticed).unwrap();
    assert!(fetch(&store).await.is_none(), "the lease counts");
    dir.foreign().execute_batch("UPDATE instance_locks SET locked_until = 1").unwrap();
    assert!(fetch(&store).await.is_some(), "and now it does not");
}

#[cfg(unix)]
#[tokio::test]
async fn a_living_store_is_seen_under_every_name_of_its_file() {
    let dir = Dir::new();
    let living = dir.open().await;
    living.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    let (_, token, _) = fetch(&living).await.unwrap();
    let alias = dir.0.path().join("alias.db");
    std::os::unix::fs::symlink(dir.file(), &alias).unwrap();
    let other = SqliteProvider::open(alias).await.unwrap();
    assert!(fetch(&other).await.is_none(), "its owner is alive");
    ack_first_turn(&living, &token, "a", vec![]).await;
}

#[tokio::test]
async fn leases_of_a_dead_store_are_reclaimed_at_once_and_those_of_a_living_one_are_not() {
    let dir = Dir::new();
    let pinned = async |store: &SqliteProvider, owner_id: &str| {
        let owner = SessionFetchConfig { owner_id: owner_id.into(), lock_timeout: LOCK };
        store.fetch_work_item(LOCK, NOW, Some(&owner), &TagFilter::Any).await.unwrap()
    };
    let living = dir.open().await;
    let dying = dir.open().await;
    for instance in ["a", "b"] {
        living.enqueue_for_orchestrator(start(instance), None).await.unwrap();
        let work = activity(instance, 2, None, Some(instance));
        living.enqueue_for_worker(work).await.unwrap();
    }
    let (_, kept, _) = fetch(&living).await.unwrap();
    pinned(&living, "one").await.unwrap();
    let (item, stale, _) = fetch(&dying).await.unwrap();
    pinned(&dying, "two").await.unwrap();
    drop(dying);

    let newcomer = dir.open().await;
    let (again, _, attempts) = fetch(&newcomer).await.expect("reclaimed");
    assert_eq!((again.instance, attempts), (item.instance, 2));
    assert!(fetch(&newcomer).await.is_none(), "the other is alive");
    let (work, _, attempts) = pinned(&newcomer, "three").await.expect("reclaimed with its session");
    assert_eq!((work, attempts), (activity("b", 2, None, Some("b")), 2));
    assert!(pinned(&newcomer, "three").await.is_none());
    assert!(newcomer.abandon_orchestration_item(&stale, None, false).await.is_err());
    ack_first_turn(&living, &kept, "a", vec![]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_nobody_waits_for_does_not_run() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let (ran, has_run) = mpsc::channel::<()>();
    let held = hold_writer(&store);
    let mut waiting = Box::pin(store.write("never", move |_, _| {
        ran.send(()).unwrap();
        Ok(())
    }));
    assert!(poll_once(&mut waiting).is_none());
    drop(waiting);
    drop(held);
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM instances").await, 0);
    assert!(has_run.recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_client_future_of_a_running_request_is_undone() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (entered, has_entered) = mpsc::channel::<()>();
    let row = MessageRow::new(&start("a")).unwrap();
    let mut running = Box::pin(store.write("given up", move |conn, wakes| {
        ready::enqueue(conn, &row, 0, 1, wakes)?;
        entered.send(()).unwrap();
        let _ = may_go_on.recv();
        Ok(())
    }));
    assert!(poll_once(&mut running).is_none());
    tokio::task::block_in_place(|| has_entered.recv().unwrap());
    drop(running);
    drop(go_on);
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM orchestrator_queue").await, 0);
}

fn kv(id: u64, kind: EventKind) -> Event {
    Event::with_event_id(id, "a", 1, None, kind)
}

fn set(id: u64, key: &str, value: &str) -> Event {
    let kind = EventKind::KeyValueSet { key: key.into(), value: value.into(), last_updated_at_ms: 7 };
    kv(id, kind)
}

#[tokio::test]
async fn key_values_are_in_flight_until_the_execution_ends() {
    let dir = Dir::new();
    let store = dir.open().await;
    begin(&store, "a").await;
    let turn = async |execution_id: u64, delta: Vec<Event>, status: Option<&str>| {
        store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
        let (item, token, _) = fetch(&store).await.unwrap();
        let metadata = ExecutionMetadata { status: status.map(str::to_owned), ..ExecutionMetadata::default() };
        store.ack_orchestration_item(&token, execution_id, delta, vec![], vec![], metadata, vec![]).await.unwrap();
        item.kv_snapshot
    };
    let get = async |key: &str| store.get_kv_value("a", key).await.unwrap();

    turn(1, vec![set(2, "x", "1"), set(3, "y", "2")], None).await;
    assert_eq!(get("x").await.as_deref(), Some("1"));
    let seen = turn(1, vec![set(4, "x", "")], Some("ContinuedAsNew")).await;
    assert!(seen.is_empty(), "nothing is committed before the execution ends");

    let clear = EventKind::KeyValueCleared { key: "x".into() };
    let seen = turn(2, vec![kv(1, clear), set(2, "z", "3")], None).await;
    assert_eq!(seen.len(), 2);
    assert_eq!((seen["x"].value.as_str(), seen["x"].last_updated_at_ms), ("", 7));
    assert_eq!(get("x").await, None, "hidden by what the running execution removed");
    let stats = store.get_instance_stats("a").await.unwrap().unwrap();
    assert_eq!((stats.kv_user_key_count, stats.kv_total_value_bytes), (2, 2));

    turn(2, vec![kv(3, EventKind::KeyValuesCleared), set(4, "w", "4")], Some("Completed")).await;
    let all = store.get_kv_all_values("a").await.unwrap();
    assert_eq!(all, HashMap::from([("w".to_owned(), "4".to_owned())]));
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM kv_delta").await, 0);
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM kv_store").await, 1);

    let pruned = store.prune_executions("a", PruneOptions::default()).await.unwrap();
    assert_eq!((pruned.executions_deleted, pruned.events_deleted), (1, 4));
    assert_eq!(get("w").await.as_deref(), Some("4"), "key-values belong to the instance");
    assert_eq!(store.list_executions("a").await.unwrap(), [2]);
    let pruned = store.prune_executions_bulk(InstanceFilter::default(), PruneOptions::default()).await.unwrap();
    assert_eq!((pruned.instances_processed, pruned.executions_deleted), (1, 0));
    let deleted = store.delete_instance_bulk(InstanceFilter::default()).await.unwrap();
    assert_eq!((deleted.instances_deleted, deleted.events_deleted), (1, 4));
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM kv_store").await, 0);
}

#[tokio::test]
async fn what_an_administrator_reads_comes_from_the_rows() {
    let dir = Dir::new();
    let store = dir.open().await;
    for instance in ["a", "b"] {
        begin(&store, instance).await;
    }
    store.enqueue_for_orchestrator(raised("b"), None).await.unwrap();
    let (_, token, _) = fetch(&store).await.unwrap();
    let status = EventKind::CustomStatusUpdated { status: Some("packing".into()) };
    let metadata = ExecutionMetadata {
        status: Some("Completed".into()),
        output: Some("done".into()),
        ..ExecutionMetadata::default()
    };
    let delta = vec![Event::with_event_id(2, "b", 1, None, status)];
    store.ack_orchestration_item(&token, 1, delta, vec![], vec![], metadata, vec![]).await.unwrap();

    assert_eq!(store.list_instances().await.unwrap(), ["b", "a"], "newest first");
    assert_eq!(store.list_instances_by_status("Completed").await.unwrap(), ["b"]);
    let info = store.get_instance_info("b").await.unwrap();
    assert_eq!((info.status.as_str(), info.output.as_deref()), ("Completed", Some("done")));
    assert!(info.created_at > 0 && info.updated_at >= info.created_at);
    let info = store.get_execution_info("b", 1).await.unwrap();
    assert_eq!(info.event_count, 2);
    assert!(info.started_at > 0 && info.completed_at.is_some());
    assert_eq!(store.get_execution_info("a", 1).await.unwrap().completed_at, None);
    for error in [
        store.get_instance_info("nobody").await.map(drop).unwrap_err(),
        store.get_execution_info("a", 9).await.map(drop).unwrap_err(),
        store.get_parent_id("nobody").await.map(drop).unwrap_err(),
    ] {
        assert!(!error.is_retryable() && error.message.contains("not found"), "{error}");
    }
    let metrics = store.get_system_metrics().await.unwrap();
    assert_eq!((metrics.total_instances, metrics.total_executions, metrics.total_events), (2, 2, 3));
    assert_eq!((metrics.running_instances, metrics.completed_instances), (1, 1));
    let status = store.get_custom_status("b", 0).await.unwrap();
    assert_eq!(status, Some((Some("packing".into()), 1)));
    assert_eq!(store.get_custom_status("b", 1).await.unwrap(), None);
}

#[tokio::test]
async fn only_executions_of_a_version_in_range_are_taken() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let version = |text: &str| semver::Version::parse(text).unwrap();
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    let (_, token, _) = fetch(&store).await.unwrap();
    let metadata = ExecutionMetadata {
        // Numbers from 1000 up must not run into each other.
        pinned_duroxide_version: Some(version("1.1000.5")),
        ..named()
    };
    store.ack_orchestration_item(&token, 1, vec![started("a")], vec![], vec![], metadata, vec![]).await.unwrap();
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    // Lowest, highest, whether it is taken.
    let table = [
        ("0.0.0", "1.999.9999", false),
        ("1.1000.6", "2.0.0", false),
        ("2.0.0", "9.0.0", false),
        ("1.1000.5", "1.1000.5", true),
        ("0.9999.9999", "2.0.0", true),
    ];
    for (min, max, taken) in table {
        let filter = DispatcherCapabilityFilter {
            supported_duroxide_versions: vec![crate::model::filter::SemverRange::new(version(min), version(max))],
        };
        let fetched = store.fetch_orchestration_item(LOCK, NOW, Some(&filter)).await.unwrap();
        assert_eq!(fetched.is_some(), taken, "{min} to {max}");
        if let Some((_, token, attempts)) = fetched {
            assert_eq!(attempts, 1, "not counted by those who could not take it");
            store.abandon_orchestration_item(&token, None, true).await.unwrap();
        }
    }
    let nothing = DispatcherCapabilityFilter { supported_duroxide_versions: vec![] };
    assert!(store.fetch_orchestration_item(LOCK, NOW, Some(&nothing)).await.unwrap().is_none());
}

#[tokio::test]
async fn an_activity_asked_for_and_cancelled_in_one_turn_comes_to_nothing() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    let (_, token, _) = fetch(&store).await.unwrap();
    let cancelled = |activity_id| ScheduledActivityIdentifier { instance: "a".into(), execution_id: 1, activity_id };
    let asked = vec![activity("a", 2, None, None), activity("a", 3, None, None)];
    store
        .ack_orchestration_item(&token, 1, vec![started("a")], asked, vec![], named(), vec![cancelled(2), cancelled(9)])
        .await
        .unwrap();
    let (item, token, _) = fetch_activity(&store).await.unwrap();
    assert_eq!(item, activity("a", 3, None, None));
    assert!(fetch_activity(&store).await.is_none());
    let wrong = store.ack_work_item(&token, Some(raised("a"))).await.unwrap_err();
    assert!(!wrong.is_retryable(), "only a completion answers an activity");
    store.ack_work_item(&token, None).await.unwrap();
}

#[tokio::test]
async fn a_refused_turn_changes_nothing() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    begin(&store, "a").await;
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    let (_, token, _) = fetch(&store).await.unwrap();
    for event_id in [0, 1] {
        let delta = vec![set(2, "x", "1"), kv(event_id, EventKind::KeyValuesCleared)];
        let work = vec![activity("a", 2, None, None)];
        let refused = store
            .ack_orchestration_item(&token, 2, delta.clone(), work.clone(), vec![raised("b")], named(), vec![])
            .await;
        // The second is a duplicate only in the execution that has the event.
        let refused = if event_id == 0 {
            refused
        } else {
            refused.unwrap();
            break;
        };
        assert!(!refused.unwrap_err().is_retryable());
        let refused =
            store.ack_orchestration_item(&token, 1, vec![started("a")], work, vec![raised("b")], named(), vec![]).await;
        assert!(!refused.unwrap_err().is_retryable());
        assert_eq!(store.list_executions("a").await.unwrap(), [1]);
        assert!(fetch_activity(&store).await.is_none());
        assert!(store.get_kv_all_values("a").await.unwrap().is_empty());
        assert_eq!(rows(&store, "SELECT COUNT(*) FROM orchestrator_queue").await, 1);
        store.renew_orchestration_item_lock(&token, LOCK).await.unwrap();
    }
    assert_eq!(store.list_executions("a").await.unwrap(), [1, 2]);
}
