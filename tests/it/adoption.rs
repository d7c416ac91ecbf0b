//! A database file of the published crate is taken over in place, and what was in flight in it ends as it should.
//!
//! `adoption.sql` is such a file: `cargo run --bin old_file -- old.db` in `benches/published`, then
//! `sqlite3 old.db .dump > tests/it/adoption.sql`. Its orchestrations are the same source in both crates.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duroxide::providers::insight::InstanceQuery;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{Provider, TagFilter};
use duroxide::runtime::{Runtime, RuntimeOptions};
use duroxide::{Client, Event, EventKind, OrchestrationStatus};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;
use tracing_subscriber::layer::SubscriberExt;

#[path = "../../benches/published/src/bin/old_file/flows.rs"]
mod flows;

const FILE: &str = include_str!("adoption.sql");

const PATIENCE: Duration = Duration::from_secs(60);

/// A file of the published crate in a folder of its own.
struct OldFile {
    folder: TempDir,
}

impl OldFile {
    async fn with(sql: &str) -> OldFile {
        let file = OldFile { folder: tempfile::tempdir().unwrap() };
        let options = SqliteConnectOptions::new().filename(file.path()).create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&pool).await.unwrap();
        pool.close().await;
        file
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("old.db")
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    /// Everything in these columns, read by a program of its own.
    async fn rows(&self, sql: &'static str) -> Vec<String> {
        let options = SqliteConnectOptions::new().filename(self.path());
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let rows = sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap();
        pool.close().await;
        rows
    }
}

const TABLES: &str = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' ORDER BY name";
const MIGRATIONS: &str = "SELECT version || description || installed_on || hex(checksum) FROM _sqlx_migrations";
const EVENTS: &str = "SELECT event_type || event_data FROM history ORDER BY instance_id, execution_id, event_id";
const MESSAGES: &str = "SELECT id || work_item || visible_at || attempt_count FROM orchestrator_queue ORDER BY id";
const ACTIVITIES: &str = "SELECT id || work_item || visible_at || attempt_count FROM worker_queue ORDER BY id";

/// How each instance of the file ends, once it gets what it waits for.
const ENDS: &[(&str, Result<&str, &str>)] = &[
    ("finished", Ok("all well")),
    ("failed", Err("no way")),
    ("detached", Err("on its own")),
    ("activity", Ok("7, later [\"before\"]")),
    ("running", Ok("8")),
    ("timer", Ok("rang")),
    ("event", Ok("raised before")),
    ("waits", Ok("now")),
    ("cancelled", Err("canceled: not needed")),
    ("queue", Ok("one two three four")),
    ("parent", Ok("now now")),
    ("chain", Ok("now a b [\"link 1\", \"link 2\", \"link 3\"]")),
    ("session", Ok("one two")),
    ("system", Ok("now 36 true")),
    ("retries", Ok("gave up: Err(\"not today\")")),
    ("race", Ok("now")),
    ("unstarted", Ok("now")),
];

/// These wait for the event `go`, which nobody has raised for them in the file.
const WAITING: &[&str] = &["waits", "parent::sub::2", "chosen", "chain", "system", "race", "unstarted"];

async fn runtime_on(store: Arc<dyn Provider>) -> Arc<Runtime> {
    let options = RuntimeOptions { worker_tag_filter: TagFilter::Any, ..RuntimeOptions::default() };
    Runtime::start_with_options(store, flows::activities(), flows::orchestrations(), options).await
}

