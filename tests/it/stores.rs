//! Fresh stores of every kind.

use std::sync::Arc;

use duroxide::providers::Provider;
use duroxide::providers::encoded::Encoded;
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use duroxide::providers::sqlite::SqliteProvider;

use crate::encoded::Sealed;
use crate::postgres::server::{Server, fresh_schema};

/// What must live as long as its store: the folder of a file.
pub(crate) type Kept = Option<tempfile::TempDir>;

pub(crate) fn memory() -> (Arc<dyn Provider>, Kept) {
    (Arc::new(MemoryProvider::new()), None)
}

pub(crate) fn encoded() -> (Arc<dyn Provider>, Kept) {
    (Arc::new(Encoded::new(Arc::new(MemoryProvider::new()), Sealed::default())), None)
}

pub(crate) async fn sqlite_in_memory() -> (Arc<dyn Provider>, Kept) {
    (Arc::new(SqliteProvider::new_in_memory().await.expect("a database in memory opens")), None)
}

pub(crate) async fn sqlite_file() -> (Arc<dyn Provider>, Kept) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteProvider::open(folder.path().join("store.db")).await.expect("a new file opens");
    (Arc::new(store), Some(folder))
}

/// In a schema of its own of the server that all tests share.
pub(crate) async fn postgres() -> (Arc<dyn Provider>, Kept) {
    (Arc::new(postgres_in(&fresh_schema()).await), None)
}

/// A database behind a PgBouncer in transaction mode, for the laws to be tried there.
const PGBOUNCER: &str = "DUROXIDE_TEST_PGBOUNCER";

pub(crate) async fn postgres_in(schema: &str) -> PostgresProvider {
    let options = PostgresOptions::default().schema(schema);
    let (url, options) = match std::env::var(PGBOUNCER) {
        Ok(url) => (url, options.session_features(false)),
        Err(_) => (Server::shared().url(), options),
    };
    let opened = PostgresProvider::connect_with(&url, options).await;
    opened.expect("the private server is there")
}
