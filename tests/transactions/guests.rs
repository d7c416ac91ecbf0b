//! Starts and signals in users' transactions: both or neither happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use duroxide::providers::encoded::{CodecError, Encoded, PayloadCodec};
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::transaction::TransactionError;
use duroxide::providers::{Provider, instrumented::InstrumentedProvider};
use duroxide::runtime::limits::Limits;
use duroxide::runtime::{OrchestrationStatus, Runtime};
use duroxide::typed::StartError;
use duroxide::{
    ActivityContext, Client, OrchestrationContext, RuntimeOptions, activity, event, orchestration, transfer,
};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgTransaction};

use super::scene::a_moment;
use super::server::{Server, fresh_schema};
use super::stage::{PATIENCE, number, run, store, until};

#[event(name = "paid")]
#[derive(Debug, Serialize, Deserialize)]
struct Paid {
    cents: u64,
}

/// Waits for what was paid, and adds what is in its queue.
#[orchestration]
async fn order(ctx: OrchestrationContext, number: u64) -> Result<u64, String> {
    ctx.set_custom_status("waits");
    let paid = ctx.wait::<Paid>().await;
    let tip = ctx.queue::<Paid>().await;
    Ok(number + paid.cents + tip.cents)
}

#[orchestration]
async fn other(_ctx: OrchestrationContext, number: u64) -> Result<u64, String> {
    Ok(number)
}

/// An activity starts what is then there exactly once, with its completion.
#[activity(transaction)]
async fn hand_on(ctx: ActivityContext, tx: &mut PgTransaction<'_>, id: String) -> Result<String, String> {
    ctx.get_client().start_in(tx, id.as_str(), "other", "7").await.map_err(|error| error.to_string())?;
    Ok(id)
}

#[orchestration]
async fn hands_on(ctx: OrchestrationContext, id: String) -> Result<String, String> {
    Ok(hand_on::call(&ctx, id).await?)
}

/// Polls so rarely that only a wake-up brings anything.
async fn sleepy_runtime(store: Arc<dyn Provider>) -> Arc<Runtime> {
    let options =
        RuntimeOptions { dispatcher_min_poll_interval: Duration::from_secs(600), ..RuntimeOptions::default() };
    let runtime = Runtime::builder(store).options(options);
    let runtime = runtime.register::<order>().register::<other>().register::<hand_on>().register::<hands_on>();
    runtime.start().await.unwrap()
}

async fn begin(store: &PostgresProvider) -> PgTransaction<'static> {
    store.get_pool().begin().await.unwrap()
}

async fn write(store: &PostgresProvider, tx: &mut PgTransaction<'_>) {
    let insert = format!("INSERT INTO {}.orders VALUES (1)", store.schema());
    sqlx::query(AssertSqlSafe(insert)).execute(&mut **tx).await.unwrap();
}

async fn with_orders() -> Arc<PostgresProvider> {
    let store = store().await;
    run(&store, "CREATE TABLE @.orders (id BIGINT)").await;
    store
}

async fn until_it_waits(client: &Client, id: &str) {
    client.wait_for_status_change(id, 0, Duration::from_millis(10), PATIENCE).await.unwrap();
}

