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

#[tokio::test]
async fn the_script_from_a_version_makes_of_it_what_a_visitor_expects() {
    let script = |schema: &str, from| PostgresProvider::schema_sql_from(schema, from).expect("a plain name");
    let newest = (1..).take_while(|version| script("s", *version).is_some()).last().expect("there are versions");
    assert!(script("s", newest).is_some_and(|script| script.starts_with("--")), "nothing to do");
    let pool = PgPool::connect(&Server::shared().url()).await.expect("the private server is there");
    for version in 1..newest {
        let schema = fresh_schema();
        let options = || PostgresOptions::default().schema(&schema).visitor();
        let found =
            async || PostgresProvider::schema_version(&Server::shared().url(), options()).await.expect("it tells");
        assert_eq!(found().await, 0);
        // The whole script without what the other one adds.
        let upgrade = script(&schema, version).expect("it is known");
        let (_, added) = upgrade.split_once("END $$;\n").expect("it looks at the version first");
        let (added, _) = added.rsplit_once("\nUPDATE").expect("and writes it last");
        let whole = PostgresProvider::schema_sql(&schema).expect("a plain name");
        let written = |version: usize| format!("schema_version = {version}");
        as_owner(&whole.replace(added, "").replace(&written(newest), &written(version))).await;
        assert_eq!(found().await, version);
        for other in (1..newest).filter(|other| *other != version) {
            let other = AssertSqlSafe(script(&schema, other).expect("it is known"));
            let mut conn = pool.acquire().await.expect("a connection").detach();
            let refused = sqlx::raw_sql(other).execute(&mut conn).await.expect_err("made for another version");
            assert!(refused.to_string().contains(&format!("found version {version}")), "{refused}");
        }
        as_owner(&upgrade).await;
        assert_eq!(found().await, newest);
        PostgresProvider::connect_with(&Server::shared().url(), options()).await.expect("it is of this version");
    }
}
