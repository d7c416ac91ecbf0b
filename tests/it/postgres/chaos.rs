//! Four worker processes on one PostgreSQL, while whatever can go wrong does.
//!
//! At the end every outcome is the model's, nothing is lost, nothing is doubled, and no row is left behind.
//!
//! `DUROXIDE_CHAOS=5000 cargo test -p duroxide-tests --test it postgres::chaos` is the same with so many orchestrations;
//! trouble lasts until as many of their executions have ended, a third of all.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use duroxide::providers::{EventKind, Provider};
use duroxide::runtime::Runtime;
use duroxide::typed::StartError;
use duroxide::{Client, ClientError, OrchestrationContext, RuntimeOptions, activity, orchestration};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Row};
use tokio::io::AsyncReadExt;

use super::proxy::{Network, Proxy};
use super::server::{Server, fresh_schema};
use super::stage::run;

/// Unless the environment asks for another number.
const ORCHESTRATIONS: u64 = 240;
const SIZE: &str = "DUROXIDE_CHAOS";
const WORKERS: usize = 4;

/// What must have happened, or the run proves nothing.
const RESTARTS: u32 = 8;
const TERMINATED: i64 = 40;
/// Rounds in which somebody was parted from the server and met that; in every third one he is only slowed down.
const PARTITIONS: u32 = 6;

/// So many clients start orchestrations at once.
const STARTERS: u64 = 16;

/// So much longer than the rest, before it is taken for granted that nothing goes on.
const TROUBLE_TAKES: u32 = 4;

/// Longer than what is left when the trouble is over; past it the test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(40);

/// The same, for each of many more orchestrations than usual.
const PATIENCE_EACH: Duration = Duration::from_millis(100);

/// Short, so that work that was lost comes back while the run lasts.
const LEASE: Duration = Duration::from_millis(1_200);

const URL: &str = "DUROXIDE_TEST_WORKER_URL";
const SCHEMA: &str = "DUROXIDE_TEST_WORKER_SCHEMA";
const WRONG: &str = "DUROXIDE_TEST_WORKER_CLOCK_WRONG_MS";

/// By how much the clock of each worker is wrong: one is an hour late, one an hour early.
const WRONG_MS: [i64; WORKERS] = [0, -3_600_000, 0, 3_600_000];

#[activity]
async fn chaos_square(n: u64) -> Result<u64, String> {
    tokio::task::yield_now().await;
    Ok(n * n)
}

#[activity]
async fn chaos_fails(n: u64) -> Result<u64, String> {
    Err(format!("{n} is refused"))
}

#[orchestration]
async fn chaos_child(ctx: OrchestrationContext, n: u64) -> Result<u64, String> {
    ctx.schedule_timer(Duration::from_millis(20)).await;
    Ok(chaos_square::call(&ctx, n).await? + 1)
}

/// Where an orchestration is: which one, in which of its executions, and what it came to so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Round {
    n: u64,
    round: u64,
    sum: u64,
}

/// Fans out, sleeps, calls a child, keeps values, takes a message from its queue, fails and recovers, and begins again
/// twice.
#[orchestration]
async fn chaos_sink(ctx: OrchestrationContext, at: Round) -> Result<u64, String> {
    let Round { n, round, sum } = at;
    let calls = (0..4).map(|i| chaos_square::call(&ctx, n + i).into_future()).collect();
    let mut sum = sum;
    for square in ctx.join(calls).await {
        sum += square?;
    }
    ctx.set_kv_value(format!("round {round}"), sum.to_string());
    ctx.schedule_timer(sleep_of(n)).await;
    if chaos_fails::call(&ctx, n).await.is_ok() {
        return Err("an activity that always fails worked".to_owned());
    }
    sum += chaos_child::call(&ctx, n).await?;
    let message: u64 = ctx.dequeue_event("inbox").await.parse().map_err(|_| "not a number".to_owned())?;
    sum += message;
    if round < 2 {
        ctx.continue_as_new_typed(&Round { n, round: round + 1, sum }).await?;
    }
    Ok(sum)
}

