//! Opens a store: where it is, under which schema, and what it may count on.

use std::str::FromStr;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Postgres};

/// Connections of a pool that the store makes itself: enough for every lane and some readers.
pub(super) const CONNECTIONS: u32 = 16;

/// How long a request waits for a connection: a server that restarts is back by then, mostly.
const ACQUIRE: Duration = Duration::from_secs(10);

/// The oldest server that the store is written for.
const SERVER_FLOOR: i32 = 130_000;

/// The schema unless another one is named.
const SCHEMA: &str = "duroxide";

/// The database's clock, milliseconds since the Unix epoch; `now()` would be that of the transaction's begin.
const NOW: &str = "(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)";

/// Why a store could not be opened. No variant tells a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresOpenError {
    /// The URL is not understood.
    #[error("database URL: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, found something else: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// The name of the schema cannot be one.
    #[error("schema: expected 1 to 48 lower-case letters, digits and underscores, no digit first, found {found:?}")]
    Schema {
        /// The name.
        found: String,
    },
    /// No server answers there.
    #[error("PostgreSQL on {place}: expected a server that answers, found none: {reason}")]
    Unreachable {
        /// Host and port.
        place: String,
        /// What came instead of an answer.
        reason: String,
    },
    /// The server is too old.
    #[error("PostgreSQL: expected version 13 or newer, found {found}")]
    OldServer {
        /// Its version.
        found: String,
    },
    /// A newer version of this crate wrote the schema.
    #[error("database schema: expected version {expected} or older, found {found}")]
    NewerSchema {
        /// The newest version this crate knows.
        expected: usize,
        /// The schema's version.
        found: usize,
    },
    /// A visitor found what he may not bring to the newest version.
    #[error(
        "database schema: expected version {expected}, found {found}; a visitor changes nothing: \
         `PostgresProvider::connect`, as every worker does it, or `duroxide db migrate` brings it there"
    )]
    OlderSchema {
        /// The version this crate works on.
        expected: usize,
        /// What is there instead.
        found: String,
    },
    /// Tables of ours are there, but in a form this crate does not know.
    #[error("database schema: expected an empty schema or one of this crate, found a queue without a version")]
    ForeignSchema,
    /// All that was in it is elsewhere, where the work goes on.
    #[error("this store was moved to {to}; open that one")]
    Moved {
        /// Where it is now.
        to: String,
    },
    /// PostgreSQL said no, or could not be reached.
    #[error("database: {0}")]
    Database(Box<dyn std::error::Error + Send + Sync>),
}

impl From<sqlx::Error> for PostgresOpenError {
    fn from(error: sqlx::Error) -> Self {
        PostgresOpenError::Database(Box::new(error))
    }
}

/// Settings of a [`PostgresProvider`](super::PostgresProvider).
///
/// ```
/// use duroxide::providers::postgres::PostgresOptions;
///
/// let options = PostgresOptions::default().schema("billing").session_features(false);
/// assert!(!format!("{options:?}").is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    pub(super) schema: String,
    pub(super) session_features: bool,
    pub(super) is_visitor: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        PostgresOptions { schema: SCHEMA.to_owned(), session_features: true, is_visitor: false }
    }
}

impl PostgresOptions {
    /// The schema that holds the tables, `duroxide` unless set: several applications may share a database.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// Whether the store keeps a connection of its own for `LISTEN` and for an advisory lock that proves it alive;
    /// true unless set. They make wake-ups between machines quick and give the work of a dead process back at once.
    /// Behind PgBouncer in transaction mode, and on servers without them, switch them off: polling and the ends of
    /// leases do the same, later.
    pub fn session_features(mut self, on: bool) -> Self {
        self.session_features = on;
        self
    }

    /// For a program that runs nothing and only looks, or sends messages and administers: it creates and migrates
    /// nothing, takes no place among the stores of the schema, and keeps no connection of its own. A schema that is
    /// not of the newest version is refused with [`OlderSchema`](PostgresOpenError::OlderSchema).
    pub fn visitor(mut self) -> Self {
        self.is_visitor = true;
        self.session_features(false)
    }
}

/// The name of a schema, fit to be written into SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schema {
    name: String,
}

impl Schema {
    pub(super) fn new(name: &str) -> Result<Self, PostgresOpenError> {
        let is_name = (1..=48).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit());
        if is_name {
            Ok(Schema { name: name.to_owned() })
        } else {
            Err(PostgresOpenError::Schema { found: name.to_owned() })
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// As SQL writes it: a keyword may be the name of a schema, too.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }

    /// A template with this schema for `@.` and the database's clock for `@now`.
    pub(super) fn render(&self, template: &str) -> String {
        template.replace("@.", &format!("\"{}\".", self.name)).replace("@now", NOW)
    }

    /// The same as a statement. Safe: templates are ours, and a schema's name holds nothing that SQL could mistake.
    pub(super) fn sql(&self, template: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.render(template))
    }
}

/// A pool for this URL. Connections are not tested before each use: a request that meets a dead one is repeated.
pub(super) fn pool(url: &str) -> Result<PgPool, PostgresOpenError> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("postgres" | "postgresql")) {
        return Err(PostgresOpenError::Url { reason: "no postgres:// in front".to_owned() });
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| PostgresOpenError::Url {
        // The parser's own words may repeat parts of the URL, and one part is a password.
        reason: "it cannot be parsed; letters like @ and / in a password must be percent-encoded".to_owned(),
    })?;
    Ok(PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .connect_lazy_with(options.application_name("duroxide")))
}

/// The first connection of a store. A pool says only that it waited in vain; why, the server is asked itself.
pub(super) async fn first(pool: &PgPool) -> Result<PoolConnection<Postgres>, PostgresOpenError> {
    match pool.acquire().await {
        Err(sqlx::Error::PoolTimedOut) => Err(reason_of_silence(pool).await),
        acquired => Ok(acquired?),
    }
}

async fn reason_of_silence(pool: &PgPool) -> PostgresOpenError {
    let options = pool.connect_options();
    let place = format!("{}:{}", options.get_host(), options.get_port());
    match tokio::time::timeout(ACQUIRE, PgConnection::connect_with(&options)).await {
        Ok(Err(sqlx::Error::Io(error))) => PostgresOpenError::Unreachable { place, reason: error.to_string() },
        Ok(Err(error)) => error.into(),
        // The server answers, and the pool is too small for those who use it.
        Ok(Ok(_)) => sqlx::Error::PoolTimedOut.into(),
        Err(_) => PostgresOpenError::Unreachable { place, reason: format!("no answer within {ACQUIRE:?}") },
    }
}

/// Refuses a server that is too old.
pub(super) async fn check_server(conn: &mut PgConnection) -> Result<(), PostgresOpenError> {
    let (number, text): (i32, String) =
        sqlx::query_as("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
            .fetch_one(conn)
            .await?;
    if number >= SERVER_FLOOR { Ok(()) } else { Err(PostgresOpenError::OldServer { found: text }) }
}

#[cfg(test)]
mod tests {
    use super::{PostgresOpenError, Schema, pool};

    #[test]
    fn only_plain_names_are_schemas() {
        for name in ["duroxide", "app_2", "user"] {
            assert!(Schema::new(name).is_ok(), "{name}");
        }
        for name in ["", "2app", "App", "a\"b", "a.b", "a b", &"a".repeat(49)] {
            assert!(Schema::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        for url in ["mysql://u:hunter2@h/d", "postgres://u:hunter2@h:port/d", "u:hunter2@h"] {
            let error = pool(url).expect_err("not a URL of PostgreSQL");
            assert!(matches!(error, PostgresOpenError::Url { .. }));
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