#[tokio::test]
async fn an_order_and_its_orchestration_are_there_together_or_not_at_all() {
    let store = with_orders().await;
    let client = Client::new(store.clone());
    for is_kept in [false, true] {
        let mut tx = begin(&store).await;
        write(&store, &mut tx).await;
        client.start_in(&mut tx, "o-1", "other", "7").await.unwrap();
        client.start_versioned_in(&mut tx, "o-2", "other", "1.0.0", "8").await.unwrap();
        client.raise_in(&mut tx, "o-1", "paid", "1").await.unwrap();
        client.enqueue_in(&mut tx, "o-1", "tips", "1").await.unwrap();
        assert_eq!(number(&store, "SELECT count(*) FROM @.orchestrator_queue").await, 0, "nobody sees it yet");
        if is_kept {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
        let rows = "SELECT (SELECT count(*) FROM @.orders) * 10 + (SELECT count(*) FROM @.orchestrator_queue)";
        assert_eq!(number(&store, rows).await, if is_kept { 14 } else { 0 });
    }
    let runtime = sleepy_runtime(store.clone()).await;
    for (id, output) in [("o-1", "7"), ("o-2", "8")] {
        let ended = client.wait_for_orchestration(id, PATIENCE).await.unwrap();
        assert!(matches!(&ended, OrchestrationStatus::Completed { output: found, .. } if found == output), "{ended:?}");
    }
    runtime.shutdown(Some(1_000)).await;
}

/// And whoever waits for work is woken by the commit.
#[tokio::test]
async fn typed_starts_and_signals_work_in_a_transaction() {
    let store = with_orders().await;
    let runtime = sleepy_runtime(store.clone()).await;
    let client = Client::new(store.clone());

    let mut tx = begin(&store).await;
    let handle = order::start(&client, "o-1", 100).within(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    until_it_waits(&client, "o-1").await;

    let mut tx = begin(&store).await;
    handle.raise_in(&mut tx, Paid { cents: 10 }).await.unwrap();
    handle.enqueue_in(&mut tx, Paid { cents: 1 }).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), 111);
    runtime.shutdown(Some(1_000)).await;
}

#[tokio::test]
async fn an_activity_starts_others_in_its_transaction() {
    let store = with_orders().await;
    let runtime = sleepy_runtime(store.clone()).await;
    let client = Client::new(store.clone());
    let handle = hands_on::start(&client, "h-1", "o-1".to_owned()).await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), "o-1");
    assert_eq!(other::attach(&client, "o-1").wait(PATIENCE).await.unwrap(), 7);
    runtime.shutdown(Some(1_000)).await;
}

#[tokio::test]
async fn a_start_is_compared_with_what_its_id_stands_for() {
    let store = with_orders().await;
    let client = Client::new(store.clone());
    let mut tx = begin(&store).await;
    order::start(&client, "o-1", 1).within(&mut tx).await.unwrap();
    order::start(&client, "o-1", 1).within(&mut tx).await.expect("the same again");
    let input = order::start(&client, "o-1", 2).within(&mut tx).await.unwrap_err();
    assert!(matches!(input, StartError::OtherInput { .. }), "{input:?}");
    let name = other::start(&client, "o-1", 1).within(&mut tx).await.unwrap_err();
    assert!(matches!(name, StartError::OtherOrchestration { .. }), "{name:?}");
    tx.commit().await.expect("what was refused spoils nothing");
    assert_eq!(number(&store, "SELECT count(*) FROM @.orchestrator_queue").await, 1);
    order::start(&client, "o-1", 1).await.expect("and so outside of a transaction");
    assert!(order::start(&client, "o-1", 2).await.is_err());
}

