//! `db`: the store itself.

mod check;
mod migrate;
mod sql;
mod transfer;

use clap::{Args, Subcommand};

use super::{Desk, Ended};

/// Migrate, check or move the store
#[derive(Debug, Args)]
pub(crate) struct Db {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Migrate(migrate::Migrate),
    Sql(sql::Sql),
    Check(check::Check),
    Transfer(transfer::Transfer),
    CancelTransfer(transfer::CancelTransfer),
}

impl Db {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        match self.what {
            What::Migrate(migrate) => migrate.run(desk).await,
            What::Sql(sql) => sql.run(desk).await,
            What::Check(check) => check.run(desk).await,
            What::Transfer(transfer) => transfer.run(desk).await,
            What::CancelTransfer(cancel) => cancel.run(desk).await,
        }
    }
}
