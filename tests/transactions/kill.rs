//! Worker processes that are killed, and lose their connections, while they move money in transactions.
//!
//! At the end every step is in the books exactly once, although none of them is idempotent.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::postgres::{PgTransaction, PostgresOptions, PostgresProvider};
use duroxide::runtime::Runtime;
use duroxide::{ActivityContext, Client, OrchestrationContext, RuntimeOptions, activity, orchestration};
use sqlx::AssertSqlSafe;
use tokio::io::AsyncReadExt;

use super::scene::a_moment;
use super::server::Server;
use super::stage::{number, run, store};

const ORDERS: u64 = 60;
const STEPS: u64 = 4;
const WORKERS: usize = 3;

/// What must have happened, or the run proves nothing.
const KILLS: usize = 24;

/// Longer than the whole run; past it the test fails instead of hanging.
const LONG: Duration = Duration::from_secs(120);

/// Short, so that work that was lost comes back while the run lasts.
const LEASE: Duration = Duration::from_millis(1_500);

const URL: &str = "DUROXIDE_TEST_MOVER_URL";
const SCHEMA: &str = "DUROXIDE_TEST_MOVER_SCHEMA";

/// The schema that holds the books.
#[derive(Clone)]
struct Books(String);

/// Two writes that are wrong if one of them is missing, or if both are there twice.
#[activity(transaction, name = "move")]
async fn move_money(
    ctx: ActivityContext,
    tx: &mut PgTransaction<'_>,
    #[state] books: Books,
    cents: i64,
) -> Result<i64, String> {
    let Books(schema) = books;
    let take = format!("UPDATE {schema}.accounts SET cents = cents - $1 WHERE name = 'shop'");
    let give = format!("INSERT INTO {schema}.moves VALUES ($1, $2, $3)");
    let taken = sqlx::query(AssertSqlSafe(take)).bind(cents).execute(&mut **tx).await;
    taken.map_err(|error| error.to_string())?;
    let id = i64::try_from(ctx.idempotency_key().rsplit('/').next().and_then(|id| id.parse::<u64>().ok()).unwrap());
    let given = sqlx::query(AssertSqlSafe(give)).bind(ctx.instance_id()).bind(id.unwrap()).bind(cents);
    given.execute(&mut **tx).await.map_err(|error| error.to_string())?;
    Ok(cents)
}

/// Steps one after the other; a failure of the database is tried again.
#[orchestration]
async fn movements(ctx: OrchestrationContext, n: u64) -> Result<i64, String> {
    let mut moved = 0;
    for step in 0..STEPS {
        let cents = i64::try_from(n + step + 1).map_err(|error| error.to_string())?;
        moved += move_money::call(&ctx, cents).retry(duroxide::RetryPolicy::new(20)).await?;
    }
    Ok(moved)
}

fn model(n: u64) -> i64 {
    (0..STEPS).map(|step| i64::try_from(n + step + 1).expect("small")).sum()
}

/// Not a test: what the worker processes of the test below run. Without its URL it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_process() {
    let (Ok(url), Ok(schema)) = (std::env::var(URL), std::env::var(SCHEMA)) else {
        return;
    };
    let store = loop {
        if let Ok(store) = PostgresProvider::connect_with(&url, PostgresOptions::default().schema(&schema)).await {
            break Arc::new(store);
        }
    };
    let options = RuntimeOptions {
        orchestrator_lock_timeout: LEASE,
        worker_lock_timeout: LEASE,
        max_attempts: u32::MAX,
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::builder(store).options(options).state(Books(schema));
    let _runtime = runtime.register::<move_money>().register::<movements>().start().await.unwrap();
    // Until the test closes the other end, or ends.
    let mut end = Vec::new();
    let _ = tokio::io::stdin().read_to_end(&mut end).await;
}

/// A worker process; killed when dropped.
struct Worker(Child);

impl Worker {
    fn start(schema: &str) -> Worker {
        let child = Command::new(std::env::current_exe().expect("a test has a file"))
            .args(["kill::a_worker_process", "--exact", "--nocapture"])
            .env(URL, Server::shared().url())
            .env(SCHEMA, schema)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Worker(child.expect("the test starts once more"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Rows of the books, however often the server was in the middle of something.
async fn moves(store: &PostgresProvider) -> i64 {
    number(store, "SELECT count(*) FROM @.moves").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_is_in_the_books_exactly_once_however_often_workers_are_killed() {
    let store = store().await;
    run(
        &store,
        "CREATE TABLE @.accounts (name TEXT PRIMARY KEY, cents BIGINT NOT NULL);
         INSERT INTO @.accounts VALUES ('shop', 0);
         CREATE TABLE @.moves (instance TEXT, id BIGINT, cents BIGINT);",
    )
    .await;
    let client = Client::new(store.clone());
    for n in 0..ORDERS {
        movements::start(&client, format!("m-{n}"), n).await.unwrap();
    }
    let mut workers: Vec<Worker> = (0..WORKERS).map(|_| Worker::start(store.schema())).collect();
    let all = i64::try_from(ORDERS * STEPS).expect("small");
    let mut kills = 0;
    // Kills are spread over the run: each time some more steps are in the books.
    while kills < KILLS {
        let share = i64::try_from(kills).expect("few") * all / i64::try_from(KILLS).expect("few");
        let reached = async {
            while moves(&store).await < share {
                a_moment().await;
            }
        };
        tokio::time::timeout(LONG, reached).await.expect("it goes on");
        if kills % 3 == 2 {
            // Everybody's connections, but those of this process.
            terminate(&store).await;
        }
        workers[kills % WORKERS] = Worker::start(store.schema());
        kills += 1;
    }
    let mut total = 0;
    for n in 0..ORDERS {
        let moved = movements::attach(&client, format!("m-{n}")).wait(LONG).await;
        assert_eq!(moved.unwrap(), model(n), "m-{n}");
        total += model(n);
    }
    assert_eq!(moves(&store).await, all, "each step once");
    let steps = "SELECT count(*) FROM (SELECT DISTINCT instance, id FROM @.moves) each";
    assert_eq!(number(&store, steps).await, all, "and none twice");
    assert_eq!(number(&store, "SELECT sum(cents)::bigint FROM @.moves").await, total);
    assert_eq!(number(&store, "SELECT -cents FROM @.accounts").await, total, "both halves of each");
    assert_eq!(number(&store, "SELECT count(*) FROM @.worker_queue").await, 0);
}

/// Ends sessions that are in the middle of a write into the books of this test.
async fn terminate(store: &PostgresProvider) {
    let schema = store.schema();
    let sql = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'duroxide' AND state LIKE '%transaction%' AND query LIKE '%{schema}.%'
             AND pid <> pg_backend_pid()"
    );
    run(store, &sql).await;
}