/// Whoever starts the same id waits until it is known what the first transaction came to.
#[tokio::test]
async fn a_start_waits_for_one_that_is_not_committed() {
    for is_kept in [true, false] {
        let store = with_orders().await;
        let client = Client::new(store.clone());
        let mut tx = begin(&store).await;
        order::start(&client, "o-1", 1).within(&mut tx).await.unwrap();
        let second = tokio::spawn({
            let client = client.clone();
            async move { order::start(&client, "o-1", 2).await.is_ok() }
        });
        let waits = format!(
            "SELECT LEAST(count(*), 1) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'
                 AND classid::bigint = (hashtext('duroxide start in {}')::bigint & 4294967295)",
            store.schema()
        );
        until(&store, &waits, 1).await;
        if is_kept {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
        assert_eq!(second.await.unwrap(), !is_kept, "refused if the first one is there");
        assert_eq!(number(&store, "SELECT count(*) FROM @.orchestrator_queue").await, 1);
    }
}

/// A transaction of another database of the same server, in which a store may have the same schema.
async fn elsewhere(schema: Option<&str>) -> PgConnection {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("elsewhere_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let here = store().await;
    run(&here, &format!("CREATE DATABASE {name}")).await;
    let url = Server::shared().url().replace("/postgres", &format!("/{name}"));
    if let Some(schema) = schema {
        let there = PostgresProvider::connect_with(&url, PostgresOptions::default().schema(schema)).await.unwrap();
        // What has the same id there is not what is meant.
        order::start(&Client::new(Arc::new(there)), "o-1", 1).await.unwrap();
    }
    PgConnection::connect(&url).await.unwrap()
}

#[tokio::test]
async fn a_transaction_of_another_database_is_refused_and_goes_on() {
    let schema = fresh_schema();
    let options = PostgresOptions::default().schema(&schema);
    let store = Arc::new(PostgresProvider::connect_with(&Server::shared().url(), options).await.unwrap());
    let client = Client::new(store);
    for same_schema in [None, Some(schema.as_str())] {
        let mut connection = elsewhere(same_schema).await;
        let mut tx = connection.begin().await.unwrap();
        let refused = client.raise_in(&mut tx, "o-1", "paid", "1").await.unwrap_err();
        let TransactionError::OtherStore { expected, found } = &refused else { panic!("{refused:?}") };
        assert!(expected.contains(&schema) && expected.contains("`postgres`"), "{expected}");
        assert!(found.contains("`elsewhere_"), "{found}");
        assert!(!refused.is_retryable());
        let refused = order::start(&client, "o-1", 1).within(&mut tx).await.unwrap_err();
        assert!(matches!(refused, StartError::Transaction(TransactionError::OtherStore { .. })), "{refused:?}");
        sqlx::query("CREATE TABLE kept (id BIGINT)").execute(&mut *tx).await.expect("it is not spoilt");
        tx.commit().await.unwrap();
    }
}

/// A transaction that saw the store before it was closed writes into it all the same, unless it is kept from that.
#[tokio::test]
async fn a_store_that_is_moved_takes_nothing_from_older_transactions() {
    for isolation in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        let store = with_orders().await;
        let target = SqliteProvider::new_in_memory().await.unwrap();
        let client = Client::new(store.clone());
        order::start(&client, "o-0", 1).await.unwrap();
        let mut olds = Vec::new();
        for _ in 0..2 {
            let mut old = begin(&store).await;
            let set = format!("SET TRANSACTION ISOLATION LEVEL {isolation}");
            sqlx::query(AssertSqlSafe(set)).execute(&mut *old).await.unwrap();
            let tables = "SELECT count(*) FROM pg_tables";
            sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut *old).await.unwrap();
            olds.push(old);
        }
        transfer(&*store, &target).await.unwrap();
        let mut old = olds.pop().unwrap();
        let refused = client.raise_in(&mut old, "o-0", "paid", "1").await.expect_err(isolation);
        assert!(refused.to_string().contains("this store is closed"), "{isolation}: {refused}");
        let mut old = olds.pop().unwrap();
        let refused = client.start_in(&mut old, "o-1", "other", "1").await.expect_err(isolation);
        assert!(refused.to_string().contains("this store is closed"), "{isolation}: {refused}");
        drop(old);
        assert_eq!(number(&store, "SELECT count(*) FROM @.orchestrator_queue").await, 1, "{isolation}");
    }
}

#[tokio::test]
async fn a_store_without_transactions_says_so() {
    let store = with_orders().await;
    let sqlite = SqliteProvider::new_in_memory().await.unwrap();
    let stores: [(Arc<dyn Provider>, &str); 2] =
        [(Arc::new(MemoryProvider::new()), "memory"), (Arc::new(sqlite), "sqlite")];
    for (without, name) in stores {
        let mut tx = begin(&store).await;
        let refused = Client::new(without).start_in(&mut tx, "o-1", "order", "1").await.unwrap_err();
        let TransactionError::NoTransactions { store: found } = &refused else { panic!("{refused:?}") };
        assert!(found.contains(name), "{refused}");
        write(&store, &mut tx).await;
        tx.commit().await.unwrap();
    }
    assert_eq!(number(&store, "SELECT count(*) FROM @.orders").await, 2);
}

