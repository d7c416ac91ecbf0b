//! `db transfer` and `db cancel-transfer`: all that is in a store, in flight or not, goes to another one.

use clap::Args;
use duroxide::providers::transfer::Stage;
use duroxide::transfer::{TransferError, TransferProgress, TransferReport};
use serde::Serialize;

use crate::commands::careful::Careful;
use crate::commands::{Desk, Ended, done};
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::output::text::count;
use crate::store::{Access, Place, Store};

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
        self.careful.check("move everything to the other store, and close this one")?;
        // A source that is not there must not be created by looking for it.
        let source = from.open(Access::Look).await?;
        if let Some(target) = there(&to).await? {
            empty(&target).await?;
        }
        if self.careful.dry_run {
            let metrics = source.client.get_system_metrics().await?;
            let instances = count(metrics.total_instances, "instance");
            let alive = alive(&source).await?;
            let first = if alive.is_empty() { String::new() } else { format!(" once {alive} have stopped") };
            let events = count(metrics.total_events, "event");
            return done(desk, &format!("would move {instances} with {events}{first}; nothing was done"));
        }
        drop(source);
        self.careful.confirm("move everything to the other store, and close this one")?;
        let (from, to) = (from.open(Access::Own).await?, to.open(Access::Own).await?);
        let mut progress = Progress::new(&desk.out);
        let moving = duroxide::transfer(&*from.provider, &*to.provider).progress(|at| tell(&mut progress, at));
        let moved = if self.leave_source { moving.leave_source().await } else { moving.await };
        drop(progress);
        report(desk, &moved?)
    }
}

/// The target as it is, unless it is made by the transfer.
async fn there(to: &Place) -> Result<Option<Store>, Failure> {
    if matches!(to, Place::Sqlite(path) if !std::path::Path::new(path).exists()) {
        return Ok(None);
    }
    match to.open(Access::Look).await {
        Ok(target) => Ok(Some(target)),
        Err(older) if older.is_older() => Ok(None),
        Err(refused) => Err(refused),
    }
}

/// Refuses a target that holds something, unless this transfer put it there.
async fn empty(target: &Store) -> Ended {
    if let Some(transfers) = target.provider.as_transfer_capability()
        && transfers.transfer_record().await?.is_some_and(|record| !record.is_open())
    {
        return Ok(());
    }
    match target.client.get_system_metrics().await?.total_instances {
        0 => Ok(()),
        found => {
            let found = count(found, "instance");
            Err(Failure::not_so(format!(
                "expected an empty store, found {found} in the one to move to; nothing was changed"
            )))
        }
    }
}

/// Workers that have to stop first, as far as the store knows.
async fn alive(source: &Store) -> Result<String, Failure> {
    if !source.client.has_insight_capability() {
        return Ok(String::new());
    }
    let alive = source.client.list_workers().await?.iter().filter(|worker| worker.is_alive).count();
    Ok(if alive == 0 { String::new() } else { count(alive as u64, "worker") })
}

fn tell(progress: &mut Progress, at: &TransferProgress) {
    let what = match at.phase {
        duroxide::transfer::Phase::Copying => "copying",
        duroxide::transfer::Phase::Proving => "proving",
    };
    progress.at(&format!("{what} {}", at.table), at.rows_done, at.rows);
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
        self.careful.check("give up the transfer; a target is emptied")?;
        let place = Place::of(&desk.globals)?;
        let store = place.open(Access::Look).await?;
        let transfers = store.provider.as_transfer_capability();
        let transfers = transfers.ok_or_else(|| Failure::store("this store cannot be moved"))?;
        let record = transfers.transfer_record().await?.filter(|record| record.stage != Stage::Done);
        let Some(record) = record else {
            return Err(TransferError::NoTransfer { store: transfers.place() }.into());
        };
        if record.stage == Stage::Handing {
            return Err(TransferError::PastReturn { store: transfers.place(), peer: record.peer }.into());
        }
        if self.careful.dry_run {
            return done(desk, &format!("would give up the transfer with {}; nothing was done", record.peer));
        }
        self.careful.confirm("give up the transfer; a target is emptied")?;
        drop(store);
        let store = place.open(Access::Change).await?;
        duroxide::cancel_transfer(&*store.provider).await?;
        done(desk, "the transfer was given up; the store is open")
    }
}
