//! The roles of the page, with the SQL that the page shows: what it grants is enough, and none of it creates anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use duroxide::conformance::{self, StoreFactory};
use duroxide::providers::postgres::{PostgresOpenError, PostgresOptions, PostgresProvider};
use duroxide::providers::{Provider, WorkItem};
use sqlx::{AssertSqlSafe, PgPool};

use super::contention::start;
use super::server::{Server, fresh_schema};

const PAGE: &str = include_str!("../../../docs/postgres.md");

/// What the page grants to the role that runs workers.
fn grants(schema: &str, role: &str) -> String {
    let (_, rest) = PAGE.split_once("```sql\n").expect("the page shows SQL");
    let (sql, _) = rest.split_once("```").expect("and ends it");
    sql.replace("SCHEMA duroxide", &format!("SCHEMA {schema}")).replace("TO app", &format!("TO {role}"))
}

async fn as_owner(sql: &str) {
    let pool = PgPool::connect(&Server::shared().url()).await.expect("the private server is there");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&pool).await.expect("SQL of a test");
    pool.close().await;
}

/// A schema that was made by hand, from the printed SQL, and a role that has these grants on it.
async fn by_hand(grants: impl Fn(&str, &str) -> String) -> (String, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (schema, role) = (fresh_schema(), format!("app_{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    as_owner(&PostgresProvider::schema_sql(&schema).expect("a plain name")).await;
    as_owner(&format!("CREATE ROLE {role} LOGIN; {}", grants(&schema, &role))).await;
    let url = Server::shared().url().replace("://duroxide@", &format!("://{role}@"));
    (url, schema)
}

struct Restricted;

#[async_trait]
impl StoreFactory for Restricted {
    async fn create(&self) -> Arc<dyn Provider> {
        let (url, schema) = by_hand(grants).await;
        let opened = PostgresProvider::connect_with(&url, PostgresOptions::default().schema(schema)).await;
        Arc::new(opened.expect("the grants are enough to open it"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_of_the_page_can_do_all_that_a_worker_does() {
    conformance::exercise(&Restricted).await.assert_kept();
}

#[tokio::test]
async fn the_role_of_the_page_cannot_make_a_schema() {
    let (url, _) = by_hand(grants).await;
    let opened = PostgresProvider::connect_with(&url, PostgresOptions::default().schema(fresh_schema())).await;
    let error = opened.expect_err("it is not there, and the role may not make it");
    assert!(matches!(error, PostgresOpenError::Database(_)) && error.to_string().contains("permission"), "{error}");
}

#[tokio::test]
async fn a_role_that_only_looks_reads_and_writes_nothing() {
    let look = |schema: &str, role: &str| {
        format!("GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    };
    let (url, schema) = by_hand(look).await;
    let writer = crate::stores::postgres_in(&schema).await;
    writer.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let options = PostgresOptions::default().schema(&schema).session_features(false);
    let reader = PostgresProvider::connect_with(&url, options).await.expect("it may look");
    let admin = reader.as_management_capability().unwrap();
    assert_eq!(admin.get_queue_depths().await.unwrap().orchestrator_queue, 1);
    assert!(reader.debug_dump().await.contains("orchestrator_queue: 1 rows"));
    let refused =
        reader.enqueue_for_orchestrator(WorkItem::CancelInstance { instance: "i".into(), reason: String::new() }, None);
    assert!(refused.await.unwrap_err().is_retryable(), "an operator may mend it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_open_at_the_same_time_take_turns() {
    let schema = fresh_schema();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let schema = schema.clone();
            tokio::spawn(async move { crate::stores::postgres_in(&schema).await.schema().to_owned() })
        })
        .collect();
    for opened in opening {
        assert_eq!(opened.await.unwrap(), schema);
    }
}
