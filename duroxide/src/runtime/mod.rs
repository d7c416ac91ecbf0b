//! Start, run, stop; and the public paths of everything that belongs to running.

mod builder;
mod gauges;
mod options;
mod presence;
mod start;
#[cfg(feature = "macros")]
mod written;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::model::event::EventKind;
use crate::observe::{ObservabilityHandle, target};
use crate::providers::Provider;

pub use crate::activity::{ActivityHandler, FnActivity};
pub use crate::compat::history_manager::HistoryManager;
pub use crate::compat::work_item_reader::WorkItemReader;
pub use crate::context::handler::{FnOrchestration, OrchestrationHandler};
pub use crate::dispatch::Warmth;
#[cfg(feature = "test-hooks")]
pub use crate::dispatch::test_hooks;
pub use crate::model::problem::{HandlerKind, Problem, Problems};
pub use crate::model::status::OrchestrationStatus;
pub use crate::model::work_item::kind_of;
pub use builder::RuntimeBuilder;
pub use observability::{LogFormat, ObservabilityConfig};
pub use options::{RuntimeOptions, UnregisteredBackoffConfig};
pub use presence::Presence;
pub use registry::{OrchestrationRegistry, OrchestrationRegistryBuilder, VersionPolicy};

/// Every bound, with its reason.
pub mod limits {
    pub use crate::model::limits::{
        LimitExceeded, Limits, MAX_CARRY_FORWARD_EVENTS, MAX_CUSTOM_STATUS_BYTES, MAX_KV_KEYS, MAX_KV_VALUE_BYTES,
        MAX_TAG_NAME_BYTES, MAX_WORKER_TAGS,
    };
}

/// Logs and metrics.
pub mod observability {
    pub use crate::observe::{
        LogFormat, MetricsProvider, MetricsSnapshot, ObservabilityConfig, ObservabilityHandle, init_logging,
    };
}

/// The engine, to be driven step by step.
pub mod replay_engine {
    pub use crate::compat::replay_engine::{ReplayEngine, TurnResult};
}

/// Nothing: kept for programs that name the path.
pub mod execution {}

/// Names and versions to handlers.
pub mod registry {
    pub use crate::activity::{ActivityRegistry, ActivityRegistryBuilder};
    pub use crate::registry::{
        OrchestrationRegistry, OrchestrationRegistryBuilder, Registry, RegistryBuilder, VersionPolicy,
    };
}

/// Time given to running work when a shutdown names none.
const DEFAULT_GRACE: Duration = Duration::from_secs(1);

/// Time given to aborted tasks. Only code that blocks its thread needs more, and nothing can stop that.
const ABORT_GRACE: Duration = Duration::from_secs(10);

/// What an instance was started as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrchestrationDescriptor {
    /// Orchestration name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Who waits for it, if it is a child.
    pub parent_instance: Option<String>,
    /// The parent's schedule event.
    pub parent_id: Option<u64>,
}

/// Runs orchestrations and activities of one store until it is shut down.
///
/// Several runtimes, in one process or many, may share a store.
pub struct Runtime {
    store: Arc<dyn Provider>,
    observability: Option<ObservabilityHandle>,
    /// Ends the taking of work.
    stop: CancellationToken,
    /// Every task that may hold the store.
    tasks: TaskTracker,
    /// The tasks that do the work; all others end with them.
    slots: Vec<AbortHandle>,
    /// The task that says that this runtime is there.
    #[cfg(test)]
    presence: AbortHandle,
}

impl Runtime {
    /// Stops taking work, gives running work `timeout_ms` milliseconds (1000 when `None`) to finish and commit, then
    /// aborts the rest. Returns as soon as everything has ended: from then on the runtime does not use the store.
    ///
    /// What was aborted is done again by another runtime, or by the next one, once its lease has ended. May be called
    /// again, also while another call waits; the shorter time counts. Zero works outside of a tokio runtime.
    pub async fn shutdown(self: Arc<Self>, timeout_ms: Option<u64>) {
        let grace = timeout_ms.map_or(DEFAULT_GRACE, Duration::from_millis);
        self.stop.cancel();
        self.tasks.close();
        if grace.is_zero() || tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            self.slots.iter().for_each(AbortHandle::abort);
            self.cleanup().await;
        }
        tracing::info!(target: target::RUNTIME, "duroxide runtime stopped");
    }

    /// As a kill of the process does, ends all but what the store knows.
    #[cfg(test)]
    fn kill_presence(&self) {
        self.presence.abort();
        self.slots.iter().for_each(AbortHandle::abort);
    }

    /// Waits for aborted tasks, in bounded time where there is a timer.
    async fn cleanup(&self) {
        if tokio::runtime::Handle::try_current().is_err() {
            return self.tasks.wait().await;
        }
        if tokio::time::timeout(ABORT_GRACE, self.tasks.wait()).await.is_err() {
            tracing::error!(
                target: target::RUNTIME,
                tasks = self.tasks.len(),
                "code that blocks its thread could not be stopped and still holds the store"
            );
        }
    }

    /// The counters as they stand.
    pub fn metrics_snapshot(&self) -> Option<observability::MetricsSnapshot> {
        self.observability.as_ref().map(ObservabilityHandle::metrics_snapshot)
    }

    /// The observable side of this runtime.
    pub fn observability_handle(&self) -> Option<&ObservabilityHandle> {
        self.observability.as_ref()
    }

    /// What an instance was started as; `None` when it is unknown or cannot be read.
    pub async fn get_orchestration_descriptor(&self, instance: &str) -> Option<OrchestrationDescriptor> {
        let history = self.store.read(instance).await.ok()?;
        history.into_iter().rev().find_map(|event| match event.kind {
            EventKind::OrchestrationStarted { name, version, parent_instance, parent_id, .. } => {
                Some(OrchestrationDescriptor { name, version, parent_instance, parent_id })
            }
            _ => None,
        })
    }
}
