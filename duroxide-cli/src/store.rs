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
    use duroxide::providers::sqlite::{SqliteOpenError, SqliteProvider, Visit};

    let opened = match access {
        Access::Look => SqliteProvider::visit(path, Visit::Reading).await,
        Access::Change => SqliteProvider::visit(path, Visit::Writing).await,
        Access::Own => SqliteProvider::open(path).await,
    };
    opened.map(|store| Arc::new(store) as _).map_err(|error| match error {
        SqliteOpenError::Missing { path } => Failure::usage(format!("there is no store at {}", path.display())),
        SqliteOpenError::OlderSchema { expected, found } => older(expected, &found),
        other => Failure::usage(format!("cannot open {path}: {other}")),
    })
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_path: &str, _access: Access) -> Result<Arc<dyn Provider>, Failure> {
    Err(Failure::usage("this program was built without the feature `sqlite`; expected a postgres:// store"))
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str, schema: Option<&str>, access: Access) -> Result<Arc<dyn Provider>, Failure> {
    use duroxide::providers::postgres::{PostgresOpenError, PostgresOptions, PostgresProvider};

    let options = schema.map_or_else(PostgresOptions::default, |name| PostgresOptions::default().schema(name));
    let options = match access {
        Access::Look | Access::Change => options.visitor(),
        Access::Own => options,
    };
    let opened = PostgresProvider::connect_with(url, options).await;
    opened.map(|store| Arc::new(store) as _).map_err(|error| match error {
        PostgresOpenError::OlderSchema { expected, found } => older(expected, &found),
        // None of them tells the password.
        other => Failure::usage(format!("cannot open the store: {other}")),
    })
}

#[cfg(not(feature = "postgres"))]
async fn postgres(_url: &str, _schema: Option<&str>, _access: Access) -> Result<Arc<dyn Provider>, Failure> {
    Err(Failure::usage("this program was built without the feature `postgres`; expected the path of a SQLite file"))
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn older(expected: usize, found: &str) -> Failure {
    Failure::older(format!(
        "the store's tables are not of this version (expected {expected}, found {found}); nothing was changed: \
         `duroxide db migrate`, or the next start of a worker of this version, brings them there"
    ))
}
