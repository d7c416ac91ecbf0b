//! A store is moved with everything in flight, and the work goes on where it is.

mod flows;
mod refusals;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::traces::TraceContext;
use duroxide::providers::transfer::Table;
use duroxide::providers::{Provider, TraceProvider};
use duroxide::runtime::Runtime;
use duroxide::transfer::{Phase, TransferError, TransferReport};
use duroxide::{Client, OrchestrationStatus};

use crate::postgres::server::{Server, fresh_schema};

/// Longer than anything here takes; past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// An instance that is about to be started, and its trace.
const LATER: &str = "later";

fn trace() -> TraceContext {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    TraceContext::new(parent, Some("vendor=1")).expect("it is made by the rules")
}

fn traces(store: &Arc<dyn Provider>) -> &dyn TraceProvider {
    store.as_trace_capability().expect("it keeps traces")
}

/// Where a store is, so that it can be opened again.
#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    Schema(String),
}

impl Place {
    fn file(folder: &Path, name: &str) -> Place {
        Place::File(folder.join(name))
    }

    fn schema() -> Place {
        Place::Schema(fresh_schema())
    }

    async fn try_open(&self) -> Result<Arc<dyn Provider>, String> {
        match self {
            Place::File(path) => {
                let opened = SqliteProvider::open(path).await;
                opened.map(|store| Arc::new(store) as Arc<dyn Provider>).map_err(|error| error.to_string())
            }
            Place::Schema(schema) => {
                let options = PostgresOptions::default().schema(schema);
                let opened = PostgresProvider::connect_with(&Server::shared().url(), options).await;
                opened.map(|store| Arc::new(store) as Arc<dyn Provider>).map_err(|error| error.to_string())
            }
        }
    }

    async fn open(&self) -> Arc<dyn Provider> {
        self.try_open().await.expect("it opens")
    }
}

async fn run(store: &Arc<dyn Provider>) -> Arc<Runtime> {
    let runtime = Runtime::builder(store.clone()).discover().expect("the handlers fit together");
    runtime.start().await.expect("the runtime starts")
}

