//! Whatever role, pool or server are set to, transactions are as the store needs them, and ended sessions are replaced.

use std::sync::Arc;
use std::time::Duration;

use duroxide::Client;
use duroxide::providers::Provider;
use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use duroxide::runtime::{Runtime, Warmth};
use duroxide::{OrchestrationContext, RuntimeOptions, activity, orchestration};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::contention::start;
use super::server::{Server, fresh_schema};
use super::stage::{PATIENCE, number, run, store, until};

const LEASE: Duration = Duration::from_secs(60);

/// A store on a pool of the program's own, whose sessions are set like this; they bear the name of the schema.
async fn store_with(settings: &[(&str, &str)], schema: &str) -> PostgresProvider {
    store_of(settings, PostgresOptions::default().schema(schema).session_features(false), schema).await
}

async fn store_of(settings: &[(&str, &str)], options: PostgresOptions, name: &str) -> PostgresProvider {
    let connect: PgConnectOptions = Server::shared().url().parse().unwrap();
    let connect = connect.application_name(name).options(settings.iter().copied());
    let pool = PgPoolOptions::new().max_connections(4).test_before_acquire(false).connect_lazy_with(connect);
    PostgresProvider::from_pool_with(pool, options).await.unwrap()
}

/// Each transaction that writes notes under which settings it did.
const WATCH: &str = "
    CREATE TABLE @.seen (isolation TEXT, idle TEXT, plans TEXT, flush TEXT);
    CREATE FUNCTION @.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO @.seen VALUES (current_setting('transaction_isolation'),
            current_setting('idle_in_transaction_session_timeout'), current_setting('plan_cache_mode'),
            current_setting('synchronous_commit'));
        RETURN NULL;
    END $$;
    CREATE TRIGGER look AFTER INSERT ON @.orchestrator_queue FOR EACH STATEMENT EXECUTE FUNCTION @.look();
    CREATE TRIGGER look AFTER INSERT ON @.history FOR EACH STATEMENT EXECUTE FUNCTION @.look();";

#[tokio::test]
async fn transactions_are_as_the_store_needs_them_whatever_the_role_says() {
    let hostile = [
        ("default_transaction_isolation", "serializable"),
        ("idle_in_transaction_session_timeout", "0"),
        ("plan_cache_mode", "force_custom_plan"),
    ];
    transactions_are_as_needed(store_with(&hostile, &fresh_schema()).await).await;
    // The same where the store sets up its sessions.
    let set = hostile.map(|(name, value)| format!("-c%20{name}%3D{value}")).join("%20");
    let url = format!("{}?options={set}", Server::shared().url());
    let options = PostgresOptions::default().schema(fresh_schema());
    transactions_are_as_needed(PostgresProvider::connect_with(&url, options).await.unwrap()).await;
}

async fn transactions_are_as_needed(store: PostgresProvider) {
    run(&store, WATCH).await;
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let (_, token, _) = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().unwrap();
    store.ack_orchestration_item(&token, 1, vec![], vec![], vec![], Default::default(), vec![]).await.unwrap();
    let as_needed = "SELECT count(*) FROM @.seen WHERE isolation = 'read committed' AND idle = '15s'
        AND plans = 'force_generic_plan' AND flush = 'on'";
    assert!(number(&store, as_needed).await >= 2);
    assert_eq!(number(&store, as_needed).await, number(&store, "SELECT count(*) FROM @.seen").await);
    // What is set for a transaction ends with it: programs use these connections, too.
    assert_eq!(number(&store, "SELECT count(*) FROM pg_settings WHERE setting = 'force_custom_plan'").await, 1);
}

/// Programs have the same pool: what the store sets up for itself is put back before.
#[tokio::test]
async fn programs_find_connections_as_they_were() {
    let store = store().await;
    let posts = (0..40).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.enqueue_start(start(&format!("i-{n}"))).await })
    });
    for post in posts.collect::<Vec<_>>() {
        post.await.unwrap().unwrap();
    }
    let mut all = Vec::new();
    for _ in 0..store.get_pool().options().get_max_connections() {
        all.push(store.get_pool().acquire().await.expect("the store keeps none for long"));
    }
    for session in &mut all {
        let set_up = "SELECT count(*) FROM pg_settings WHERE source = 'session' AND name IN ('plan_cache_mode',
            'enable_seqscan', 'default_transaction_isolation', 'idle_in_transaction_session_timeout')";
        let found: i64 = sqlx::query_scalar(set_up).fetch_one(&mut **session).await.unwrap();
        assert_eq!(found, 0);
    }
}