async fn raise_when_waiting(store: &Arc<dyn Provider>, client: &Client, instance: &str) {
    let waits = |event: &Event| matches!(&event.kind, EventKind::ExternalSubscribed { name } if name == "go");
    let waiting = async {
        while !store.read(instance).await.unwrap().iter().any(waits) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{instance} never waits for `go`"));
    client.raise_event(instance, "go", "now").await.unwrap();
}

async fn end_of(client: &Client, instance: &str) -> Result<String, String> {
    match client.wait_for_orchestration(instance, PATIENCE).await {
        Ok(OrchestrationStatus::Completed { output, .. }) => Ok(output),
        Ok(OrchestrationStatus::Failed { details, .. }) => Err(details.display_message()),
        other => panic!("{instance} did not end: {other:?}"),
    }
}

/// Gives everything what it waits for and sees it end.
async fn assert_everything_ends(store: Arc<dyn Provider>) {
    let client = Client::new(Arc::clone(&store));
    let runtime = runtime_on(Arc::clone(&store)).await;
    client.enqueue_event("queue", "inbox", "four").await.unwrap();
    for instance in WAITING {
        raise_when_waiting(&store, &client, instance).await;
    }
    for (instance, end) in ENDS {
        let found = end_of(&client, instance).await;
        assert_eq!(found.as_deref().map_err(String::as_str), *end, "{instance}");
    }
    runtime.shutdown(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_in_flight_ends() {
    let file = OldFile::with(FILE).await;
    assert_everything_ends(Arc::new(SqliteProvider::new(&file.url(), None).await.unwrap())).await;
}

#[tokio::test]
async fn nothing_is_lost_or_rewritten() {
    let file = OldFile::with(FILE).await;
    let mut before = Vec::new();
    for sql in [MIGRATIONS, EVENTS, MESSAGES, ACTIVITIES] {
        before.push(file.rows(sql).await);
    }
    drop(SqliteProvider::open(file.path()).await.unwrap());
    for (sql, before) in [MIGRATIONS, EVENTS, MESSAGES, ACTIVITIES].into_iter().zip(before) {
        assert!(!before.is_empty(), "{sql}");
        assert_eq!(file.rows(sql).await, before, "{sql}");
    }
}

#[tokio::test]
async fn clients_read_an_adopted_file_before_anything_runs() {
    let file = OldFile::with(FILE).await;
    let store = Arc::new(SqliteProvider::open(file.path()).await.unwrap());
    let client = Client::new(Arc::clone(&store) as _);
    let status = client.get_orchestration_status("finished").await.unwrap();
    let custom_status = Some("nearly there".to_owned());
    let output = "all well".to_owned();
    assert_eq!(status, OrchestrationStatus::Completed { output, custom_status, custom_status_version: 1 });
    // Of an execution that has ended, of one that runs, and one that was cleared.
    assert_eq!(client.get_kv_value("finished", "left").await.unwrap().as_deref(), Some("behind"));
    assert_eq!(client.get_kv_value("activity", "before").await.unwrap().as_deref(), Some("1"));
    assert_eq!(client.get_kv_value("activity", "gone").await.unwrap(), None);
    assert_eq!(client.get_kv_all_values("chain").await.unwrap().len(), 3);
    assert_eq!(client.list_executions("chain").await.unwrap(), [1, 2, 3]);
    assert_eq!(client.get_instance_tree("parent").await.unwrap().size(), 3);
    assert_eq!(client.list_instances_by_status("Running").await.unwrap().len(), 15);
    let running = InstanceQuery { status: Some("Running".to_owned()), limit: 100, ..InstanceQuery::default() };
    assert_eq!(client.find_instances(&running).await.unwrap().rows.len(), 15);
    assert_eq!(client.list_workers().await.unwrap(), []);
    let depths = store.get_queue_depths().await.unwrap();
    // The instance that was not started and the messages; the activity that ran is nobody's any more.
    assert_eq!((depths.orchestrator_queue, depths.worker_queue), (8, 3));
}

#[tokio::test]
async fn times_are_those_of_the_file() {
    let file = OldFile::with(FILE).await;
    let store = SqliteProvider::open(file.path()).await.unwrap();
    let begun_ms = store.read("finished").await.unwrap()[0].timestamp_ms;
    let info = store.get_instance_info("finished").await.unwrap();
    let run = store.get_execution_info("finished", 1).await.unwrap();
    for (what, ms) in [("created", info.created_at), ("updated", info.updated_at), ("started", run.started_at)] {
        // The file has whole seconds.
        assert!(ms.abs_diff(begun_ms) < 2_000, "{what} at {ms}, begun at {begun_ms}");
    }
    let ended_ms = store.read("finished").await.unwrap().last().unwrap().timestamp_ms;
    assert!(run.completed_at.unwrap().abs_diff(ended_ms) < 1_000);
    assert_eq!(store.get_execution_info("waits", 1).await.unwrap().completed_at, None);
}

#[tokio::test]
async fn a_file_is_adopted_once() {
    let file = OldFile::with(FILE).await;
    // Two at the same time, and another one later.
    let (one, other) = tokio::join!(SqliteProvider::open(file.path()), SqliteProvider::open(file.path()));
    let (one, other) = (one.unwrap(), other.unwrap());
    let tables = file.rows(TABLES).await;
    assert!(tables.iter().all(|sql| !sql.contains("adopted_")), "{tables:#?}");
    assert_eq!(one.list_instances().await.unwrap().len(), 18);
    assert_eq!(other.list_instances().await.unwrap(), one.list_instances().await.unwrap());
    drop((one, other));
    SqliteProvider::open(file.path()).await.unwrap();
    let fresh = OldFile::with("CREATE TABLE theirs (id INTEGER)").await;
    SqliteProvider::open(fresh.path()).await.unwrap();
    let ours: Vec<_> = fresh.rows(TABLES).await.into_iter().filter(|sql| !sql.contains("theirs")).collect();
    let adopted: Vec<_> = file.rows(TABLES).await.into_iter().filter(|sql| !sql.contains("_sqlx_migrations")).collect();
    assert_eq!(adopted, ours, "an adopted file is like one of ours");
}

/// Leases that the other process took are waited for: it may still be at work.
#[tokio::test]
async fn leases_of_the_old_process_are_respected() {
    let far_ms = i64::MAX / 2;
    let leased = format!(
        "{FILE}
         UPDATE worker_queue SET locked_until = {far_ms} WHERE lock_token IS NOT NULL;
         INSERT INTO instance_locks VALUES ('event', 'lock_theirs', {far_ms}, 1);
         UPDATE orchestrator_queue SET lock_token = 'lock_theirs' WHERE instance_id = 'event';"
    );
    let file = OldFile::with(&leased).await;
    let store = SqliteProvider::open(file.path()).await.unwrap();
    let mut fetched = Vec::new();
    while let Some((item, _, _)) = store.fetch_orchestration_item(PATIENCE, Duration::ZERO, None).await.unwrap() {
        fetched.push(item.instance);
    }
    assert!(fetched.contains(&"queue".to_owned()) && !fetched.contains(&"event".to_owned()), "{fetched:?}");
    let mut activities = 0;
    while store.fetch_work_item(PATIENCE, Duration::ZERO, None, &TagFilter::Any).await.unwrap().is_some() {
        activities += 1;
    }
    assert_eq!(activities, 1, "one is leased, one belongs to a session");
}

async fn assert_refused(sql: &str, expected: &str) {
    let file = OldFile::with(sql).await;
    let tables = file.rows(TABLES).await;
    let error = SqliteProvider::open(file.path()).await.unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
    assert_eq!(file.rows(TABLES).await, tables, "the file is left as it was");
}

#[tokio::test]
async fn a_file_that_cannot_be_adopted_is_left_as_it_was() {
    let older = format!("{FILE} DELETE FROM _sqlx_migrations WHERE version = 20240112000000;");
    assert_refused(&older, "as 0.1.32 leaves them, found 20240111000000").await;
    let newer = format!(
        "{FILE} INSERT INTO _sqlx_migrations SELECT 20990101000000, 'unheard of', installed_on, 1, checksum, 0
         FROM _sqlx_migrations LIMIT 1;"
    );
    assert_refused(&newer, "found 20990101000000").await;
    // An index that one of ours is in the way of: all is undone, what was moved before as well.
    let in_the_way = format!("{FILE} CREATE INDEX instances_parent ON instances (orchestration_name);");
    assert_refused(&in_the_way, "instances_parent already exists").await;
}

/// What is written on the driving thread, one line an event.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<BTreeMap<String, usize>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut line = format!("{} ", event.metadata().level());
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            if ["message", "instance"].contains(&field.name()) {
                line.push_str(&format!("{}={value:?} ", field.name()));
            }
        });
        *self.0.lock().unwrap().entry(line).or_default() += 1;
    }
}

