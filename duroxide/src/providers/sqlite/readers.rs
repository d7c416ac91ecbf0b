//! Reads beside the writer, on threads where blocking is allowed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::error::StoreError;
use super::open::{BUSY, SqliteOpenError, connect_reader, wait_for_lock};
use crate::providers::error::ProviderError;

/// Connections that read at the same time: more would only share the same cores.
const READERS: usize = 4;

/// A few connections to one file, opened when first needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// For the database in this file.
    pub(super) fn new(path: PathBuf) -> Self {
        Readers { path, idle: Mutex::new(Vec::new()), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Runs `work` on a connection of its own; all its queries see the same commit.
    pub(super) async fn call<T, F>(self: Arc<Self>, operation: &'static str, work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("nobody closes the semaphore");
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let conn = self.take()?;
            let tx = conn.unchecked_transaction()?;
            let answer = work(&tx);
            tx.finish()?;
            self.put_back(conn);
            answer
        });
        match read.await {
            Ok(answer) => answer.map_err(|error| error.during(operation)),
            Err(error) if error.is_panic() => Err(ProviderError::permanent(operation, "the request panicked")),
            Err(_) => Err(ProviderError::retryable(operation, "the runtime is shutting down")),
        }
    }

    /// Folds the write-ahead log into the database file; outside a transaction, where it would be refused.
    pub(super) async fn checkpoint(self: Arc<Self>) -> Result<(), SqliteOpenError> {
        tokio::task::spawn_blocking(move || {
            let conn = self.take()?;
            // Whoever folds already is not waited for by SQLite.
            let is_busy = || conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
            let (began, mut tries) = (Instant::now(), 0);
            while is_busy()? {
                if began.elapsed() > BUSY || !wait_for_lock(tries) {
                    return Err(SqliteOpenError::Database(
                        "the log is in use and could not be folded to its end".into(),
                    ));
                }
                tries += 1;
            }
            self.put_back(conn);
            Ok(())
        })
        .await
        .map_err(|error| SqliteOpenError::Thread(Box::new(error)))?
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle().pop();
        match idle {
            Some(conn) => Ok(conn),
            None => connect_reader(&self.path),
        }
    }

    fn put_back(&self, conn: Connection) {
        self.idle().push(conn);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A list of connections is never half-written.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