/// The pool would open connection after connection, and each would plan every statement.
#[tokio::test]
async fn one_call_after_the_other_uses_one_connection() {
    let name = fresh_schema();
    let options = PostgresOptions::default().schema(&name).session_features(false);
    let store = store_of(&[], options, &name).await;
    let looks_on = super::stage::store().await;
    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'");
    let before = number(&looks_on, &sessions).await;
    for n in 0..50 {
        store.enqueue_for_orchestrator(start(&format!("i-{n}")), None).await.unwrap();
        store.get_status("i").await.unwrap();
    }
    assert!(number(&looks_on, &sessions).await <= before + 1);
}

/// Servers and what stands before them end sessions that are idle; the next call finds only dead ones in the pool.
#[tokio::test]
async fn sessions_that_were_ended_for_being_idle_are_not_noticed() {
    let schema = fresh_schema();
    let store = store_with(&[], &schema).await;
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..store.get_pool().options().get_max_connections() {
        let mut session = store.get_pool().acquire().await.unwrap();
        sqlx::raw_sql("SET idle_session_timeout = '200ms'").execute(&mut *session).await.unwrap();
        all.push(session);
    }
    drop(all);
    let looks_on = super::stage::store().await;
    let open = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{schema}'");
    until(&looks_on, &open, 0).await;
    store.enqueue_for_orchestrator(start("j"), None).await.unwrap();
    assert!(store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().is_some());
}

/// The case `pg_terminate`: whoever ends every session, that of the wake-ups among them, is met by no caller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pg_terminate_of_every_session_is_not_noticed() {
    let (name, looks_on) = (fresh_schema(), store().await);
    let store = store_of(&[], PostgresOptions::default().schema(&name), &name).await;
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let place = format!("SELECT count(*) FROM {name}.nodes");
    for _ in 0..3 {
        let of = format!("FROM pg_stat_activity WHERE application_name = '{name}'");
        // One of the pool, and the one that hears of wake-ups.
        until(&looks_on, &format!("SELECT LEAST(count(*), 2) {of}"), 2).await;
        number(&looks_on, &format!("SELECT count(pg_terminate_backend(pid)) {of}")).await;
        assert!(store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.is_ok());
        store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    }
    until(&looks_on, &place, 1).await;
}

/// A statement that waits for a lock until `lock_timeout` ends it has changed nothing, and is asked again.
#[tokio::test]
async fn a_statement_that_is_ended_for_waiting_is_asked_again() {
    let store = store_with(&[("lock_timeout", "50")], &fresh_schema()).await;
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let (_, token, _) = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().unwrap();
    let other = super::stage::store().await;
    let mut holder = other.get_pool().begin().await.unwrap();
    let lock = format!("LOCK TABLE {}.instance_locks IN EXCLUSIVE MODE", store.schema());
    sqlx::raw_sql(sqlx::AssertSqlSafe(lock)).execute(&mut *holder).await.unwrap();
    let waiting = format!(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{}.instance_locks'::regclass",
        store.schema()
    );
    let ends = async {
        until(&other, &waiting, 1).await;
        until(&other, &waiting, 0).await;
        holder.rollback().await.unwrap();
    };
    let ack = store.ack_orchestration_item(&token, 1, vec![], vec![], vec![], Default::default(), vec![]);
    let (acked, ()) = tokio::join!(ack, ends);
    acked.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM @.instance_locks").await, 0);
}

#[activity]
async fn budget_echo(n: u64) -> Result<u64, String> {
    Ok(n)
}

#[orchestration]
async fn budget_one(ctx: OrchestrationContext, n: u64) -> Result<u64, String> {
    Ok(budget_echo::call(&ctx, n).await?)
}

/// The start, the first turn, and the activity's end with the turn to which it leads: each flushed commit leaves its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_activity_from_start_to_result_costs_three_flushed_commits() {
    let store = store().await;
    let options = RuntimeOptions { orchestration_concurrency: 1, worker_concurrency: 1, ..RuntimeOptions::default() };
    // Elsewhere the end of an activity and the turn to which it leads are two.
    let runtime = Runtime::builder(Arc::clone(&store) as _).options(options).warmth(Warmth::Bytes(1 << 20));
    let runtime = runtime.register::<budget_one>().register::<budget_echo>().start().await.unwrap();
    let client = Client::new(Arc::clone(&store) as _);
    for n in 0..3 {
        let before = number(&store, "SELECT count(*) FROM @.commits").await;
        let handle = budget_one::start(&client, format!("one-{n}"), n).await.unwrap();
        let ended = handle.wait(PATIENCE).await;
        assert_eq!(ended.unwrap(), n);
        assert_eq!(number(&store, "SELECT count(*) FROM @.commits").await - before, 3);
    }
    runtime.shutdown(None).await;
}
