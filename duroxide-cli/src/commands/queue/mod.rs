//! `queue`: what waits, and what could not be read.

mod drop;
mod quarantine;
mod rows;

use clap::{Args, Subcommand};
use duroxide::Client;
use duroxide::providers::insight::QueueFigures;
use serde::Serialize;

use super::{Desk, Ended};
use crate::failure::Failure;
use crate::output::table::{Column, Table};
use crate::output::{Tone, time};
use crate::store::Access;

/// Show what waits in the queues; look at rows that could not be read or that wait for nobody, retry or drop them
#[derive(Debug, Args)]
pub(crate) struct Queue {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    Rows(rows::Rows),
    Quarantine(quarantine::Quarantine),
    Retry(quarantine::Retry),
    Drop(drop::Drop),
}

const COLUMNS: &[Column] = &[
    Column::new("QUEUE"),
    Column::number("READY"),
    Column::number("DELAYED"),
    Column::number("HELD"),
    Column::number("PARKED"),
    Column::number("OLDEST READY"),
];

impl Queue {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        match self.what {
            None => overview(desk).await,
            Some(What::Rows(rows)) => rows.run(desk).await,
            Some(What::Quarantine(quarantine)) => quarantine.run(desk).await,
            Some(What::Retry(retry)) => retry.run(desk).await,
            Some(What::Drop(drop)) => drop.run(desk).await,
        }
    }
}

async fn overview(desk: &mut Desk) -> Ended {
    let store = desk.open(Access::Look).await?;
    if !store.client.has_insight_capability() {
        return depths(desk, &store.client).await;
    }
    let overview = store.client.queue_overview().await?;
    if desk.out.json {
        return Ok(desk.out.document(&overview)?);
    }
    let mut table = Table::new(COLUMNS);
    for (name, queue) in [("orchestrator", &overview.orchestrator), ("worker", &overview.worker)] {
        row(&mut table, name, queue, desk.out.now_ms);
    }
    desk.out.table(&table)?;
    match overview.quarantined {
        0 => Ok(()),
        rows => {
            let told = format!("{rows} rows could not be read: `duroxide queue quarantine`");
            Ok(desk.out.pieces(&[(Tone::Attention, &told)])?)
        }
    }
}

fn row(table: &mut Table, name: &str, queue: &QueueFigures, now_ms: u64) {
    let number = |number: u64| (number.to_string(), Tone::Plain);
    let oldest = queue.oldest_ready_at.map(|at| time::relative(now_ms, at)).unwrap_or_default();
    table.row([
        (name.to_owned(), Tone::Strong),
        number(queue.ready),
        number(queue.delayed),
        number(queue.held),
        number(queue.parked),
        (oldest, Tone::Plain),
    ]);
}

/// What any store can tell.
#[derive(Serialize)]
struct Depths {
    orchestrator: usize,
    worker: usize,
}

async fn depths(desk: &mut Desk, client: &Client) -> Ended {
    let depths = client.get_queue_depths().await.map_err(Failure::from)?;
    let depths = Depths { orchestrator: depths.orchestrator_queue, worker: depths.worker_queue };
    match desk.out.json {
        true => Ok(desk.out.document(&depths)?),
        false => {
            desk.out.field("orchestrator", depths.orchestrator.to_string())?;
            Ok(desk.out.field("worker", depths.worker.to_string())?)
        }
    }
}
