//! What a runtime keeps to be observed: its metrics, and the logs it set up.

use std::sync::Arc;

use super::logging::{ObservabilityConfig, init_logging};
use super::metrics::{MetricsProvider, MetricsSnapshot};

/// The observable side of one runtime.
pub struct ObservabilityHandle {
    metrics: Arc<MetricsProvider>,
}

impl ObservabilityHandle {
    /// Sets up logs, unless the process has a subscriber already, and metrics.
    ///
    /// # Errors
    /// When the metrics cannot be set up. Logs that cannot be are no error: most programs bring their own subscriber.
    pub fn init(config: &ObservabilityConfig) -> Result<Self, String> {
        let _ = init_logging(config);
        Self::without_logs(config)
    }

    /// Sets up metrics alone: logs are the program's own affair.
    pub(crate) fn without_logs(config: &ObservabilityConfig) -> Result<Self, String> {
        Ok(ObservabilityHandle { metrics: Arc::new(MetricsProvider::new(config)?) })
    }

    /// The counters and gauges of this runtime.
    pub fn metrics_provider(&self) -> &Arc<MetricsProvider> {
        &self.metrics
    }

    /// Ends observation.
    ///
    /// # Errors
    /// Never at present: nothing is buffered here.
    pub async fn shutdown(self) -> Result<(), String> {
        Ok(())
    }

    /// The counters as they stand.
    pub fn metrics_snapshot(&self) -> MetricsSnapshot {
        self.metrics.snapshot()
    }
}
