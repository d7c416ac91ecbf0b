//! `export`: instances as lines of JSON, to be kept, looked at, or imported elsewhere.

use std::io::Write;

use clap::Args;
use duroxide::transfer::TransferError;

use super::{Desk, Ended};
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::output::text::count;
use crate::store::Access;

/// Write all that the store holds of an instance as lines of JSON, payloads included
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The instances
    #[arg(required = true)]
    ids: Vec<String>,

    /// With all their descendants
    #[arg(long)]
    tree: bool,

    /// Into this file, which must not exist, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
}

impl Export {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let mut progress = Progress::new(&desk.out);
        progress.waiting("reading");
        let mut ids = Vec::new();
        for id in self.ids {
            match self.tree {
                true => ids.extend(store.client.get_instance_tree(&id).await?.all_ids),
                false => ids.push(id),
            }
        }
        let export = duroxide::transfer::export_instances(&*store.provider, &ids).await;
        drop(progress);
        let export = export.map_err(|error| match error {
            TransferError::UnknownInstance { instance } => Failure::unknown(&instance),
            other => other.into(),
        })?;
        let Some(path) = self.output else {
            return Ok(export.lines().try_for_each(|line| desk.out.written_line(&line))?);
        };
        let cannot = |error: std::io::Error| Failure::usage(format!("cannot write {}: {error}", path.display()));
        let mut file = create(&path).map_err(cannot)?;
        export.lines().try_for_each(|line| writeln!(file, "{line}")).and_then(|()| file.flush()).map_err(cannot)?;
        let instances = count(export.instances().len() as u64, "instance");
        let rows = count(export.rows() as u64, "row");
        super::done(desk, &format!("wrote {instances} with {rows} to {}", path.display()))
    }
}

/// Readable by its owner only, as the store is.
fn create(path: &std::path::Path) -> std::io::Result<std::io::BufWriter<std::fs::File>> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(std::io::BufWriter::new)
}
