//! Opens the store that was named, as a visitor who disturbs nobody.

use std::sync::Arc;

use duroxide::Client;
use duroxide::providers::Provider;

use crate::args::Globals;
use crate::failure::Failure;

/// What is going to be done with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only looked at.
    Look,
    /// Messages are sent, rows deleted.
    Change,
    /// Created and migrated, if need be.
    Own,
}

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this file.
    Sqlite(String),
    /// In this schema of the database at this URL.
    Postgres { url: String, schema: Option<String> },
}

/// An open store.
pub(crate) struct Store {
    pub(crate) client: Client,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) place: Place,
}

impl Place {
    /// The store that was named by `--store` or `DUROXIDE_STORE`.
    pub(crate) fn of(globals: &Globals) -> Result<Self, Failure> {
        let store = globals.store.as_deref().filter(|store| !store.is_empty()).ok_or_else(|| {
            Failure::usage("which store? name it with --store PATH, --store postgres://…, or in DUROXIDE_STORE")
        })?;
        Place::parse(store, globals.schema.as_deref())
    }

    pub(crate) fn parse(store: &str, schema: Option<&str>) -> Result<Self, Failure> {
        if store.starts_with("postgres://") || store.starts_with("postgresql://") {
            return Ok(Place::Postgres { url: store.to_owned(), schema: schema.map(str::to_owned) });
        }
        if schema.is_some() {
            return Err(Failure::usage("--schema belongs to a postgres:// store; a SQLite file has none"));
        }
        let path = store.strip_prefix("sqlite://").or_else(|| store.strip_prefix("sqlite:")).unwrap_or(store);
        match path {
            path if path != store && path.contains('?') => {
                Err(Failure::usage("expected the path of a file, found options behind `?`; leave them out"))
            }
            ":memory:" => Err(Failure::usage("a database in memory is that of one process; name a file")),
            path => Ok(Place::Sqlite(path.to_owned())),
        }
    }

    /// The version of its tables, 0 when there are none. Nothing is changed.
    pub(crate) async fn version(&self) -> Result<usize, Failure> {
        match self {
            Place::Sqlite(path) => sqlite_version(path).await,
            Place::Postgres { url, schema } => postgres_version(url, schema.as_deref()).await,
        }
    }

    pub(crate) async fn open(&self, access: Access) -> Result<Store, Failure> {
        let provider = match self {
            Place::Sqlite(path) => sqlite(path, access).await?,
            Place::Postgres { url, schema } => postgres(url, schema.as_deref(), access).await?,
        };
        Ok(Store { client: Client::new(Arc::clone(&provider)), provider, place: self.clone() })
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(path: &str, access: Access) -> Result<Arc<dyn Provider>, Failure> {
    use duroxide::providers::sqlite::{SqliteProvider, Visit};

    let opened = match access {
        Access::Look => SqliteProvider::visit(path, Visit::Reading).await,
        Access::Change => SqliteProvider::visit(path, Visit::Writing).await,
        Access::Own => SqliteProvider::open(path).await,
    };
    opened.map(|store| Arc::new(store) as _).map_err(|error| not_sqlite(path, error))
}

#[cfg(feature = "sqlite")]
async fn sqlite_version(path: &str) -> Result<usize, Failure> {
    let version = duroxide::providers::sqlite::SqliteProvider::schema_version(path).await;
    version.map_err(|error| not_sqlite(path, error))
}

#[cfg(feature = "sqlite")]
fn not_sqlite(path: &str, error: duroxide::providers::sqlite::SqliteOpenError) -> Failure {
    use duroxide::providers::sqlite::SqliteOpenError;

    match error {
        SqliteOpenError::Missing { path } => Failure::usage(format!("there is no store at {}", path.display())),
        SqliteOpenError::OlderSchema { expected, found } => older(expected, &found),
        other => Failure::usage(format!("cannot open {path}: {other}")),
    }
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_path: &str, _access: Access) -> Result<Arc<dyn Provider>, Failure> {
    Err(without_sqlite())
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite_version(_path: &str) -> Result<usize, Failure> {
    Err(without_sqlite())
}

#[cfg(not(feature = "sqlite"))]
fn without_sqlite() -> Failure {
    Failure::usage("this program was built without the feature `sqlite`; expected a postgres:// store")
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str, schema: Option<&str>, access: Access) -> Result<Arc<dyn Provider>, Failure> {
    use duroxide::providers::postgres::PostgresProvider;

    without_tls(url)?;
    let options = options(schema);
    let options = match access {
        Access::Look | Access::Change => options.visitor(),
        Access::Own => options,
    };
    let opened = PostgresProvider::connect_with(url, options).await;
    opened.map(|store| Arc::new(store) as _).map_err(not_postgres)
}

#[cfg(feature = "postgres")]
async fn postgres_version(url: &str, schema: Option<&str>) -> Result<usize, Failure> {
    use duroxide::providers::postgres::PostgresProvider;

    without_tls(url)?;
    PostgresProvider::schema_version(url, options(schema)).await.map_err(not_postgres)
}

/// Refuses a URL that insists on what this program cannot do, before anything is sent in the clear.
#[cfg(feature = "postgres")]
fn without_tls(url: &str) -> Result<(), Failure> {
    let query = url.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let mut modes =
        query.split('&').filter_map(|part| part.strip_prefix("sslmode=").or(part.strip_prefix("ssl-mode=")));
    match modes.find(|mode| matches!(*mode, "require" | "verify-ca" | "verify-full")) {
        None => Ok(()),
        Some(mode) => Err(Failure::usage(format!(
            "the URL asks for TLS with sslmode={mode}, and this program speaks none; go through a tunnel (`ssh -L`) or a \
             proxy that speaks it to the server"
        ))),
    }
}

#[cfg(feature = "postgres")]
fn options(schema: Option<&str>) -> duroxide::providers::postgres::PostgresOptions {
    use duroxide::providers::postgres::PostgresOptions;

    schema.map_or_else(PostgresOptions::default, |name| PostgresOptions::default().schema(name))
}

#[cfg(feature = "postgres")]
fn not_postgres(error: duroxide::providers::postgres::PostgresOpenError) -> Failure {
    use duroxide::providers::postgres::PostgresOpenError;

    match error {
        PostgresOpenError::OlderSchema { expected, found } => older(expected, &found),
        // None of them tells the password.
        other => Failure::usage(format!("cannot open the store: {other}")),
    }
}

#[cfg(not(feature = "postgres"))]
async fn postgres(_url: &str, _schema: Option<&str>, _access: Access) -> Result<Arc<dyn Provider>, Failure> {
    Err(without_postgres())
}

#[cfg(not(feature = "postgres"))]
async fn postgres_version(_url: &str, _schema: Option<&str>) -> Result<usize, Failure> {
    Err(without_postgres())
}

#[cfg(not(feature = "postgres"))]
fn without_postgres() -> Failure {
    Failure::usage("this program was built without the feature `postgres`; expected the path of a SQLite file")
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn older(expected: usize, found: &str) -> Failure {
    Failure::older(format!(
        "the store's tables are not of this version (expected {expected}, found {found}); nothing was changed: \
         `duroxide db migrate`, or the next start of a worker of this version, brings them there"
    ))
}
