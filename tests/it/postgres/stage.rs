//! A store in a schema of its own, and what a test does to it behind its back.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::server::{Server, fresh_schema};

/// Longer than anything here takes; past it a test fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn store() -> Arc<PostgresProvider> {
    let options = PostgresOptions::default().schema(fresh_schema());
    let opened = PostgresProvider::connect_with(&Server::shared().url(), options).await;
    Arc::new(opened.expect("the private server is there"))
}

/// A store that reaches the shared server through somebody who listens on this port, without a session of its own.
pub(crate) async fn store_at(port: u16, schema: &str) -> Arc<PostgresProvider> {
    let options = PostgresOptions::default().schema(schema).session_features(false);
    let opened = PostgresProvider::connect_with(&Server::shared().url_at(port), options).await;
    Arc::new(opened.expect("the private server is there"))
}

/// Runs SQL, `@.` standing for the schema.
pub(crate) async fn run(store: &PostgresProvider, sql: &str) {
    let sql = sql.replace("@.", &format!("{}.", store.schema()));
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(store.get_pool()).await.expect("SQL of a test");
}

/// The first column of the first row.
pub(crate) async fn number(store: &PostgresProvider, sql: &str) -> i64 {
    let sql = sql.replace("@.", &format!("{}.", store.schema()));
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(store.get_pool()).await.expect("SQL of a test");
    row.try_get(0).expect("a number")
}

/// Waits until a query gives this number.
pub(crate) async fn until(store: &PostgresProvider, sql: &str, wanted: i64) {
    let waiting = async {
        while number(store, sql).await != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never {wanted}: {sql}"));
}

/// Waits until somebody waits for a row that this transaction has locked.
pub(crate) async fn until_waited_for(store: &PostgresProvider, holder: &mut PgConnection) {
    let own = sqlx::query("SELECT pg_current_xact_id()::xid::text").fetch_one(&mut *holder).await.expect("it lives");
    let xid: String = own.try_get(0).expect("a text");
    let waits = format!(
        "SELECT LEAST(count(*), 1) FROM pg_locks
         WHERE NOT granted AND locktype = 'transactionid' AND transactionid::text = '{xid}'"
    );
    until(store, &waits, 1).await;
}

/// The next write of this kind to the table fails once with this state, as if the database had other plans.
pub(crate) async fn trip(store: &PostgresProvider, table: &str, operation: &str, state: &str, times: u32) {
    let sql = format!(
        "CREATE SEQUENCE @.tripped;
         CREATE FUNCTION @.trip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('@.tripped') <= {times} THEN RAISE EXCEPTION 'planted' USING ERRCODE = '{state}'; END IF;
             IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER trip BEFORE {operation} ON @.{table} FOR EACH ROW EXECUTE FUNCTION @.trip();"
    );
    run(store, &sql).await;
}
