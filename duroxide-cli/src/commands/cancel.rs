//! `cancel`: an instance, with its children and activities.

use clap::Args;
use duroxide::Client;
use serde::Serialize;

use super::{Desk, Ended, instance};
use crate::failure::Failure;
use crate::output::text::count;
use crate::store::Access;

/// Cancel an instance, its children and its activities
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The instance
    id: String,

    /// Why, for its history
    #[arg(long, default_value = "cancelled by an operator")]
    reason: String,

    /// Say what would be cancelled, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What would be cancelled.
#[derive(Serialize)]
struct Report {
    dry_run: bool,
    ids: Vec<String>,
}

impl Cancel {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(if self.dry_run { Access::Look } else { Access::Change }).await?;
        instance::reachable(&store.client, &self.id).await?;
        if self.dry_run {
            return tell(desk, running(&store.client, &self.id).await?);
        }
        store.client.cancel_instance(&self.id, self.reason).await?;
        super::done(desk, &format!("asked {} to end; it fails with its next turn", self.id))
    }
}

/// The instance and its descendants that run.
async fn running(client: &Client, id: &str) -> Result<Vec<String>, Failure> {
    let mut running = Vec::new();
    for member in client.get_instance_tree(id).await?.all_ids {
        // One that has not begun will end as soon as it has.
        if member == id || client.get_instance_info(&member).await?.status == "Running" {
            running.push(member);
        }
    }
    Ok(running)
}

fn tell(desk: &mut Desk, ids: Vec<String>) -> Ended {
    if desk.out.json {
        return Ok(desk.out.document(&Report { dry_run: true, ids })?);
    }
    ids.iter().try_for_each(|id| desk.out.line(format!("  {id}")))?;
    Ok(desk.out.line(format!("would cancel {}; nothing was done", count(ids.len() as u64, "instance")))?)
}
