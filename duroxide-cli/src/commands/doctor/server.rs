//! What the database promises, and whether its clock agrees with ours.

use duroxide::providers::insight::{Durability, WorkerInfo};

use super::Chart;
use crate::commands::Ended;
use crate::store::{Place, Store};

pub(super) async fn look(store: &Store, chart: &mut Chart, now_ms: u64) -> Ended {
    match &store.place {
        Place::Sqlite(_) => {
            let workers = store.client.list_workers().await?;
            file(&workers, chart);
            Ok(())
        }
        Place::Postgres { .. } => postgres(store, chart, now_ms).await,
    }
}

/// How a file is written is the affair of whoever opened it.
fn file(workers: &[WorkerInfo], chart: &mut Chart) {
    let live = || workers.iter().filter(|worker| worker.is_alive);
    let unsafe_ones = live().filter(|worker| matches!(worker.durability, Some(Durability::Kill | Durability::Nothing)));
    let named: Vec<String> = unsafe_ones.map(|worker| format!("{} (pid {})", worker.node, worker.pid)).collect();
    let says = |durability| live().all(|worker| worker.durability == Some(durability));
    match (named.is_empty(), live().next().is_some() && says(Durability::PowerCut)) {
        (false, _) => {
            let found = format!("a power cut may take what these acknowledged last: {}", named.join(", "));
            chart.warn("durability", found, "open the file without `synchronous=normal`, unless that is fine here");
        }
        (true, true) => chart.ok("durability", "what is acknowledged survives a power cut"),
        (true, false) => {
            let found = "as each worker opened the file: all is flushed, unless its URL says `synchronous=normal`";
            chart.ok("durability", found);
        }
    }
}

#[cfg(feature = "postgres")]
async fn postgres(store: &Store, chart: &mut Chart, now_ms: u64) -> Ended {
    use std::any::Any;

    use duroxide::providers::postgres::PostgresProvider;

    let provider: &dyn Any = &*store.provider;
    let Some(postgres) = provider.downcast_ref::<PostgresProvider>() else {
        return Ok(());
    };
    let figures = postgres.server_figures().await?;
    chart.ok("server", format!("PostgreSQL {}", figures.version));
    let promises = [
        ("fsync", figures.fsync),
        ("full_page_writes", figures.full_page_writes),
        ("synchronous_commit", figures.synchronous_commit != "off"),
    ];
    let off: Vec<&str> = promises.iter().filter(|(_, is_on)| !is_on).map(|(name, _)| *name).collect();
    match off.is_empty() {
        true => chart.ok("durability", "what is acknowledged survives a crash of the server"),
        false => {
            let found = format!("the server has {} off: a crash may take what was acknowledged", off.join(" and "));
            chart.fail("durability", found, "switch it on, unless losing work is fine here");
        }
    }
    skew(chart, figures.now_ms.abs_diff(now_ms));
    Ok(())
}

#[cfg(not(feature = "postgres"))]
async fn postgres(_store: &Store, _chart: &mut Chart, _now_ms: u64) -> Ended {
    Ok(())
}

/// All leases and timers go by the server's clock; ages told here go by ours.
#[cfg(feature = "postgres")]
fn skew(chart: &mut Chart, skew_ms: u64) {
    use crate::output::time::span;

    const OFF_MS: u64 = 2_000;
    match skew_ms {
        skew_ms if skew_ms > OFF_MS => {
            let found = format!("the server's clock and ours differ by {}", span(skew_ms));
            chart.warn("clock", found, "work is not harmed: it goes by the server's clock; set this machine's");
        }
        _ => chart.ok("clock", "the server's agrees with ours"),
    }
}
