//! `workers`: who is there to work.

use clap::Args;
use duroxide::providers::insight::{TagsServed, WorkerInfo};

use super::{Desk, Ended};
use crate::output::table::{Column, Table};
use crate::output::{Out, Tone, time};
use crate::store::Access;

/// List the processes that work on this store, the living first
#[derive(Debug, Args)]
pub(crate) struct Workers {
    /// Only those that are alive
    #[arg(long)]
    alive: bool,
}

const COLUMNS: &[Column] = &[
    Column::text("NODE"),
    Column::number("PID"),
    Column::text("PROGRAM"),
    Column::new("LIBRARY"),
    Column::new("STATE"),
    Column::number("SEEN"),
    Column::number("UP SINCE"),
    Column::number("SLOTS"),
    Column::text("TAGS"),
    Column::number("HANDLERS"),
    Column::new("SURVIVES"),
];

impl Workers {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let mut workers = store.client.list_workers().await?;
        workers.retain(|worker| worker.is_alive || !self.alive);
        if desk.out.json {
            return Ok(desk.out.document(&workers)?);
        }
        let mut table = Table::new(COLUMNS);
        for worker in &workers {
            row(&mut table, &desk.out, worker);
        }
        desk.out.table(&table)?;
        if workers.is_empty() {
            desk.out.line("nobody has announced himself; workers of 0.1 do not")?;
        }
        Ok(())
    }
}

fn row(table: &mut Table, out: &Out, worker: &WorkerInfo) {
    let state = match worker.is_alive {
        true => ("alive".to_owned(), Tone::Good),
        false => ("gone".to_owned(), Tone::Attention),
    };
    table.row([
        (worker.node.clone(), Tone::Strong),
        (worker.pid.to_string(), Tone::Plain),
        (worker.program.clone(), Tone::Plain),
        (worker.library_version.clone(), Tone::Plain),
        state,
        (time::relative(out.now_ms, worker.seen_at), Tone::Plain),
        (time::relative(out.now_ms, worker.started_at), Tone::Plain),
        (format!("{}+{}", worker.orchestration_slots, worker.activity_slots), Tone::Plain),
        (tags(&worker.tags), Tone::Plain),
        (worker.handlers.len().to_string(), Tone::Plain),
        (worker.durability.map(|durability| durability.to_string()).unwrap_or_default(), Tone::Plain),
    ]);
}

fn tags(served: &TagsServed) -> String {
    let untagged = served.untagged.then_some("(none)");
    let any = served.any.then_some("(any)");
    let words: Vec<&str> = untagged.into_iter().chain(any).chain(served.tags.iter().map(String::as_str)).collect();
    words.join(", ")
}
