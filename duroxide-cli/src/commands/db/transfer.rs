//! `db transfer` and `db cancel-transfer`: all that is in a store, in flight or not, goes to another one.

use clap::Args;
use duroxide::transfer::{TransferProgress, TransferReport};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::commands::careful::Careful;
use crate::commands::{Desk, Ended, done};
use crate::failure::Failure;
use crate::output::progress;
use crate::store::{Access, Place};

/// Move everything to another store, which must be empty; workers must have stopped
///
/// May be interrupted at any moment: the same command goes on where it was, `db cancel-transfer` on both stores gives
/// it up.
#[derive(Debug, Args)]
pub(crate) struct Transfer {
    /// The other store; a SQLite file is created
    #[arg(long, value_name = "PATH|URL")]
    to: String,

    /// Its PostgreSQL schema
    #[arg(long, value_name = "NAME")]
    to_schema: Option<String>,

    /// Open the source again at the end: whoever starts workers on both does everything in flight twice
    #[arg(long)]
    leave_source: bool,

    #[command(flatten)]
    careful: Careful,
}

/// What a transfer came to.
#[derive(Debug, Serialize)]
struct Report<'a> {
    from: &'a str,
    to: &'a str,
    resumed: bool,
    tables: Vec<TableRows<'a>>,
}

#[derive(Debug, Serialize)]
struct TableRows<'a> {
    table: &'static str,
    rows: u64,
    digest: &'a str,
}

impl Transfer {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let (from, to) = (Place::of(&desk.globals)?, Place::parse(&self.to, self.to_schema.as_deref())?);
        // A source that is not there must not be created by looking for it.
        let source = from.open(Access::Look).await?;
        if self.careful.dry_run {
            let metrics = source.client.get_system_metrics().await?;
            let (instances, events) = (metrics.total_instances, metrics.total_events);
            return done(desk, &format!("would move {instances} instances with {events} events; nothing was done"));
        }
        drop(source);
        self.careful.confirm("move everything to the other store, and close this one")?;
        let (from, to) = (from.open(Access::Own).await?, to.open(Access::Own).await?);
        let bar = progress::bar();
        let told = bar.clone();
        let moving = duroxide::transfer(&*from.provider, &*to.provider).progress(move |at| tell(&told, at));
        let moved = if self.leave_source { moving.leave_source().await } else { moving.await };
        bar.finish_and_clear();
        report(desk, &moved?)
    }
}

fn tell(bar: &ProgressBar, at: &TransferProgress) {
    let what = match at.phase {
        duroxide::transfer::Phase::Copying => "copying",
        duroxide::transfer::Phase::Proving => "proving",
    };
    bar.set_message(format!("{what} {}", at.table));
    bar.set_length(at.rows);
    bar.set_position(at.rows_done);
}

fn report(desk: &mut Desk, moved: &TransferReport) -> Ended {
    if !desk.out.json {
        return Ok(desk.out.block(moved.to_string())?);
    }
    let tables = moved.tables.iter();
    let tables = tables.map(|table| TableRows { table: table.table.name(), rows: table.rows, digest: &table.digest });
    let report = Report { from: &moved.from, to: &moved.to, resumed: moved.resumed, tables: tables.collect() };
    Ok(desk.out.document(&report)?)
}

/// Give up a transfer that this store takes part in, and open it for work again
#[derive(Debug, Args)]
pub(crate) struct CancelTransfer {
    #[command(flatten)]
    careful: Careful,
}

impl CancelTransfer {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let place = Place::of(&desk.globals)?;
        let store = place.open(Access::Look).await?;
        let transfers = store.provider.as_transfer_capability();
        let transfers = transfers.ok_or_else(|| Failure::store("this store cannot be moved"))?;
        if self.careful.dry_run {
            return match transfers.transfer_record().await?.filter(|record| !record.is_open()) {
                Some(record) => done(desk, &format!("would give up the transfer with {}", record.peer)),
                None => done(desk, "takes part in no transfer"),
            };
        }
        self.careful.confirm("give up the transfer; a target is emptied")?;
        drop(store);
        let store = place.open(Access::Change).await?;
        duroxide::cancel_transfer(&*store.provider).await?;
        done(desk, "the transfer was given up; the store is open")
    }
}
