//! Logs and metrics, named once.

pub(crate) mod catalog;
mod handle;
mod logging;
mod metrics;

#[cfg(test)]
mod tests;

pub use handle::ObservabilityHandle;
pub use logging::{LogFormat, ObservabilityConfig, init_logging};
pub(crate) use metrics::record_measure;
pub use metrics::{MetricsProvider, MetricsSnapshot};

/// Log targets: they are public surface, since filters name them.
pub(crate) mod target {
    /// Start, stop and what concerns a whole runtime.
    pub(crate) const RUNTIME: &str = "duroxide::runtime";
    /// Turns of orchestrations.
    pub(crate) const ORCHESTRATION_DISPATCHER: &str = "duroxide::runtime::dispatchers::orchestration";
    /// Activities.
    pub(crate) const WORKER: &str = "duroxide::runtime::worker";
    /// The embedded store.
    #[cfg(feature = "sqlite")]
    pub(crate) const SQLITE: &str = "duroxide::providers::sqlite";
    /// What user code says through `ActivityContext::trace_*`.
    pub(crate) const ACTIVITY: &str = "duroxide::activity";
}
