//! `import`: instances that were exported, under ids that are free.

use clap::Args;
use duroxide::transfer::{InstanceExport, TransferError};

use super::careful::Careful;
use super::{Desk, Ended, payload};
use crate::failure::Failure;
use crate::store::Access;

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
        let ids = export.instances().join(", ");
        if self.careful.dry_run {
            let store = desk.open(Access::Look).await?;
            for id in export.instances() {
                if super::instance::stand(&store.client, id).await? != super::instance::Stand::Unknown {
                    return Err(taken(id));
                }
            }
            return super::done(desk, &format!("would take in {ids} with {} rows; nothing was done", export.rows()));
        }
        if !export.running().is_empty() {
            self.careful.confirm(&format!("let {} go on here", export.running().join(", ")))?;
        }
        let store = desk.open(Access::Change).await?;
        duroxide::transfer::import_instances(&*store.provider, &export).await.map_err(|error| match error {
            TransferError::InstanceExists { instance } => taken(&instance),
            other => other.into(),
        })?;
        super::done(desk, &format!("took in {ids} with {} rows", export.rows()))
    }
}

fn taken(id: &str) -> Failure {
    Failure::not_so(format!("instance `{id}` is there already, or something was sent to it; nothing was changed"))
}
