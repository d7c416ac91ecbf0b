//! Which instances go, found before any of them does: for a dry run and a real one alike.

use std::collections::{BTreeSet, HashSet};

use duroxide::providers::insight::{InstanceQuery, InstanceRow, MAX_PAGE, ParentFilter};
use duroxide::{Client, ClientError};

use super::is_child;
use crate::commands::instance;
use crate::failure::Failure;
use crate::output::progress::Progress;

/// Roots that the store is given at once.
pub(super) const CHUNK: usize = 50;

/// Those who have ended, as a store's deletion by time understands it.
const ENDED: [&str; 3] = ["Completed", "Failed", "ContinuedAsNew"];

/// What goes.
#[derive(Debug)]
pub(super) struct Plan {
    /// Each with all its descendants, the oldest first unless they were named.
    pub(super) roots: Vec<String>,
    pub(super) chosen: Chosen,
}

/// How it was chosen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chosen {
    ById {
        /// Even if it runs.
        force: bool,
    },
    /// In milliseconds since the Unix epoch.
    EndedBefore(u64),
}

impl Plan {
    /// These, each once; refused when one of them could not be deleted.
    pub(super) async fn of_ids(client: &Client, ids: &[String], force: bool) -> Result<Self, Failure> {
        let mut seen = HashSet::new();
        let roots: Vec<String> = ids.iter().filter(|id| seen.insert(id.as_str())).cloned().collect();
        for root in &roots {
            instance::known(client, root).await?;
            if client.get_instance_info(root).await?.parent_instance_id.is_some() {
                return Err(is_child(root.clone()));
            }
            if force {
                continue;
            }
            for member in client.get_instance_tree(root).await?.all_ids {
                if client.get_instance_info(&member).await?.status == "Running" {
                    return Err(ClientError::InstanceStillRunning { instance_id: member }.into());
                }
            }
        }
        Ok(Plan { roots, chosen: Chosen::ById { force } })
    }

    /// Roots that ended before then, at most so many, the oldest ones. Their ids are all that is kept of them.
    pub(super) async fn of_ended(
        client: &Client,
        before: u64,
        most: Option<usize>,
        progress: &mut Progress,
    ) -> Result<Self, Failure> {
        let most = most.unwrap_or(usize::MAX);
        let mut found = BTreeSet::new();
        for status in ENDED {
            let mut query = InstanceQuery {
                status: Some(status.to_owned()),
                parent: Some(ParentFilter::Roots),
                created_before_ms: Some(before),
                limit: MAX_PAGE,
                ..InstanceQuery::default()
            };
            loop {
                let page = client.find_instances(&query).await?;
                for row in page.rows {
                    if has_ended(client, &row, before).await? {
                        found.insert((row.created_at, row.instance_id));
                    }
                    // The newest have come first.
                    if found.len() > most {
                        found.pop_last();
                    }
                }
                progress.counting("looking for what has ended", found.len() as u64);
                let Some(next) = page.next else { break };
                query.after = Some(next);
            }
        }
        let roots = found.into_iter().map(|(_, id)| id).collect();
        Ok(Plan { roots, chosen: Chosen::EndedBefore(before) })
    }
}

/// Whether it ended by then. What was not touched since then had ended before; of what was, its execution tells.
async fn has_ended(client: &Client, row: &InstanceRow, before: u64) -> Result<bool, Failure> {
    if row.updated_at < before {
        return Ok(true);
    }
    let execution = client.get_execution_info(&row.instance_id, row.execution_id).await;
    match execution {
        Ok(execution) => Ok(execution.completed_at.is_some_and(|at| at < before)),
        Err(ClientError::Provider(error)) if error.is_retryable() => Err(error.into()),
        // It has gone meanwhile.
        Err(_) => Ok(false),
    }
}
