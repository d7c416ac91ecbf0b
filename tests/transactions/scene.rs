//! A ledger in the database that holds the store, and an activity that writes into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::providers::postgres::{PgTransaction, PostgresProvider};
use duroxide::runtime::Runtime;
use duroxide::{ActivityContext, CallError, Client, OrchestrationContext, activity, orchestration};
use sqlx::AssertSqlSafe;

use super::stage::{PATIENCE, number, run};

/// What happens to the activity between its write and its end; what ends its connection or its lease does so once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Well,
    Fails,
    Panics,
    LosesItsLease,
    LosesItsConnection,
    BreaksAConstraint,
    PassesOverAnError,
    CommitsByItself,
}

/// What the activity is given.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) store: Arc<PostgresProvider>,
    how: How,
    runs: Arc<AtomicU32>,
}

#[activity(transaction)]
pub(crate) async fn book(
    ctx: ActivityContext,
    tx: &mut PgTransaction<'_>,
    #[state] scene: Scene,
    cents: i64,
) -> Result<i64, String> {
    let is_first = scene.runs.fetch_add(1, Ordering::Relaxed) == 0;
    scene.write(tx, cents).await?;
    match scene.how {
        How::Well => {}
        How::Fails => return Err("no credit".to_owned()),
        How::Panics => panic!("no credit"),
        How::LosesItsLease if is_first => run(&scene.store, "UPDATE @.worker_queue SET locked_until = 0").await,
        How::LosesItsConnection if is_first => {
            let own = sqlx::query_scalar::<_, i32>("SELECT pg_backend_pid()").fetch_one(&mut **tx).await.unwrap();
            run(&scene.store, &format!("SELECT pg_terminate_backend({own})")).await;
            scene.write(tx, cents + 1).await?;
        }
        How::LosesItsLease | How::LosesItsConnection => {}
        How::BreaksAConstraint => scene.write(tx, cents).await?,
        How::PassesOverAnError => drop(sqlx::query("SELECT 1 / 0").execute(&mut **tx).await),
        How::CommitsByItself => drop(sqlx::raw_sql("COMMIT").execute(&mut **tx).await.unwrap()),
    }
    ctx.trace_info("booked");
    Ok(cents)
}

#[orchestration]
pub(crate) async fn booking(ctx: OrchestrationContext, cents: i64) -> Result<i64, String> {
    Ok(book::call(&ctx, cents).await?)
}

/// What became of one booking.
pub(crate) struct Outcome {
    pub(crate) result: Result<i64, CallError<String>>,
    /// Rows of the ledger.
    pub(crate) booked: i64,
    /// How often the activity was begun.
    pub(crate) runs: u32,
}

impl Scene {
    pub(crate) async fn on(store: Arc<PostgresProvider>, how: How) -> Scene {
        run(&store, "CREATE TABLE @.ledger (cents BIGINT NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED)").await;
        Scene { store, how, runs: Arc::default() }
    }

    pub(crate) async fn set(how: How) -> Scene {
        Scene::on(super::stage::store().await, how).await
    }

    pub(crate) async fn write(&self, tx: &mut PgTransaction<'_>, cents: i64) -> Result<(), String> {
        let insert = format!("INSERT INTO {}.ledger VALUES ($1)", self.store.schema());
        let written = sqlx::query(AssertSqlSafe(insert)).bind(cents).execute(&mut **tx).await;
        written.map(drop).map_err(|error| error.to_string())
    }

    pub(crate) fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }

    pub(crate) async fn booked(&self) -> i64 {
        number(&self.store, "SELECT count(*) FROM @.ledger").await
    }

    /// One booking, from its start to its end, with this store around the one of the ledger.
    pub(crate) async fn book_on(&self, store: Arc<dyn Provider>) -> Outcome {
        let runtime = self.runtime(store.clone()).await;
        let handle = booking::start(&Client::new(store), "b-1", 4_711).await.unwrap();
        let result = handle.wait(PATIENCE).await;
        runtime.shutdown(Some(1_000)).await;
        Outcome { result, booked: self.booked().await, runs: self.runs() }
    }

    pub(crate) async fn book(&self) -> Outcome {
        self.book_on(self.store.clone()).await
    }

    pub(crate) async fn runtime(&self, store: Arc<dyn Provider>) -> Arc<Runtime> {
        let runtime = Runtime::builder(store).state(self.clone()).register::<book>().register::<booking>();
        runtime.start().await.unwrap()
    }
}

/// Waits a little, for conditions that nobody signals.
pub(crate) async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}
