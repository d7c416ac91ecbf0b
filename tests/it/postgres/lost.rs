//! Leases of which nobody knows: they go back at once, and are not waited for until they end.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::express::{Commit, Handover, Head};
use duroxide::providers::postgres::PostgresProvider;
use duroxide::providers::{ExecutionMetadata, Provider, TagFilter};

use super::contention::{activity, start};
use super::proxy::{Network, Proxy};
use super::server::{Server, fresh_schema};
use super::stage::{PATIENCE, run, store, store_at, until, until_waited_for};

/// Far longer than the tests wait.
const LEASE: Duration = Duration::from_secs(600);

async fn until_an_activity_is_ready(store: &dyn Provider) {
    let taken = async {
        while store.fetch_work_item(LEASE, Duration::ZERO, None, &TagFilter::DefaultOnly).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.expect("the activity is given back");
}

#[tokio::test]
async fn activities_handed_to_somebody_who_is_gone_are_given_back() {
    let store = store().await;
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let (_, token, _) = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().unwrap();
    let mut other = store.get_pool().begin().await.unwrap();
    let sql = format!("SELECT 1 FROM {}.instance_locks FOR UPDATE", store.schema());
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *other).await.unwrap();

    let own = Arc::clone(&store);
    let committing = tokio::spawn(async move {
        let metadata = ExecutionMetadata { orchestration_name: Some("Order".into()), ..ExecutionMetadata::default() };
        let commit = Commit { execution_id: 1, worker_items: vec![activity("i", 2)], metadata, ..Commit::default() };
        let handover = Handover { max: 1, lock_timeout: LEASE, tags: TagFilter::DefaultOnly };
        let base = Head::of_new(1, 0);
        own.as_express_capability().unwrap().commit_turn(&token, base, commit, handover).await
    });
    until_waited_for(&store, &mut other).await;
    committing.abort();
    assert!(committing.await.unwrap_err().is_cancelled());
    other.rollback().await.unwrap();
    until_an_activity_is_ready(&*store).await;
}

/// Whoever writes to the table waits at its commit until the lock is given back.
async fn commits_wait(store: &PostgresProvider, table: &str, operation: &str, back: &str) {
    let sql = format!(
        "CREATE FUNCTION @.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_advisory_xact_lock_shared(hashtext('{0}')); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER waits AFTER {operation} ON @.{table} DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION @.wait();
         -- Counts statements, whatever becomes of them.
         CREATE SEQUENCE @.seen;
         CREATE FUNCTION @.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM nextval('@.seen'); RETURN NULL; END $$;
         CREATE TRIGGER seen BEFORE {back} ON @.{table} FOR EACH STATEMENT EXECUTE FUNCTION @.see();",
        store.schema()
    );
    run(store, &sql).await;
}

/// A fetch whose connection is lost while its commit is under way, and takes place in spite of that.
async fn is_cut_at_its_commit(
    table: &str,
    operation: &str,
    (back, statements): (&str, i64),
) -> (Arc<PostgresProvider>, Proxy) {
    let schema = fresh_schema();
    let direct = Arc::new(crate::stores::postgres_in(&schema).await);
    let proxy = Proxy::before(Server::shared().port()).await;
    let store = store_at(proxy.port(), &schema).await;
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    store.enqueue_for_worker(activity("i", 2)).await.unwrap();
    commits_wait(&direct, table, operation, back).await;

    let mut other = direct.get_pool().begin().await.unwrap();
    let lock = format!("SELECT pg_advisory_xact_lock(hashtext('{schema}'))");
    sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *other).await.unwrap();
    let (own, is_turn) = (Arc::clone(&store), table == "instance_locks");
    let fetching = tokio::spawn(async move {
        if is_turn {
            own.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.map(|found| found.is_some())
        } else {
            own.fetch_work_item(LEASE, Duration::ZERO, None, &TagFilter::DefaultOnly).await.map(|found| found.is_some())
        }
    });
    let waits = format!(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'
             AND ((classid::bigint << 32) | objid::bigint) = hashtext('{schema}')::bigint"
    );
    until(&direct, &waits, 1).await;
    proxy.set(Network::Cut);
    proxy.set(Network::Well);
    let found = tokio::time::timeout(PATIENCE, fetching).await.expect("it does not hang").unwrap();
    assert!(!matches!(found, Ok(true)), "it is held by a commit that is under way");
    // It was looked for, and was not there yet.
    let seen =
        format!("SELECT (CASE WHEN is_called AND last_value >= {statements} THEN 1 ELSE 0 END)::bigint FROM @.seen");
    until(&direct, &seen, 1).await;
    other.rollback().await.unwrap();
    until(&direct, &waits, 0).await;
    (store, proxy)
}

#[tokio::test]
async fn a_turn_whose_fetch_was_not_answered_is_given_back() {
    let (store, _proxy) = is_cut_at_its_commit("instance_locks", "INSERT", ("DELETE", 1)).await;
    let taken = async {
        while store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.expect("the turn is given back");
}

#[tokio::test]
async fn an_activity_whose_fetch_was_not_answered_is_given_back() {
    let (store, _proxy) = is_cut_at_its_commit("worker_queue", "UPDATE", ("UPDATE", 2)).await;
    until_an_activity_is_ready(&*store).await;
}
