//! `queue rows`: one by one, without their payloads.

use clap::{Args, ValueEnum};
use duroxide::providers::insight::{MAX_PAGE, Queue, QueueRow, RowState};
use serde::Serialize;

use crate::commands::{Desk, Ended};
use crate::output::table::{Column, Table};
use crate::output::{Tone, time};
use crate::store::Access;

/// List the rows of a queue, or those of one instance
#[derive(Debug, Args)]
pub(crate) struct Rows {
    /// Which queue
    #[arg(value_enum, required_unless_present = "of", conflicts_with = "of")]
    queue: Option<Which>,

    /// Both queues, but only the rows of this instance
    #[arg(long, value_name = "ID")]
    of: Option<String>,

    /// Behind this row
    #[arg(long, value_name = "ROW", conflicts_with = "of")]
    after: Option<u64>,

    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MAX_PAGE as u64))]
    limit: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    /// Messages for orchestrations: starts, completions, timers, events
    Orchestrator,
    /// Activities to run
    Worker,
}

const COLUMNS: &[Column] = &[
    Column::number("ROW"),
    Column::text("INSTANCE"),
    Column::new("WHAT"),
    Column::text("NAME"),
    Column::new("STATE"),
    Column::number("WHEN"),
    Column::number("TRIED"),
    Column::text("TAG"),
];

#[derive(Serialize)]
struct Page {
    next: Option<u64>,
    rows: Vec<QueueRow>,
}

impl Rows {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let limit = usize::try_from(self.limit).unwrap_or(MAX_PAGE);
        let rows = match (&self.of, self.queue) {
            (Some(instance), _) => store.client.list_rows_of(instance).await?,
            (None, Some(Which::Worker)) => store.client.list_queue(Queue::Worker, self.after, limit).await?,
            (None, _) => store.client.list_queue(Queue::Orchestrator, self.after, limit).await?,
        };
        let is_full = self.of.is_none() && rows.len() == limit;
        let next = rows.last().map(|row| row.id).filter(|_| is_full);
        if desk.out.json {
            return Ok(desk.out.document(&Page { next, rows })?);
        }
        let mut table = Table::new(COLUMNS);
        for row in rows {
            let (state, when) = state(&row, desk.out.now_ms);
            table.row([
                (row.id.to_string(), Tone::Strong),
                (row.instance_id.unwrap_or_default(), Tone::Plain),
                (row.kind, Tone::Plain),
                (row.name.unwrap_or_default(), Tone::Plain),
                state,
                (when, Tone::Plain),
                (row.attempts.to_string(), Tone::Plain),
                (row.tag.unwrap_or_default(), Tone::Plain),
            ]);
        }
        desk.out.table(&table)?;
        match next {
            Some(next) => Ok(desk.out.pieces(&[(Tone::Faint, &format!("more: --after {next}"))])?),
            None => Ok(()),
        }
    }
}

fn state(row: &QueueRow, now_ms: u64) -> ((String, Tone), String) {
    let visible = time::relative(now_ms, row.visible_at);
    let (word, tone, when) = match row.state {
        RowState::Delayed => ("delayed", Tone::Faint, visible),
        RowState::Ready => ("ready", Tone::Good, visible),
        RowState::Held => {
            ("held", Tone::Busy, row.locked_until.map(|until| time::relative(now_ms, until)).unwrap_or_default())
        }
        RowState::Parked => ("parked", Tone::Attention, visible),
    };
    ((word.to_owned(), tone), when)
}
