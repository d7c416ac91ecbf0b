//! `import`: instances that were exported, under ids that are free.

use clap::Args;
use duroxide::transfer::{InstanceExport, TransferError};

use super::careful::Careful;
use super::{Desk, Ended, payload};
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::store::{Access, Store};

/// Take in what `export` wrote; an id that is taken is refused
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file, or - for standard input
    file: String,

    /// Take in instances that run, too: they go on here, and must not where they came from
    #[arg(long)]
    running: bool,

    #[command(flatten)]
    careful: Careful,
}

impl Import {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let text = match self.file.as_str() {
            "-" => payload::given("-")?,
            path => payload::given(&format!("@{path}"))?,
        };
        let export = InstanceExport::read(text.lines()).map_err(|error| Failure::usage(error.to_string()))?;
        if let Some(id) = export.running().first().filter(|_| !self.running) {
            return Err(Failure::usage(format!(
                "instance `{id}` had not ended; with --running it goes on here, and must not where it came from"
            )));
        }
        if !export.running().is_empty() {
            self.careful.check(&on_the_way(&export))?;
        }
        let store = desk.open(if self.careful.dry_run { Access::Look } else { Access::Change }).await?;
        for id in export.instances() {
            free(&store, id).await?;
        }
        let what = format!("{} with {} rows", export.instances().join(", "), export.rows());
        if self.careful.dry_run {
            return super::done(desk, &format!("would take in {what}; nothing was done"));
        }
        if !export.running().is_empty() {
            self.careful.confirm(&on_the_way(&export))?;
        }
        let mut progress = Progress::new(&desk.out);
        progress.waiting("taking it in");
        let taken_in = duroxide::transfer::import_instances(&*store.provider, &export).await;
        drop(progress);
        taken_in.map_err(|error| match error {
            // Somebody else came in between.
            TransferError::InstanceExists { instance } => taken(&instance),
            other => other.into(),
        })?;
        super::done(desk, &format!("took in {what}"))
    }
}

fn on_the_way(export: &InstanceExport) -> String {
    format!("let {} go on here", export.running().join(", "))
}

/// Refuses an id that is there, or to which something was sent.
async fn free(store: &Store, id: &str) -> Result<(), Failure> {
    let is_there = !store.client.list_executions(id).await?.is_empty();
    let is_sent_to = store.client.has_insight_capability() && !store.client.list_rows_of(id).await?.is_empty();
    if is_there || is_sent_to { Err(taken(id)) } else { Ok(()) }
}

fn taken(id: &str) -> Failure {
    Failure::not_so(format!("instance `{id}` is there already, or something was sent to it; nothing was changed"))
}
