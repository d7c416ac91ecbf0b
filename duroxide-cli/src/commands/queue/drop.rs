//! `queue drop`: rows that could not be read, and messages for instances that nobody has started, are deleted for good.

use clap::Args;
use duroxide::Client;
use duroxide::providers::insight::{Queue, QueueRow, RowState};

use super::quarantine::unknown;
use crate::commands::careful::Careful;
use crate::commands::{Desk, Ended, done};
use crate::failure::Failure;
use crate::output::text;
use crate::store::Access;

/// Delete rows that could not be read, or messages that wait for nobody, for good
#[derive(Debug, Args)]
pub(crate) struct Drop {
    /// Their numbers, as `queue quarantine` lists them
    #[arg(required = true)]
    rows: Vec<u64>,

    /// The numbers are those of parked messages, as `queue rows orchestrator` lists them: for instances that nobody has
    /// started
    #[arg(long)]
    parked: bool,

    #[command(flatten)]
    careful: Careful,
}

impl Drop {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let wish = format!("drop {} for good", text::count(self.rows.len() as u64, "row"));
        self.careful.check(&wish)?;
        let access = if self.careful.dry_run { Access::Look } else { Access::Change };
        let store = desk.open(access).await?;
        let mut told = Vec::new();
        for &row in &self.rows {
            told.push(match self.parked {
                true => parked(&store.client, row).await?,
                false => set_aside(&store.client, row).await?,
            });
        }
        if self.careful.dry_run {
            return told.iter().try_for_each(|row| done(desk, &format!("would drop {row}")));
        }
        self.careful.confirm(&wish)?;
        for row in self.rows {
            let (was_there, missing) = match self.parked {
                true => (store.client.drop_parked(row).await?, not_parked(row)),
                false => (store.client.drop_quarantined(row).await?, unknown(row)),
            };
            match was_there {
                true => done(desk, &format!("dropped row {row}"))?,
                false => return Err(missing),
            }
        }
        Ok(())
    }
}

/// What a row that could not be read is.
async fn set_aside(client: &Client, row: u64) -> Result<String, Failure> {
    let listed = client.list_quarantined(None, row.checked_sub(1), 1).await?;
    let found = listed.into_iter().find(|listed| listed.id == row).ok_or_else(|| unknown(row))?;
    let whose = found.instance_id.as_deref().unwrap_or("nobody's");
    Ok(format!("row {row} of {whose}: {}", found.reason))
}

/// What a parked message is.
async fn parked(client: &Client, row: u64) -> Result<String, Failure> {
    let listed = client.list_queue(Queue::Orchestrator, row.checked_sub(1), 1).await?;
    let is_it = |listed: &QueueRow| listed.id == row && listed.state == RowState::Parked;
    let found = listed.into_iter().find(is_it).ok_or_else(|| not_parked(row))?;
    let whose = found.instance_id.as_deref().unwrap_or("nobody");
    let name = found.name.map(|name| format!(" `{name}`")).unwrap_or_default();
    Ok(format!("row {row} for {whose}: {}{name}", found.kind))
}

fn not_parked(row: u64) -> Failure {
    Failure::not_so(format!("there is no row {row} among messages that wait for nobody: `queue rows orchestrator`"))
}