async fn warnings_about_stamps(stamp: &str) -> Vec<(String, usize)> {
    let file =
        OldFile::with(&FILE.replace("\"duroxide_version\":\"0.1.32\"", &format!("\"duroxide_version\":\"{stamp}\"")))
            .await;
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines.clone()));
    assert_everything_ends(Arc::new(SqliteProvider::open(file.path()).await.unwrap())).await;
    let lines = lines.0.lock().unwrap();
    let about_stamps = lines.iter().filter(|(line, _)| line.contains("pinned"));
    about_stamps.map(|(line, count)| (line.clone(), *count)).collect()
}

#[tokio::test]
async fn older_and_unreadable_stamps_run_under_the_newer_rules_with_a_warning_every_turn() {
    assert_eq!(warnings_about_stamps("0.1.32").await, []);
    for (stamp, text) in [("0.1.20", "Execution was pinned before 0.1.31"), ("no version", "Invalid pinned version")] {
        let warnings = warnings_about_stamps(stamp).await;
        assert!(warnings.iter().all(|(line, _)| line.starts_with("WARN") && line.contains(text)), "{warnings:#?}");
        let turns_of = |instance: &str| {
            let of_instance = format!("instance={instance} ");
            warnings.iter().filter(|(line, _)| line.contains(&of_instance)).map(|(_, count)| count).sum::<usize>()
        };
        // One turn with the answer of each activity: the other one is not in the file any more.
        assert!(turns_of("activity") >= 1 && turns_of("parent") >= 1, "{warnings:#?}");
        assert_eq!(turns_of("finished"), 0, "what has ended has no turns");
        assert!(warnings.iter().map(|(_, count)| count).sum::<usize>() > warnings.len(), "every turn: {warnings:#?}");
    }
}
