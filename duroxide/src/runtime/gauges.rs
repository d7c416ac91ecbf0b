//! Gauges that need a query.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::observe::{MetricsProvider, target};
use crate::providers::{Provider, ProviderError};

/// Refreshes the gauges now and then, until stopped. A store that cannot count leaves them at zero.
pub(super) async fn poll(
    store: Arc<dyn Provider>,
    metrics: Arc<MetricsProvider>,
    every: Duration,
    stop: CancellationToken,
) {
    let polling = async {
        loop {
            // A zero interval would be a busy loop.
            tokio::time::sleep(every.max(Duration::from_millis(10))).await;
            refresh(&*store, &metrics).await;
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = polling => {}
    }
}

/// Asks the store once.
pub(super) async fn refresh(store: &dyn Provider, metrics: &MetricsProvider) {
    if let Err(error) = query(store, metrics).await {
        tracing::debug!(target: target::RUNTIME, "gauges could not be refreshed: {error}");
    }
}

async fn query(store: &dyn Provider, metrics: &MetricsProvider) -> Result<(), ProviderError> {
    let Some(admin) = store.as_management_capability() else {
        return Ok(());
    };
    let depths = admin.get_queue_depths().await?;
    metrics.update_queue_depths(depths.orchestrator_queue as u64, depths.worker_queue as u64);
    let totals = admin.get_system_metrics().await?;
    metrics.set_active_orchestrations(i64::try_from(totals.running_instances).unwrap_or(i64::MAX));
    Ok(())
}