/// How long each execution of an orchestration sleeps: some so long that one who is early is not late again by his work.
fn sleep_of(n: u64) -> Duration {
    Duration::from_millis(if n % 20 == 3 { 3_000 } else { 10 * (n % 7) })
}

/// What [`chaos_sink`] comes to.
fn model(n: u64) -> u64 {
    let squares: u64 = (0..4).map(|i| (n + i) * (n + i)).sum();
    let child = n * n + 1;
    (0..3).map(|round| squares + child + message(n, round)).sum()
}

/// A message for each round; were one doubled or lost, the sums would tell.
fn message(n: u64, round: u64) -> u64 {
    1_000 * (n + 1) + 7u64.pow(u32::try_from(round).expect("three rounds"))
}

/// Not a test: what the worker processes of the test below run. Without its URL it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_process() {
    let (Ok(url), Ok(schema)) = (std::env::var(URL), std::env::var(SCHEMA)) else {
        return;
    };
    let wrong_ms = std::env::var(WRONG).ok().and_then(|ms| ms.parse().ok()).expect("the test says it");
    duroxide::runtime::test_hooks::set_clock_wrong(wrong_ms);
    let store = loop {
        let options = PostgresOptions::default().schema(&schema);
        if let Ok(store) = PostgresProvider::connect_with(&url, options).await {
            break Arc::new(store);
        }
    };
    let options = RuntimeOptions {
        orchestrator_lock_timeout: LEASE,
        worker_lock_timeout: LEASE,
        max_attempts: u32::MAX,
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::builder(store).options(options).discover().expect("the handlers fit together");
    let _runtime = runtime.start().await.expect("the runtime starts");
    // Until the test closes the other end, or ends.
    let mut end = Vec::new();
    let _ = tokio::io::stdin().read_to_end(&mut end).await;
}

/// A worker process; killed when dropped.
struct Worker(Child);