#[tokio::test]
async fn arguments_are_checked_as_ever() {
    let store = with_orders().await;
    let mut limits = Limits::default();
    limits.queue_depth = 2;
    let client = Client::new(store.clone()).with_limits(limits);
    let mut tx = begin(&store).await;
    let reserved = client.start_in(&mut tx, "a::sub::b", "order", "1").await;
    assert!(matches!(reserved, Err(TransactionError::InvalidInput { .. })), "{reserved:?}");
    for _ in 0..2 {
        client.enqueue_in(&mut tx, "o-1", "tips", "1").await.unwrap();
    }
    let full = client.enqueue_in(&mut tx, "o-1", "tips", "1").await.unwrap_err();
    assert!(full.is_retryable() && full.to_string().contains("expected fewer than 2"), "{full}");
    tx.commit().await.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM @.orchestrator_queue").await, 2);
}

/// Backwards, and an answer that differs each time, as that of a cipher would.
#[derive(Default)]
struct Salted(AtomicU32);

impl PayloadCodec for Salted {
    fn encode(&self, payload: &str) -> Result<String, CodecError> {
        let salt = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(format!("{salt}~{}", payload.chars().rev().collect::<String>()))
    }

    fn decode(&self, stored: &str) -> Result<String, CodecError> {
        let (_, stored) = stored.split_once('~').ok_or_else(|| CodecError::new("expected a ~, found none"))?;
        Ok(stored.chars().rev().collect())
    }
}

#[tokio::test]
async fn payloads_pass_through_wrappers() {
    let store = with_orders().await;
    let encoded: Arc<dyn Provider> = Arc::new(Encoded::new(store.clone(), Salted::default()));
    let wrapped: Arc<dyn Provider> = Arc::new(InstrumentedProvider::new(encoded, None));
    let client = Client::new(wrapped.clone());
    let mut tx = begin(&store).await;
    let handle = order::start(&client, "o-1", 123_456).within(&mut tx).await.unwrap();
    order::start(&client, "o-1", 123_456).within(&mut tx).await.expect("the same, however it is stored");
    assert!(order::start(&client, "o-1", 1).within(&mut tx).await.is_err());
    handle.enqueue_in(&mut tx, Paid { cents: 777_888 }).await.unwrap();
    tx.commit().await.unwrap();
    let plain =
        "SELECT count(*) FROM @.orchestrator_queue WHERE work_item LIKE '%123456%' OR work_item LIKE '%777888%'";
    assert_eq!(number(&store, plain).await, 0);
    let runtime = sleepy_runtime(wrapped).await;
    until_it_waits(&client, "o-1").await;
    handle.raise(Paid { cents: 1 }).await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), 123_456 + 777_888 + 1);
    runtime.shutdown(Some(1_000)).await;
}

/// Without `LISTEN`, as behind a pooler, it is found by polling.
#[tokio::test]
async fn without_a_session_the_commit_is_seen_all_the_same() {
    let options = PostgresOptions::default().schema(fresh_schema()).session_features(false);
    let store = Arc::new(PostgresProvider::connect_with(&Server::shared().url(), options).await.unwrap());
    let runtime = Runtime::builder(store.clone()).register::<other>().start().await.unwrap();
    let client = Client::new(store.clone());
    let mut tx = begin(&store).await;
    let handle = other::start(&client, "o-1", 7).within(&mut tx).await.unwrap();
    // It goes on looking meanwhile, and finds nothing.
    for _ in 0..20 {
        a_moment().await;
    }
    tx.commit().await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), 7);
    runtime.shutdown(Some(1_000)).await;
}
