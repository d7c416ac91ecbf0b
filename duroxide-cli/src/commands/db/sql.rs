//! `db sql`: what `db migrate` would do, for whoever does it by hand.

use clap::Args;

use crate::commands::{Desk, Ended};
use crate::failure::Failure;
use crate::store::Place;

/// Print the SQL that creates the tables, or brings older ones to this version, for whoever applies it by hand
///
/// Needed where the role that runs workers may not change tables. Nothing is changed by printing it.
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// Only what tables of this version lack
    #[arg(long, value_name = "VERSION", conflicts_with = "upgrade")]
    from: Option<usize>,

    /// Only what the tables of this store lack
    #[arg(long)]
    upgrade: bool,
}

impl Sql {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let place = Place::of(&desk.globals)?;
        let from = if self.upgrade { place.version().await? } else { self.from.unwrap_or(0) };
        let script = match &place {
            Place::Sqlite(_) => sqlite(from)?,
            Place::Postgres { schema, .. } => postgres(schema.as_deref().unwrap_or("duroxide"), from)?,
        };
        let script = script
            .ok_or_else(|| Failure::usage(format!("version {from} of the tables is newer than this program knows")))?;
        Ok(desk.out.raw(&script)?)
    }
}

#[cfg(feature = "sqlite")]
fn sqlite(from: usize) -> Result<Option<String>, Failure> {
    Ok(duroxide::providers::sqlite::SqliteProvider::schema_sql_from(from))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_from: usize) -> Result<Option<String>, Failure> {
    Err(Failure::usage("this program was built without the feature `sqlite`"))
}

#[cfg(feature = "postgres")]
fn postgres(schema: &str, from: usize) -> Result<Option<String>, Failure> {
    let script = duroxide::providers::postgres::PostgresProvider::schema_sql_from(schema, from);
    script.map_err(|error| Failure::usage(error.to_string()))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_schema: &str, _from: usize) -> Result<Option<String>, Failure> {
    Err(Failure::usage("this program was built without the feature `postgres`"))
}
