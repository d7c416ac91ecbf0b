//! What has waited too long, and what could not be read.

use duroxide::Client;

use super::Chart;
use crate::commands::Ended;
use crate::output::text::count;
use crate::output::time::span;

/// A row that can be taken and was not, after a minute: workers take them in milliseconds.
const LONG_MS: u64 = 60_000;

pub(super) async fn look(client: &Client, chart: &mut Chart, now_ms: u64) -> Ended {
    let overview = client.queue_overview().await?;
    let mut is_long = false;
    for (name, queue) in [("orchestrator", &overview.orchestrator), ("worker", &overview.worker)] {
        let waits = queue.oldest_ready_at.map_or(0, |at| now_ms.saturating_sub(at));
        if waits > LONG_MS {
            is_long = true;
            let found = format!(
                "{} of the {name} queue can be taken, the oldest for {}",
                count(queue.ready, "row"),
                span(waits)
            );
            chart.warn("queues", found, "more workers or slots, or see under workers and handlers who is missing");
        }
    }
    if !is_long {
        chart.ok("queues", "nothing has waited for long");
    }
    match overview.orchestrator.parked {
        0 => {}
        parked => {
            let found = format!("{} for instances that do not exist", count(parked, "message"));
            chart.warn(
                "queues",
                found,
                "they go after a day, or with `queue drop --parked`; `queue rows orchestrator` shows whose they are",
            );
        }
    }
    match overview.quarantined {
        0 => chart.ok("quarantine", "nothing was set aside"),
        rows => {
            let found = format!("{} could not be read and were set aside", count(rows, "row"));
            chart.warn(
                "quarantine",
                found,
                "`duroxide queue quarantine` tells why; then `queue retry` or `queue drop`",
            );
        }
    }
    Ok(())
}
