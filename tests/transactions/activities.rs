//! Activities in transactions: what they write and their completion are one commit, whatever goes wrong.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide::CallError;
use duroxide::Client;
use duroxide::providers::encoded::{CodecError, Encoded, PayloadCodec};
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::transaction::{OpenTransaction, TransactionWork};
use duroxide::providers::{Provider, TagFilter, WorkItem};
use duroxide::runtime::Runtime;
use duroxide::testing::Harness;
use duroxide::typed::Problem;

use super::apart::Apart;
use super::proxy::{Network, Proxy};
use super::scene::{How, Outcome, Scene, book, booking};
use super::server::{Server, fresh_schema};
use super::stage::{PATIENCE, number, run, store_at, trip, until};

#[tokio::test]
async fn what_it_writes_is_there_with_its_completion() {
    let Outcome { result, booked, runs } = Scene::set(How::Well).await.book().await;
    assert_eq!(result.unwrap(), 4_711);
    assert_eq!((booked, runs), (1, 1));
}

#[tokio::test]
async fn what_it_wrote_before_its_error_is_undone() {
    let Outcome { result, booked, runs } = Scene::set(How::Fails).await.book().await;
    assert!(matches!(&result, Err(CallError::App(text)) if text == "no credit"), "{result:?}");
    assert_eq!((booked, runs), (0, 1));
}

#[tokio::test]
async fn what_it_wrote_before_its_panic_is_undone() {
    let Outcome { result, booked, runs } = Scene::set(How::Panics).await.book().await;
    assert!(result.unwrap_err().to_string().contains("panicked"));
    assert_eq!((booked, runs), (0, 1));
}

#[tokio::test]
async fn one_that_lost_its_lease_writes_nothing_and_the_next_one_does() {
    let Outcome { result, booked, runs } = Scene::set(How::LosesItsLease).await.book().await;
    assert_eq!(result.unwrap(), 4_711);
    assert_eq!((booked, runs), (1, 2));
}

#[tokio::test]
async fn one_that_lost_its_connection_runs_again() {
    let Outcome { result, booked, runs } = Scene::set(How::LosesItsConnection).await.book().await;
    assert_eq!(result.unwrap(), 4_711);
    assert_eq!((booked, runs), (1, 2));
}

#[tokio::test]
async fn what_the_database_does_not_commit_fails_the_activity_with_its_words() {
    for (how, words) in [
        (How::BreaksAConstraint, "the database did not commit what the activity wrote: "),
        (How::PassesOverAnError, "a statement of the activity failed, and its transaction with it"),
    ] {
        let Outcome { result, booked, runs } = Scene::set(how).await.book().await;
        let text = result.unwrap_err().to_string();
        assert!(text.contains(words), "{text}");
        assert_eq!((booked, runs), (0, 1), "{how:?}");
    }
}

/// What it commits by itself cannot be undone; it is told, and its completion is not mistaken for one of the same commit.
#[tokio::test]
async fn one_that_ends_its_transaction_by_itself_fails() {
    let Outcome { result, booked, runs } = Scene::set(How::CommitsByItself).await.book().await;
    let text = result.unwrap_err().to_string();
    assert!(text.contains("the activity ended its transaction by itself"), "{text}");
    assert_eq!((booked, runs), (1, 1));
}

/// The database has trouble exactly when the activity is taken out of the queue.
async fn booked_in_trouble(scene: &Scene, outcome: impl Future<Output = Outcome>) -> i64 {
    trip(&scene.store, "worker_queue", "DELETE", "53100", 1).await;
    run(&scene.store, "ALTER TABLE @.ledger DROP CONSTRAINT ledger_cents_key").await;
    let Outcome { result, booked, runs } = outcome.await;
    assert_eq!(result.unwrap(), 4_711);
    assert_eq!(runs, 2, "the trouble was met");
    booked
}

#[tokio::test]
async fn trouble_between_the_write_and_the_completion_doubles_nothing() {
    let scene = Scene::set(How::Well).await;
    assert_eq!(booked_in_trouble(&scene, scene.book()).await, 1);
}

/// The test above would see it.
#[tokio::test]
async fn a_store_that_commits_the_completion_apart_is_caught() {
    let scene = Scene::set(How::Well).await;
    let flawed = Arc::new(Apart(scene.store.clone()));
    assert_eq!(booked_in_trouble(&scene, scene.book_on(flawed)).await, 2);
}

/// Never run.
struct Nothing;

#[async_trait]
impl TransactionWork for Nothing {
    async fn run(&mut self, _: OpenTransaction<'_, '_>) -> Option<WorkItem> {
        unreachable!("its transaction does not begin")
    }
}

