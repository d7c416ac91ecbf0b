//! `stats`: totals of the store.

use clap::Args;
use serde::Serialize;

use super::{Desk, Ended};
use crate::output::text::count;
use crate::store::Access;

/// Show totals of the store
#[derive(Debug, Args)]
pub(crate) struct Stats {}

#[derive(Debug, Serialize)]
struct Totals {
    instances: u64,
    running: u64,
    completed: u64,
    failed: u64,
    executions: u64,
    events: u64,
    orchestrator_queue: usize,
    worker_queue: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live_workers: Option<usize>,
}

impl Stats {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let (metrics, depths) = (store.client.get_system_metrics().await?, store.client.get_queue_depths().await?);
        let (quarantined, live_workers) = match store.client.has_insight_capability() {
            true => {
                let workers = store.client.list_workers().await?;
                let live = workers.iter().filter(|worker| worker.is_alive).count();
                (Some(store.client.queue_overview().await?.quarantined), Some(live))
            }
            false => (None, None),
        };
        let totals = Totals {
            instances: metrics.total_instances,
            running: metrics.running_instances,
            completed: metrics.completed_instances,
            failed: metrics.failed_instances,
            executions: metrics.total_executions,
            events: metrics.total_events,
            orchestrator_queue: depths.orchestrator_queue,
            worker_queue: depths.worker_queue,
            quarantined,
            live_workers,
        };
        match desk.out.json {
            true => Ok(desk.out.document(&totals)?),
            false => totals.tell(desk),
        }
    }
}

impl Totals {
    fn tell(&self, desk: &mut Desk) -> Ended {
        let instances = format!(
            "{}: {} running, {} completed, {} failed",
            self.instances, self.running, self.completed, self.failed
        );
        let activities = match self.worker_queue {
            1 => "1 activity".to_owned(),
            several => format!("{several} activities"),
        };
        let queued = format!("{}, {activities}", count(self.orchestrator_queue as u64, "message"));
        desk.out.field("instances", instances)?;
        desk.out.field("executions", self.executions.to_string())?;
        desk.out.field("events", self.events.to_string())?;
        desk.out.field("queued", queued)?;
        for (label, figure) in
            [("quarantined", self.quarantined), ("live workers", self.live_workers.map(|count| count as u64))]
        {
            if let Some(figure) = figure {
                desk.out.field(label, figure.to_string())?;
            }
        }
        Ok(())
    }
}