/// Moves everything, as soon as the leases of those who were killed are over.
async fn moved(from: &Place, to: &Place) -> TransferReport {
    let (from, to) = (from.open().await, to.open().await);
    loop {
        match duroxide::transfer(&*from, &*to).batch(500).await {
            Err(TransferError::SourceBusy { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            ended => return ended.expect("nobody is in the way"),
        }
    }
}

async fn ended(store: &dyn Provider) -> u64 {
    let admin = store.as_management_capability().expect("it is manageable");
    admin.get_system_metrics().await.expect("a read").completed_instances
}

/// Starts so many, and kills the workers in the middle: with activities, turns and timers under way.
async fn half_done(place: &Place, count: u64) {
    let store = place.open().await;
    let client = Client::new(store.clone());
    traces(&store).keep_traces(&[(LATER.to_owned(), trace())]).await.expect("contexts are kept");
    let runtime = run(&store).await;
    for n in 0..count {
        flows::start(&client, n).await;
        // A third has all that it needs, a third nothing, and a third waits for its last event.
        if n % 3 > 0 {
            flows::feed(&client, n).await;
        }
        if n % 3 == 1 {
            flows::let_go(&client, n).await;
        }
    }
    while ended(&*store).await < count / 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    runtime.shutdown(Some(0)).await;
}

/// Runs what is there to its end.
async fn finished(place: &Place, count: u64) {
    let store = place.open().await;
    assert_eq!(traces(&store).read_trace(LATER).await.expect("a read"), Some(trace()), "it moved along");
    let client = Client::new(store.clone());
    let runtime = run(&store).await;
    for n in (0..count).step_by(3) {
        flows::feed(&client, n).await;
    }
    for n in (0..count).filter(|n| n % 3 != 1) {
        flows::let_go(&client, n).await;
    }
    for n in 0..count {
        let outcome = client.wait_for_orchestration_typed::<u64>(&flows::id(n), PATIENCE).await;
        let outcome = outcome.unwrap_or_else(|error| panic!("move-{n}: {error}"));
        assert_eq!(outcome, Ok(flows::model(n)), "move-{n}");
        let OrchestrationStatus::Completed { custom_status, .. } =
            client.get_orchestration_status(&flows::id(n)).await.expect("a read")
        else {
            panic!("move-{n} is not completed");
        };
        assert_eq!(custom_status.as_deref(), Some(if n % 3 == 1 { "leg 1" } else { "waits" }), "move-{n}");
    }
    runtime.shutdown(None).await;
    nothing_is_left(&*store).await;
}

async fn nothing_is_left(store: &dyn Provider) {
    let admin = store.as_management_capability().expect("it is manageable");
    let depths = admin.get_queue_depths().await.expect("a read");
    assert_eq!((depths.orchestrator_queue, depths.worker_queue), (0, 0));
}

async fn in_flight(from: Place, to: Place, count: u64) {
    half_done(&from, count).await;
    let report = moved(&from, &to).await;
    assert!(report.tables.iter().any(|table| table.table.name() == "orchestrator_queue" && table.rows > 0), "{report}");
    let refusal = from.try_open().await.err().expect("it was moved");
    assert_eq!(refusal, format!("this store was moved to {}; open that one", report.to));
    finished(&to, count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_in_flight_go_from_sqlite_to_postgres() {
    let folder = tempfile::tempdir().unwrap();
    in_flight(Place::file(folder.path(), "from.db"), Place::schema(), 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_flight_goes_from_postgres_to_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    in_flight(Place::schema(), Place::file(folder.path(), "to.db"), 300).await;
}

/// There and back again, killed behind each batch: at the end the rows are those of the beginning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_behind_each_batch_it_goes_on_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let (first, middle, last) =
        (Place::file(folder.path(), "first.db"), Place::schema(), Place::file(folder.path(), "last.db"));
    half_done(&first, 24).await;
    let there = moved_with_kills(&first, &middle).await;
    let back = moved_with_kills(&middle, &last).await;
    assert_eq!(there.tables, back.tables, "counts and digests");
    finished(&last, 24).await;
}

/// Each attempt gets one batch further; its stores are dropped with it, as by a kill.
async fn moved_with_kills(from: &Place, to: &Place) -> TransferReport {
    let mut kills = 0;
    loop {
        let (from, to) = (from.open().await, to.open().await);
        let (told, mut batches) = tokio::sync::mpsc::unbounded_channel();
        let transfer = duroxide::transfer(&*from, &*to).batch(40).progress(move |at| {
            if at.phase == Phase::Copying {
                let _ = told.send(at.rows_done);
            }
        });
        tokio::select! {
            biased;
            Some(_) = batches.recv() => kills += 1,
            ended = transfer => match ended {
                Err(TransferError::SourceBusy { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
                ended => {
                    assert!(kills >= 10, "{kills} kills");
                    return ended.expect("nobody is in the way");
                }
            },
        }
    }
}

/// What is not carried, because it is a lease or belongs to one store alone. A column that is new, and in neither list, would
/// be lost by every transfer.
const LEFT_TABLES: &[&str] = &["store", "instance_locks", "commits", "nodes", "workers"];
const LEFT_COLUMNS: &[&str] = &["lock_token", "locked_until", "owner", "fence"];
/// What follows from others that are carried.
const FOLLOWS: &[(&str, &str)] = &[("instances", "status")];

#[tokio::test]
async fn every_column_of_postgres_is_carried_or_left_for_a_reason() {
    let options = PostgresOptions::default().schema(fresh_schema());
    let store = PostgresProvider::connect_with(&Server::shared().url(), options).await.unwrap();
    let columns = "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = $1";
    let columns: Vec<(String, String)> =
        sqlx::query_as(columns).bind(store.schema().to_owned()).fetch_all(store.get_pool()).await.unwrap();
    assert!(columns.len() > 60, "{columns:?}");
    let is_left = |table: &str, column: &str| LEFT_TABLES.contains(&table) || FOLLOWS.contains(&(table, column));
    for (table, column) in columns.iter().filter(|(table, column)| !is_left(table, column)) {
        let carried = Table::ALL.into_iter().find(|carried| carried.name() == table);
        let carried = carried.unwrap_or_else(|| panic!("table {table} is neither carried nor left"));
        let is_carried = carried.columns().iter().any(|carried| carried.name == column);
        assert!(is_carried || LEFT_COLUMNS.contains(&column.as_str()), "{table}.{column} is neither carried nor left");
    }
}