/// What begins a transaction fails in the middle: whoever gets the connection next would find that of another one.
#[tokio::test]
async fn a_begin_that_failed_spoils_nobody_elses_connection() {
    let store = super::stage::store().await;
    let activity = WorkItem::ActivityExecute {
        instance: "i".into(),
        execution_id: 1,
        id: 2,
        name: "Charge".into(),
        input: "{}".into(),
        session_id: None,
        tag: None,
    };
    store.enqueue_for_worker(activity).await.unwrap();
    let taken = store.fetch_work_item(PATIENCE, Duration::ZERO, None, &TagFilter::DefaultOnly).await.unwrap();
    let (_, token, _) = taken.expect("it is ready");
    trip(&store, "commits", "INSERT", "53100", 1).await;
    let transactions = store.as_transaction_capability().unwrap();
    let error = transactions.complete_within(&token, &mut Nothing).await.expect_err("the disk is full");
    assert!(error.is_retryable(), "{error}");
    let left = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction (aborted)'
             AND query LIKE '%\"{}\".commits%'",
        store.schema()
    );
    until(&store, &left, 0).await;
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_neither_lost_nor_doubled() {
    let schema = fresh_schema();
    let direct = Scene::on(store_at(Server::shared().port(), &schema).await, How::Well).await;
    run(
        &direct.store,
        "CREATE FUNCTION @.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_advisory_xact_lock_shared(hashtext(TG_TABLE_SCHEMA)); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON @.ledger DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION @.wait();",
    )
    .await;
    let mut other = direct.store.get_pool().begin().await.unwrap();
    let lock = "SELECT pg_advisory_xact_lock(hashtext($1))";
    sqlx::query(lock).bind(&schema).execute(&mut *other).await.unwrap();

    let proxy = Proxy::before(Server::shared().port()).await;
    let store = store_at(proxy.port(), &schema).await;
    let runtime = direct.runtime(store.clone()).await;
    let handle = booking::start(&Client::new(direct.store.clone()), "b-1", 4_711).await.unwrap();
    let waits = format!(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'
             AND ((classid::bigint << 32) | objid::bigint) = hashtext('{schema}')::bigint"
    );
    until(&direct.store, &waits, 1).await;
    proxy.set(Network::Cut);
    proxy.set(Network::Well);
    // Whoever asks for its fate waits for its end.
    let asks = format!(
        "SELECT LEAST(count(*), 1) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
             AND query LIKE 'INSERT INTO \"{schema}\".commits AS c%'"
    );
    until(&direct.store, &asks, 1).await;
    other.rollback().await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), 4_711);
    assert_eq!((direct.booked().await, direct.runs()), (1, 1));
    runtime.shutdown(Some(1_000)).await;
}

/// Backwards, which nobody reads by chance.
struct Backwards;

impl PayloadCodec for Backwards {
    fn encode(&self, payload: &str) -> Result<String, CodecError> {
        Ok(format!("~{}", payload.chars().rev().collect::<String>()))
    }

    fn decode(&self, stored: &str) -> Result<String, CodecError> {
        let stored = stored.strip_prefix('~').ok_or_else(|| CodecError::new("expected a ~, found none"))?;
        Ok(stored.chars().rev().collect())
    }
}

#[tokio::test]
async fn its_result_passes_through_the_codec() {
    let scene = Scene::set(How::Well).await;
    let encoded = Arc::new(Encoded::new(scene.store.clone(), Backwards));
    let Outcome { result, booked, runs } = scene.book_on(encoded).await;
    assert_eq!(result.unwrap(), 4_711);
    assert_eq!((booked, runs), (1, 1));
    let stored = |text: &str| format!("SELECT count(*) FROM @.history WHERE event_data LIKE '%{text}%'");
    assert_eq!(number(&scene.store, &stored("4711")).await, 0);
    assert!(number(&scene.store, &stored("~1174")).await >= 4, "input and result of both");
}

#[tokio::test]
async fn a_store_without_transactions_keeps_the_runtime_from_starting() {
    let scene = Scene::set(How::Well).await;
    let runtime = Runtime::builder(Arc::new(MemoryProvider::new())).state(scene).register::<book>();
    let problems = runtime.register::<booking>().start().await.err().expect("there is nothing to write in");
    let [Problem::NoTransactions { activity: "book", defined_at, .. }] = problems.0.as_slice() else {
        panic!("{problems:?}");
    };
    assert!(defined_at.contains("scene.rs:"), "{defined_at}");
    let text = problems.to_string();
    assert!(text.starts_with("DX3005: activity `book`, defined at ") && text.contains(defined_at), "{text}");
}

#[test]
fn a_test_without_a_database_answers_in_its_place() {
    let mut harness = Harness::new();
    harness.mock::<book>(|cents| Ok(cents * 2));
    assert_eq!(harness.run::<booking>(21).unwrap(), 42);
}

#[test]
#[should_panic(expected = "writes in a transaction of its store, and a test has no database")]
fn a_test_without_a_database_cannot_run_it() {
    let mut harness = Harness::new();
    harness.register::<book>();
    let _ = harness.run::<booking>(21);
}
