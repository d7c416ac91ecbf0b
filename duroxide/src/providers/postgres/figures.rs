//! What the server says of itself, for whoever looks after it.

use sqlx::Row as _;

use super::PostgresProvider;
use super::error::StoreError;
use super::row::number;
use crate::providers::ProviderError;

/// What the server of a store says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerFigures {
    /// Its version.
    pub version: String,
    /// Its clock, milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// `fsync`: when it is off, a crash of the machine may damage everything.
    pub fsync: bool,
    /// `full_page_writes`: when it is off, a crash of the machine may damage pages.
    pub full_page_writes: bool,
    /// `synchronous_commit` of our sessions: when it is `off`, a crash may take what was acknowledged last.
    pub synchronous_commit: String,
    /// Bytes of the database.
    pub database_bytes: u64,
}

impl PostgresProvider {
    /// What the server says of itself: its clock and what it promises.
    ///
    /// # Errors
    /// Retryable when it cannot be reached.
    pub async fn server_figures(&self) -> Result<ServerFigures, ProviderError> {
        let look = || {
            self.db.query(
                "SELECT @now, pg_database_size(current_database()), current_setting('server_version'),
                     current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
                     current_setting('synchronous_commit')",
            )
        };
        let figures = async {
            let row = self.db.one(look).await?;
            Ok(ServerFigures {
                now_ms: number(&row, 0)?,
                database_bytes: number(&row, 1)?,
                version: row.try_get(2)?,
                fsync: row.try_get(3)?,
                full_page_writes: row.try_get(4)?,
                synchronous_commit: row.try_get(5)?,
            })
        };
        figures.await.map_err(|error: StoreError| error.during("server_figures"))
    }
}
