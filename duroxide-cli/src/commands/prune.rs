//! `prune`: old executions of instances that continue as new.
//!
//! What goes is found first. A dry run tells of it, a real one asks about it and then takes exactly that.

use clap::Args;
use duroxide::providers::insight::{InstanceQuery, MAX_PAGE};
use duroxide::{Client, InstanceFilter, PruneOptions, PruneResult};
use serde::Serialize;

use super::careful::Careful;
use super::{Desk, Ended, instance};
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::output::text::count;
use crate::output::time::When;
use crate::store::Access;

/// Instances that the store is given at once.
const CHUNK: usize = 50;

/// Delete old executions of an instance; the newest always stays
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// This instance
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,

    /// All instances, or the newest so many
    #[arg(long, value_name = "N", num_args = 0..=1)]
    all: Option<Option<u64>>,

    /// How many of the newest executions stay
    #[arg(long, value_name = "N", required_unless_present = "ended_before")]
    keep: Option<u32>,

    /// Only executions that ended before then: `30d` ago, or a time
    #[arg(long, value_name = "WHEN")]
    ended_before: Option<When>,

    #[command(flatten)]
    careful: Careful,
}

/// What goes.
#[derive(Debug, Default)]
struct Plan {
    /// Those of which something does; ids are all that is kept of them.
    instances: Vec<String>,
    executions: u64,
    events: u64,
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
        self.careful.check("delete old executions")?;
        let completed_before = self.ended_before.map(|when| when.ms(desk.out.now_ms));
        let options = PruneOptions { keep_last: self.keep, completed_before };
        let access = if self.careful.dry_run { Access::Look } else { Access::Change };
        let store = desk.open(access).await?;
        let client = &store.client;
        let mut progress = Progress::new(&desk.out);
        let plan = match &self.id {
            Some(id) => Plan::of_one(client, id, &options).await?,
            None => Plan::of_all(client, self.all.flatten().unwrap_or(u64::MAX), &options, &mut progress).await?,
        };
        drop(progress);
        if self.careful.dry_run {
            return plan.report().tell(desk);
        }
        if !plan.instances.is_empty() {
            self.careful.confirm(&format!("delete {}", plan.report().what()))?;
        }
        let mut progress = Progress::new(&desk.out);
        let report = plan.carry_out(client, &options, &mut progress).await?;
        drop(progress);
        report.tell(desk)
    }
}

impl Plan {
    async fn of_one(client: &Client, id: &str, options: &PruneOptions) -> Result<Self, Failure> {
        instance::known(client, id).await?;
        let mut plan = Plan::default();
        plan.add(client, id.to_owned(), options).await?;
        Ok(plan)
    }

    /// The newest first. Only those that continued as new are looked at.
    async fn of_all(
        client: &Client,
        most: u64,
        options: &PruneOptions,
        progress: &mut Progress,
    ) -> Result<Self, Failure> {
        let mut plan = Plan::default();
        let mut query = InstanceQuery { limit: MAX_PAGE, ..InstanceQuery::default() };
        let mut looked = 0;
        loop {
            query.limit = usize::try_from(most - looked).unwrap_or(MAX_PAGE).min(MAX_PAGE);
            if query.limit == 0 {
                return Ok(plan);
            }
            let page = client.find_instances(&query).await?;
            looked += page.rows.len() as u64;
            for row in page.rows.into_iter().filter(|row| row.execution_id > 1) {
                plan.add(client, row.instance_id, options).await?;
            }
            progress.counting("looking for old executions", looked);
            let Some(next) = page.next else { return Ok(plan) };
            query.after = Some(next);
        }
    }

    /// What of an instance goes, by the store's rule: neither the newest so many nor one that still runs.
    async fn add(&mut self, client: &Client, id: String, options: &PruneOptions) -> Result<(), Failure> {
        let executions = client.list_executions(&id).await?;
        let kept = options.keep_last.unwrap_or(1).max(1) as usize;
        let old = &executions[..executions.len().saturating_sub(kept)];
        let before = self.executions;
        for &execution_id in old {
            let info = client.get_execution_info(&id, execution_id).await?;
            let is_old = options.completed_before.is_none_or(|before| info.completed_at.is_some_and(|at| at < before));
            if is_old && info.status != "Running" {
                self.executions += 1;
                self.events += info.event_count as u64;
            }
        }
        if self.executions > before {
            self.instances.push(id);
        }
        Ok(())
    }

    fn report(&self) -> Report {
        let Plan { instances, executions, events } = self;
        Report { dry_run: true, instances: instances.len() as u64, executions: *executions, events: *events }
    }

    async fn carry_out(
        &self,
        client: &Client,
        options: &PruneOptions,
        progress: &mut Progress,
    ) -> Result<Report, Failure> {
        let mut report = Report::default();
        for instances in self.instances.chunks(CHUNK) {
            progress.at("pruning", report.instances, self.instances.len() as u64);
            let filter = InstanceFilter {
                instance_ids: Some(instances.to_vec()),
                limit: u32::try_from(instances.len()).ok(),
                ..InstanceFilter::default()
            };
            report.add(&client.prune_executions_bulk(filter, options.clone()).await?);
        }
        Ok(report)
    }
}

impl Report {
    fn add(&mut self, pruned: &PruneResult) {
        self.instances += pruned.instances_processed;
        self.executions += pruned.executions_deleted;
        self.events += pruned.events_deleted;
    }

    fn what(&self) -> String {
        format!(
            "{} with {} of {}",
            count(self.executions, "execution"),
            count(self.events, "event"),
            count(self.instances, "instance")
        )
    }

    fn tell(&self, desk: &mut Desk) -> Ended {
        if desk.out.json {
            return Ok(desk.out.document(self)?);
        }
        match self.dry_run {
            true => desk.out.line(format!("would delete {}; nothing was done", self.what()))?,
            false => desk.out.line(format!("deleted {}", self.what()))?,
        }
        Ok(())
    }
}
