//! `handlers`: what can be run, and by how many.

use std::collections::BTreeMap;

use clap::Args;
use duroxide::providers::insight::{HandlerInfo, HandlerSort, Unserved, WorkerInfo};
use serde::Serialize;

use super::{Desk, Ended};
use crate::output::Tone;
use crate::output::table::{Column, Table};
use crate::output::text::count;
use crate::store::Access;

/// List the orchestrations and activities that workers have registered, and work that nobody can do
#[derive(Debug, Args)]
pub(crate) struct Handlers {
    /// Only orchestrations
    #[arg(long, conflicts_with = "activities")]
    orchestrations: bool,

    /// Only activities
    #[arg(long)]
    activities: bool,
}

/// A handler, and who has it.
#[derive(Debug, Serialize)]
pub(crate) struct Handler {
    #[serde(flatten)]
    pub(crate) info: HandlerInfo,
    pub(crate) live_workers: usize,
    pub(crate) silent_workers: usize,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Found {
    handlers: Vec<Handler>,
    unserved: Vec<Unserved>,
}

/// Lines about work that nobody can do.
const UNSERVED: usize = 50;

const COLUMNS: &[Column] = &[
    Column::new("KIND"),
    Column::text("NAME"),
    Column::new("VERSION"),
    Column::number("LIVE"),
    Column::text("SIGNATURE"),
    Column::text("WHERE"),
];

impl Handlers {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let mut handlers = of(&store.client.list_workers().await?);
        handlers.retain(|handler| match handler.info.kind {
            HandlerSort::Activity => !self.orchestrations,
            HandlerSort::Orchestration => !self.activities,
        });
        let unserved = store.client.list_unserved(UNSERVED).await?;
        if desk.out.json {
            return Ok(desk.out.document(&Found { handlers, unserved })?);
        }
        let mut table = Table::new(COLUMNS);
        for Handler { info, live_workers, .. } in &handlers {
            let tone = if *live_workers == 0 { Tone::Attention } else { Tone::Plain };
            let place = info.source.as_ref().map(|source| format!("{}:{}", source.file, source.line));
            table.row([
                (info.kind.to_string(), Tone::Faint),
                (info.name.clone(), Tone::Strong),
                (info.version.clone(), Tone::Plain),
                (live_workers.to_string(), tone),
                (signature(info), Tone::Plain),
                (place.unwrap_or_default(), Tone::Faint),
            ]);
        }
        desk.out.table(&table)?;
        unserved.iter().try_for_each(|work| Ok(desk.out.pieces(&[(Tone::Attention, &missing(work))])?))
    }
}

/// Work that nobody can do, in a sentence.
pub(crate) fn missing(work: &Unserved) -> String {
    let version = work.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let tag = work.tag.as_ref().map(|tag| format!(" with tag `{tag}`")).unwrap_or_default();
    let waiting = count(work.instances, "instance");
    let Unserved { kind, name, example, .. } = work;
    format!("{kind} `{name}`{version}{tag}: no live worker serves it; waiting: {waiting}, for example {example}")
}

/// All that any worker has registered, each once.
pub(crate) fn of(workers: &[WorkerInfo]) -> Vec<Handler> {
    let mut found: BTreeMap<&HandlerInfo, (usize, usize)> = BTreeMap::new();
    for worker in workers {
        for handler in &worker.handlers {
            let (live, silent) = found.entry(handler).or_default();
            if worker.is_alive { *live += 1 } else { *silent += 1 }
        }
    }
    let told = |(info, (live_workers, silent_workers)): (&HandlerInfo, (usize, usize))| Handler {
        info: info.clone(),
        live_workers,
        silent_workers,
    };
    found.into_iter().map(told).collect()
}

/// `(order: String, cents: u64) -> Result<Receipt, String>`, when the macros wrote it down.
pub(crate) fn signature(info: &HandlerInfo) -> String {
    let Some(source) = &info.source else {
        return String::new();
    };
    let arguments: Vec<String> = source.arguments.iter().map(|(name, of)| format!("{name}: {}", short(of))).collect();
    format!("({}) -> Result<{}, {}>", arguments.join(", "), short(&source.ok), short(&source.err))
}

/// Where the types live that everybody calls by their last names.
const KNOWN: &[&str] = &[
    "alloc::string::",
    "alloc::vec::",
    "alloc::boxed::",
    "alloc::collections::btree::map::",
    "core::option::",
    "core::result::",
    "core::time::",
    "std::collections::hash::map::",
];

/// `alloc::string::String` as it is written.
fn short(of: &str) -> String {
    KNOWN.iter().fold(of.to_owned(), |of, path| of.replace(path, ""))
}
