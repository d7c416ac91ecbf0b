//! `prune`: old executions of instances that continue as new.

use clap::Args;
use duroxide::providers::insight::InstanceQuery;
use duroxide::{Client, InstanceFilter, PruneOptions, PruneResult};
use serde::Serialize;

use super::careful::Careful;
use super::{Desk, Ended, instance};
use crate::failure::Failure;
use crate::output::text::count;
use crate::output::time::When;
use crate::store::Access;

/// Instances in one transaction of the store.
const PAGE: u32 = 500;

/// Delete old executions of an instance; the newest always stays
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// This instance
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,

    /// All instances, at most so many
    #[arg(long, value_name = "N")]
    all: Option<u32>,

    /// How many of the newest executions stay
    #[arg(long, value_name = "N", required_unless_present = "ended_before")]
    keep: Option<u32>,

    /// Only executions that ended before then: `30d` ago, or a time
    #[arg(long, value_name = "WHEN")]
    ended_before: Option<When>,

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
}

impl Prune {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let completed_before = self.ended_before.map(|when| when.ms(desk.out.now_ms));
        let options = PruneOptions { keep_last: self.keep, completed_before };
        let access = if self.careful.dry_run { Access::Look } else { Access::Change };
        let store = desk.open(access).await?;
        let report = match (&self.id, self.careful.dry_run) {
            (Some(id), true) => try_one(&store.client, id, &options).await?,
            (Some(id), false) => {
                instance::known(&store.client, id).await?;
                self.careful.confirm(&format!("delete old executions of {id}"))?;
                Report::of(&store.client.prune_executions(id, options).await?)
            }
            (None, true) => {
                return Err(Failure::usage("a dry run of --all would read everything; try it on one instance"));
            }
            (None, false) => {
                self.careful.confirm("delete old executions of all instances")?;
                prune_all(&store.client, self.all.unwrap_or_default(), &options).await?
            }
        };
        report.tell(desk)
    }
}

/// Page by page, the newest first: the store by itself would begin with the same ones each time.
async fn prune_all(client: &Client, most: u32, options: &PruneOptions) -> Result<Report, Failure> {
    let mut report = Report::default();
    let mut query = InstanceQuery::default();
    let mut left = most;
    while left > 0 {
        query.limit = left.min(PAGE) as usize;
        let page = client.find_instances(&query).await?;
        let ids: Vec<String> = page.rows.into_iter().map(|row| row.instance_id).collect();
        left = left.saturating_sub(query.limit as u32);
        let filter = InstanceFilter { instance_ids: Some(ids), limit: Some(PAGE), ..InstanceFilter::default() };
        report.add(&client.prune_executions_bulk(filter, options.clone()).await?);
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    Ok(report)
}

/// What the store would delete, by its rule: neither the newest so many nor one that still runs.
async fn try_one(client: &Client, id: &str, options: &PruneOptions) -> Result<Report, Failure> {
    instance::known(client, id).await?;
    let mut report = Report { dry_run: true, instances: 1, ..Report::default() };
    let executions = client.list_executions(id).await?;
    let kept = options.keep_last.unwrap_or(1).max(1) as usize;
    let old = &executions[..executions.len().saturating_sub(kept)];
    for &execution_id in old {
        let info = client.get_execution_info(id, execution_id).await?;
        let is_old = options.completed_before.is_none_or(|before| info.completed_at.is_some_and(|at| at < before));
        if is_old && info.status != "Running" {
            report.executions += 1;
            report.events += info.event_count as u64;
        }
    }
    Ok(report)
}

impl Report {
    fn of(pruned: &PruneResult) -> Self {
        Report {
            dry_run: false,
            instances: pruned.instances_processed,
            executions: pruned.executions_deleted,
            events: pruned.events_deleted,
        }
    }

    fn add(&mut self, pruned: &PruneResult) {
        self.instances += pruned.instances_processed;
        self.executions += pruned.executions_deleted;
        self.events += pruned.events_deleted;
    }

    fn tell(&self, desk: &mut Desk) -> Ended {
        if desk.out.json {
            return Ok(desk.out.document(self)?);
        }
        let what = format!(
            "{} with {} of {}",
            count(self.executions, "execution"),
            count(self.events, "event"),
            count(self.instances, "instance")
        );
        match self.dry_run {
            true => desk.out.line(format!("would delete {what}; nothing was done"))?,
            false => desk.out.line(format!("deleted {what}"))?,
        }
        Ok(())
    }
}
