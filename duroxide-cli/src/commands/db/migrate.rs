//! `db migrate`: brings the tables to this version.

use clap::Args;

use crate::commands::careful::Careful;
use crate::commands::{Desk, Ended, done};
use crate::failure::Failure;
use crate::store::{Access, Place};

/// Create the store's tables, or bring older ones to this version
///
/// Workers do the same when they start. There is no way back: keep a copy of what matters.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Create a SQLite file that does not exist
    #[arg(long)]
    create: bool,

    #[command(flatten)]
    careful: Careful,
}

impl Migrate {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let place = Place::of(&desk.globals)?;
        let exists = match &place {
            Place::Sqlite(path) => std::path::Path::new(path).exists(),
            Place::Postgres { .. } => true,
        };
        if !exists && !self.create {
            return Err(Failure::usage("there is no such file; --create makes it"));
        }
        if exists {
            let found = match place.open(Access::Look).await {
                Ok(_) => return done(desk, "the tables are of this version; nothing was done"),
                Err(found) if found.is_older() => found,
                Err(found) => return Err(found),
            };
            if self.careful.dry_run {
                return done(desk, &format!("would migrate: {}", found.message()));
            }
            self.careful.confirm("bring the tables to this version")?;
        } else if self.careful.dry_run {
            return done(desk, "would create the file; nothing was done");
        }
        place.open(Access::Own).await?;
        done(desk, "the tables are of this version now")
    }
}
