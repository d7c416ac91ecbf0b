//! Who is there to work, and what nobody can do.

use std::collections::BTreeSet;

use duroxide::Client;

use super::Chart;
use crate::commands::{Ended, handlers};
use crate::output::text::count;

/// Lines about work that nobody can do.
const UNSERVED: usize = 5;

pub(super) async fn look(client: &Client, chart: &mut Chart) -> Ended {
    let workers = client.list_workers().await?;
    let live: Vec<_> = workers.iter().filter(|worker| worker.is_alive).collect();
    let overview = client.queue_overview().await?;
    let waiting = overview.orchestrator.ready + overview.worker.ready;
    match (live.len() as u64, waiting) {
        (0, 0) => chart.warn("workers", "none is alive", "start one; nothing waits at present"),
        (0, waiting) => {
            let found = format!("none is alive, and {} can be taken", count(waiting, "row"));
            chart.fail(
                "workers",
                found,
                "start one; workers of 0.1 announce themselves to nobody and do not count here",
            );
        }
        (live, _) => chart.ok("workers", format!("{} alive", count(live, "worker"))),
    }
    let versions: BTreeSet<&str> = live.iter().map(|worker| worker.library_version.as_str()).collect();
    if versions.len() > 1 {
        let found =
            format!("run on several versions of the library: {}", versions.into_iter().collect::<Vec<_>>().join(", "));
        chart.warn("workers", found, "well for the time of an upgrade; finish it");
    }
    let unserved = client.list_unserved(UNSERVED).await?;
    if unserved.is_empty() && !live.is_empty() {
        chart.ok("handlers", "there is a live worker for all that waits");
    }
    for work in unserved {
        chart.warn("handlers", handlers::missing(&work), "deploy a worker that has it registered, or serves the tag");
    }
    Ok(())
}