impl Worker {
    fn start(url: &str, schema: &str, wrong_ms: i64) -> Worker {
        let child = Command::new(std::env::current_exe().expect("a test has a file"))
            .args(["postgres::chaos::a_worker_process", "--exact", "--nocapture"])
            .env(URL, url)
            .env(SCHEMA, schema)
            .env(WRONG, wrong_ms.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Worker(child.expect("the test starts once more"))
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.0.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{name}");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server, the network, the workers, and what was done to them.
struct Scene {
    server: Server,
    schema: String,
    proxies: Vec<Proxy>,
    workers: Vec<Worker>,
    store: Arc<PostgresProvider>,
    terminated: i64,
    partitions: u32,
}

impl Scene {
    async fn set() -> Scene {
        let server = tokio::task::spawn_blocking(Server::start).await.expect("it starts");
        let schema = fresh_schema();
        let options = PostgresOptions::default().schema(&schema);
        let store = PostgresProvider::connect_with(&server.url(), options).await.expect("the server is up");
        note_timers(&store).await;
        let mut proxies = Vec::new();
        for _ in 0..WORKERS {
            proxies.push(Proxy::before(server.port()).await);
        }
        let mut scene = Scene {
            server,
            schema,
            proxies,
            workers: Vec::new(),
            store: Arc::new(store),
            terminated: 0,
            partitions: 0,
        };
        scene.workers = (0..WORKERS).map(|who| scene.worker(who)).collect();
        scene
    }

    fn worker(&self, who: usize) -> Worker {
        Worker::start(&self.server.url_at(self.proxies[who].port()), &self.schema, WRONG_MS[who])
    }

    /// One round of mischief; each round does everything, to another worker.
    async fn trouble(&mut self, round: usize) {
        let who = |offset: usize| (round + offset) % WORKERS;
        // A kill in the middle of work, and somebody else who stops past the ends of its leases.
        self.workers[who(0)] = self.worker(who(0));
        self.workers[who(1)].signal("STOP");
        let parted = self.proxies[who(2)].parted();
        self.proxies[who(2)]
            .set([Network::HalfOpen, Network::Cut, Network::Slow(Duration::from_millis(30))][round % 3]);
        self.terminate_everybody().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.terminate_everybody().await;
        tokio::time::sleep(LEASE.saturating_sub(Duration::from_millis(300))).await;
        self.partitions += u32::from(self.proxies[who(2)].parted() > parted);
        self.proxies[who(2)].set(Network::Well);
        self.workers[who(1)].signal("CONT");
        self.server.restart_immediately();
    }

    /// Ends the sessions of all workers, and of this process.
    async fn terminate_everybody(&mut self) {
        let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name = 'duroxide' AND pid <> pg_backend_pid()";
        self.terminated += counted(&self.store, terminate).await;
    }
}

/// Whether the server took a call. A refusal that says "try again" changed nothing, so that it is repeated.
fn is_taken<T, E: std::fmt::Display>(outcome: Result<T, E>, is_retryable: fn(&E) -> bool) -> bool {
    match outcome {
        Ok(_) => true,
        Err(error) if is_retryable(&error) => false,
        Err(error) => panic!("{error}"),
    }
}

fn size() -> u64 {
    match std::env::var(SIZE) {
        Ok(size) => size.parse().unwrap_or_else(|_| panic!("{SIZE}: expected a number, found {size}")),
        Err(_) => ORCHESTRATIONS,
    }
}

/// One after the other, an orchestration is a second of trouble, and thousands would be started for longer than they run.
async fn start_all(client: Client, size: u64) {
    let starters: Vec<_> = (0..STARTERS).map(|first| tokio::spawn(start_some(client.clone(), first, size))).collect();
    for starter in starters {
        starter.await.expect("it starts its share");
    }
}

/// Every so many-th orchestration, with its three messages.
async fn start_some(client: Client, first: u64, size: u64) {
    for n in (first..size).step_by(STARTERS as usize) {
        let id = format!("chaos-{n}");
        let begin = Round { n, round: 0, sum: 0 };
        while !is_taken(chaos_sink::start(&client, &id, begin.clone()).await, StartError::is_retryable) {}
        for round in 0..3 {
            let sent = message(n, round).to_string();
            while !is_taken(client.enqueue_event(&id, "inbox", sent.clone()).await, ClientError::is_retryable) {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_the_outcomes_are_the_models() {
    let mut scene = Scene::set().await;
    let client = Client::new(scene.store.clone());
    let size = size();
    let patience = PATIENCE + PATIENCE_EACH * u32::try_from(size).expect("not that many");
    let starting = tokio::spawn(start_all(client.clone(), size));
    let mut rounds = 0;
    let trouble = async {
        while rounds < RESTARTS
            || scene.partitions < PARTITIONS
            || !starting.is_finished()
            || ended(&scene.store).await < size
        {
            scene.trouble(usize::try_from(rounds).expect("few")).await;
            rounds += 1;
        }
    };
    tokio::time::timeout(TROUBLE_TAKES * patience, trouble).await.expect("work goes on while there is trouble");
    starting.await.expect("everything is started");
    println!(
        "{size} orchestrations, {rounds} rounds of trouble, {} backends terminated, {} partitions met, {} executions ended meanwhile",
        scene.terminated,
        scene.partitions,
        ended(&scene.store).await
    );
    for n in 0..size {
        let ended = client.wait_for_orchestration_typed::<u64>(&format!("chaos-{n}"), patience).await;
        match ended {
            Ok(ended) => assert_eq!(ended, Ok(model(n)), "chaos-{n}"),
            Err(error) => panic!("chaos-{n}: {error}; {}", scene.store.debug_dump().await),
        }
    }
    assert!(scene.terminated >= TERMINATED, "{} backends were terminated", scene.terminated);
    assert!(scene.partitions >= PARTITIONS, "{} partitions were met", scene.partitions);
    nothing_is_left(&scene.store).await;
    nothing_was_early(&scene.store, size).await;
    histories_are_sound(&scene.store, size).await;
}

/// How many executions of the orchestrations came to their end so far.
async fn ended(store: &PostgresProvider) -> u64 {
    let ended = "SELECT count(*) FROM @.executions WHERE instance_id ~ '^chaos-[0-9]+$' AND status <> 'Running'";
    counted(store, ended).await.unsigned_abs()
}

/// The number that the database answers with; `@` is the schema. Asked again while sessions are ended.
async fn counted(store: &PostgresProvider, sql: &str) -> i64 {
    let sql = sql.replace('@', store.schema());
    let mut last = None;
    for _ in 0..50 {
        let asked = sqlx::query(AssertSqlSafe(sql.clone())).fetch_one(store.get_pool()).await;
        match asked.and_then(|row| row.try_get::<i64, _>(0)) {
            Ok(number) => return number,
            Err(error) => last = Some(error),
        }
    }
    panic!("{sql}: {last:?}");
}

/// No row in any queue, no lease, nothing set aside.
async fn nothing_is_left(store: &PostgresProvider) {
    for table in ["orchestrator_queue", "worker_queue", "quarantine"] {
        let sql = format!("SELECT count(*) FROM @.{table}");
        let mut left = 1;
        // The last turn of a child may be on its way when its parent has ended.
        for _ in 0..200 {
            left = counted(store, &sql).await;
            if left == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(left, 0, "{table}: {}", store.debug_dump().await);
    }
}

/// Has the database note, by its own clock, when each timer enters a history: events have the clocks of workers.
async fn note_timers(store: &PostgresProvider) {
    let sql = r#"
        CREATE TABLE @.fired (instance_id TEXT, due_ms BIGINT, fired_ms BIGINT);
        CREATE FUNCTION @.note_timer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO @.fired VALUES (NEW.instance_id,
                (regexp_match(NEW.event_data, '"fire_at_ms":([0-9]+)'))[1]::BIGINT,
                floor(extract(epoch FROM clock_timestamp()) * 1000));
            RETURN NULL;
        END $$;
        CREATE TRIGGER note_timer AFTER INSERT ON @.history FOR EACH ROW
            WHEN (NEW.event_type = 'TimerFired') EXECUTE FUNCTION @.note_timer()"#;
    run(store, sql).await;
}

/// Each timer fired once, and not before it was due, whoever's clock was wrong by an hour.
async fn nothing_was_early(store: &PostgresProvider, size: u64) {
    const HOUR_MS: i64 = 3_600_000;
    let sql = format!("SELECT instance_id, fired_ms - due_ms FROM {}.fired", store.schema());
    let timers = sqlx::query(AssertSqlSafe(sql)).fetch_all(store.get_pool()).await.expect("a read");
    assert_eq!(timers.len() as u64, 6 * size, "each of three executions has one, and so has its child");
    for row in timers {
        let (id, apart_ms): (String, i64) = (row.get(0), row.get(1));
        // When it was due is told by the clock of whoever asked for it, which is right, or wrong by an hour.
        let late_ms = (apart_ms + HOUR_MS / 2).rem_euclid(HOUR_MS) - HOUR_MS / 2;
        assert!(late_ms >= 0, "{id}: a timer fired {late_ms} ms after it was due");
    }
}

/// Ids ascend, each schedule is answered once, and one event ends each execution.
async fn histories_are_sound(store: &PostgresProvider, size: u64) {
    let admin = store.as_management_capability().expect("it is manageable");
    for n in 0..size {
        for execution in admin.list_executions(&format!("chaos-{n}")).await.expect("a read") {
            let history = store.read_with_execution(&format!("chaos-{n}"), execution).await.expect("a read");
            let ids: Vec<u64> = history.iter().map(|event| event.event_id).collect();
            assert!(ids.is_sorted_by(|one, next| one < next), "chaos-{n}/{execution}: {ids:?}");
            let mut answered: Vec<u64> = history
                .iter()
                .filter(|event| !matches!(event.kind, EventKind::QueueEventDelivered { .. }))
                .filter_map(|event| event.source_event_id)
                .collect();
            let answers = answered.len();
            answered.sort_unstable();
            answered.dedup();
            assert_eq!(answered.len(), answers, "chaos-{n}/{execution}: an answer twice");
            assert_eq!(history.iter().filter(|event| event.is_terminal()).count(), 1, "chaos-{n}/{execution}");
        }
    }
}
