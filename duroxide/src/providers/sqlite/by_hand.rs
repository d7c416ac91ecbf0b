//! The SQL of the tables and their version, for whoever makes or changes them by hand.

use std::path::Path;

use super::open::{Location, SqliteOpenError, Visit};
use super::{SqliteProvider, schema};

impl SqliteProvider {
    /// All that creates the newest tables in an empty database, as SQL for people to read.
    pub fn schema_sql() -> String {
        schema::script(0).expect("an empty database can be brought to the newest version")
    }

    /// All that tables of this [version](Self::schema_version) lack, as SQL for whoever applies it by hand; it fails on tables of
    /// another version. Nothing for a version that this crate does not know.
    pub fn schema_sql_from(version: usize) -> Option<String> {
        schema::script(version)
    }

    /// The version of the tables in a file, 0 when there are none; the file is left as it is.
    ///
    /// # Errors
    /// See [`SqliteOpenError`]: [`Missing`](SqliteOpenError::Missing) when there is no such file, and
    /// [`OlderSchema`](SqliteOpenError::OlderSchema) for the tables of 0.1, which have no version.
    pub async fn schema_version(path: impl AsRef<Path>) -> Result<usize, SqliteOpenError> {
        let location = Location::visited(path.as_ref(), Visit::Reading);
        tokio::task::spawn_blocking(move || schema::version(&location.connect()?))
            .await
            .map_err(|error| SqliteOpenError::Thread(Box::new(error)))?
    }
}
