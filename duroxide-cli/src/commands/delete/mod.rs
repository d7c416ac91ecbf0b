//! `delete`: instances that have ended, with their descendants.
//!
//! What goes is found first. A dry run tells of it, a real one asks about it and then takes exactly that.

mod plan;

use clap::Args;
use duroxide::{Client, ClientError, DeleteInstanceResult, InstanceFilter};
use serde::Serialize;

use super::careful::Careful;
use super::{Desk, Ended};
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::output::text::count;
use crate::output::time::{self, When};
use crate::store::Access;
use plan::{Chosen, Plan};

/// Delete instances for good, each with its descendants
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// These instances
    #[arg(required_unless_present = "ended_before", conflicts_with = "ended_before")]
    ids: Vec<String>,

    /// All roots that ended before then: `30d` ago, or a time
    #[arg(long, value_name = "WHEN")]
    ended_before: Option<When>,

    /// With --ended-before: at most so many roots, the oldest
    #[arg(long, value_name = "N", requires = "ended_before")]
    limit: Option<usize>,

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
        self.careful.check(&self.wish())?;
        let access = if self.careful.dry_run { Access::Look } else { Access::Change };
        let store = desk.open(access).await?;
        let client = &store.client;
        let plan = self.plan(client, desk).await?;
        if self.careful.dry_run {
            let mut progress = Progress::new(&desk.out);
            let report = told(client, &plan, &mut progress).await?;
            drop(progress);
            return report.tell(desk);
        }
        if !plan.roots.is_empty() {
            self.careful.confirm(&plan.question())?;
        }
        let mut progress = Progress::new(&desk.out);
        let report = carry_out(client, &plan, &mut progress).await?;
        drop(progress);
        report.tell(desk)
    }

    /// What it comes to is not known yet.
    fn wish(&self) -> String {
        match self.ids.as_slice() {
            [] => "delete all that ended before then".to_owned(),
            ids => by_id(ids),
        }
    }

    async fn plan(&self, client: &Client, desk: &Desk) -> Result<Plan, Failure> {
        match self.ended_before {
            None => Plan::of_ids(client, &self.ids, self.force).await,
            Some(when) => {
                let mut progress = Progress::new(&desk.out);
                Plan::of_ended(client, when.ms(desk.out.now_ms), self.limit, &mut progress).await
            }
        }
    }
}

/// What the plan comes to, with all descendants.
async fn told(client: &Client, plan: &Plan, progress: &mut Progress) -> Result<Report, Failure> {
    let mut report = Report { dry_run: true, ..Report::default() };
    let all = plan.roots.len() as u64;
    for (root, done) in plan.roots.iter().zip(0..) {
        progress.at("counting", done, all);
        for member in client.get_instance_tree(root).await?.all_ids {
            report.count(client, member).await?;
        }
    }
    Ok(report)
}

async fn carry_out(client: &Client, plan: &Plan, progress: &mut Progress) -> Result<Report, Failure> {
    let mut report = Report::default();
    let all = plan.roots.len() as u64;
    let mut done = 0;
    match plan.chosen {
        Chosen::ById { force } => {
            for root in &plan.roots {
                progress.at("deleting", done, all);
                report.add(&client.delete_instance(root, force).await?);
                done += 1;
            }
        }
        Chosen::EndedBefore(before) => {
            for roots in plan.roots.chunks(plan::CHUNK) {
                progress.at("deleting", done, all);
                // The store looks once more: an id that was deleted and given away meanwhile is another instance.
                let filter = InstanceFilter {
                    instance_ids: Some(roots.to_vec()),
                    completed_before: Some(before),
                    limit: u32::try_from(roots.len()).ok(),
                };
                report.add(&client.delete_instance_bulk(filter).await?);
                done += roots.len() as u64;
            }
        }
    }
    Ok(report)
}

impl Plan {
    /// What is asked before it is carried out.
    fn question(&self) -> String {
        match self.chosen {
            Chosen::ById { .. } => by_id(&self.roots),
            Chosen::EndedBefore(before) => {
                let roots = count(self.roots.len() as u64, "instance");
                format!("delete {roots} that ended before {}, with all descendants", time::at(before))
            }
        }
    }
}

fn by_id(ids: &[String]) -> String {
    match ids {
        [one] => format!("delete {one} with all descendants"),
        many => format!("delete {} instances with all descendants", many.len()),
    }
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

/// A child goes with its root only.
fn is_child(instance_id: String) -> Failure {
    ClientError::CannotDeleteSubOrchestration { instance_id }.into()
}
