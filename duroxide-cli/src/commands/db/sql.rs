//! `db sql`: what `db migrate` would do to an empty database.

use clap::Args;

use crate::commands::{Desk, Ended};
use crate::failure::Failure;
use crate::store::Place;

/// Print the SQL that creates the tables, for whoever applies it by hand
#[derive(Debug, Args)]
pub(crate) struct Sql {}

impl Sql {
    pub(crate) fn run(self, desk: &mut Desk) -> Ended {
        let script = match Place::of(&desk.globals)? {
            Place::Sqlite(_) => sqlite()?,
            Place::Postgres { schema, .. } => postgres(schema.as_deref().unwrap_or("duroxide"))?,
        };
        Ok(desk.out.raw(&script)?)
    }
}

#[cfg(feature = "sqlite")]
fn sqlite() -> Result<String, Failure> {
    Ok(duroxide::providers::sqlite::SqliteProvider::schema_sql())
}

#[cfg(not(feature = "sqlite"))]
fn sqlite() -> Result<String, Failure> {
    Err(Failure::usage("this program was built without the feature `sqlite`"))
}

#[cfg(feature = "postgres")]
fn postgres(schema: &str) -> Result<String, Failure> {
    let script = duroxide::providers::postgres::PostgresProvider::schema_sql(schema);
    script.map_err(|error| Failure::usage(error.to_string()))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_schema: &str) -> Result<String, Failure> {
    Err(Failure::usage("this program was built without the feature `postgres`"))
}
