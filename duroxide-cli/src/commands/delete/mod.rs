//! `delete`: instances that have ended, with their descendants.

use clap::Args;
use duroxide::providers::insight::{InstanceQuery, InstanceRow, MAX_PAGE, ParentFilter};
use duroxide::{Client, DeleteInstanceResult, InstanceFilter};
use serde::Serialize;

use super::careful::Careful;
use super::{Desk, Ended, instance};
use crate::failure::Failure;
use crate::output::text::count;
use crate::output::time::When;
use crate::store::Access;

/// Delete instances for good, each with its descendants
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// These instances
    #[arg(required_unless_present = "ended_before", conflicts_with = "ended_before")]
    ids: Vec<String>,

    /// All roots that ended before then: `30d` ago, or a time
    #[arg(long, value_name = "WHEN")]
    ended_before: Option<When>,

    /// With --ended-before: at most so many
    #[arg(long, value_name = "N", default_value_t = 1_000, requires = "ended_before")]
    limit: u32,

    /// Those that still run, too
    #[arg(long, conflicts_with = "ended_before")]
    force: bool,

    #[command(flatten)]
    careful: Careful,
}

/// What was deleted, or would be.
#[derive(Debug, Default, Serialize)]
struct Report {
    dry_run: bool,
    instances: u64,
    executions: u64,
    events: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_messages: Option<u64>,
    /// What a dry run found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ids: Vec<String>,
}

impl Delete {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let access = if self.careful.dry_run { Access::Look } else { Access::Change };
        let store = desk.open(access).await?;
        let before = self.ended_before.map(|when| when.ms(desk.out.now_ms));
        let report = match (before, self.careful.dry_run) {
            (None, true) => self.try_ids(&store.client).await?,
            (None, false) => self.ids(&store.client).await?,
            (Some(before), true) => try_ended(&store.client, before, self.limit).await?,
            (Some(before), false) => {
                self.careful.confirm("delete all that ended before then")?;
                let filter = InstanceFilter {
                    completed_before: Some(before),
                    limit: Some(self.limit),
                    ..InstanceFilter::default()
                };
                let mut report = Report::default();
                report.add(&store.client.delete_instance_bulk(filter).await?);
                report
            }
        };
        report.tell(desk)
    }

    async fn try_ids(&self, client: &Client) -> Result<Report, Failure> {
        let mut report = Report { dry_run: true, ..Report::default() };
        for id in &self.ids {
            instance::known(client, id).await?;
            for member in client.get_instance_tree(id).await?.all_ids {
                let info = client.get_instance_info(&member).await?;
                if info.status == "Running" && !self.force {
                    return Err(duroxide::ClientError::InstanceStillRunning { instance_id: member }.into());
                }
                report.count(client, member).await?;
            }
        }
        Ok(report)
    }

    async fn ids(&self, client: &Client) -> Result<Report, Failure> {
        for id in &self.ids {
            instance::known(client, id).await?;
        }
        let what = match self.ids.as_slice() {
            [one] => format!("delete {one}"),
            many => format!("delete {} instances", many.len()),
        };
        self.careful.confirm(&format!("{what} with all descendants"))?;
        let mut report = Report::default();
        for id in &self.ids {
            report.add(&client.delete_instance(id, self.force).await?);
        }
        Ok(report)
    }
}

/// Which roots have ended by then, as an index tells.
async fn try_ended(client: &Client, before: u64, limit: u32) -> Result<Report, Failure> {
    let mut report = Report { dry_run: true, ..Report::default() };
    for status in ["Completed", "Failed"] {
        let mut query = InstanceQuery {
            status: Some(status.to_owned()),
            parent: Some(ParentFilter::Roots),
            limit: MAX_PAGE,
            ..InstanceQuery::default()
        };
        loop {
            let page = client.find_instances(&query).await?;
            for InstanceRow { instance_id, updated_at, .. } in page.rows {
                if updated_at < before && report.ids.len() < limit as usize {
                    report.count(client, instance_id).await?;
                }
            }
            match page.next {
                Some(next) if report.ids.len() < limit as usize => query.after = Some(next),
                _ => break,
            }
        }
    }
    Ok(report)
}

impl Report {
    async fn count(&mut self, client: &Client, id: String) -> Result<(), Failure> {
        for execution_id in client.list_executions(&id).await? {
            self.executions += 1;
            self.events += client.get_execution_info(&id, execution_id).await?.event_count as u64;
        }
        self.instances += 1;
        self.ids.push(id);
        Ok(())
    }

    fn add(&mut self, deleted: &DeleteInstanceResult) {
        self.instances += deleted.instances_deleted;
        self.executions += deleted.executions_deleted;
        self.events += deleted.events_deleted;
        self.queue_messages = Some(self.queue_messages.unwrap_or(0) + deleted.queue_messages_deleted);
    }

    fn tell(&self, desk: &mut Desk) -> Ended {
        if desk.out.json {
            return Ok(desk.out.document(self)?);
        }
        self.ids.iter().try_for_each(|id| desk.out.line(format!("  {id}")))?;
        let what = format!(
            "{}, {}, {}",
            count(self.instances, "instance"),
            count(self.executions, "execution"),
            count(self.events, "event")
        );
        match self.dry_run {
            true => desk.out.line(format!("would delete {what}; nothing was done"))?,
            false => desk.out.line(format!("deleted {what}"))?,
        }
        Ok(())
    }
}
