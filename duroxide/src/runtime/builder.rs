//! `Runtime::builder`: all that a runtime can be given, checked before anything runs.

use std::sync::Arc;

use super::limits::Limits;
use super::presence::Presence;
use super::registry::{ActivityRegistry, OrchestrationRegistry};
use super::start::{Extras, Logs};
#[cfg(feature = "macros")]
use super::written::Written;
use super::{Runtime, RuntimeOptions, Warmth};
use crate::model::problem::{Problem, Problems};
use crate::providers::Provider;
use crate::trace::{Propagation, Propagator};

/// A runtime under construction; made by [`Runtime::builder`].
///
/// With handlers that macros wrote, which needs the feature `macros`:
///
/// ```
/// # #[cfg(feature = "macros")] {
/// # use std::sync::Arc;
/// # use duroxide::providers::Provider;
/// # use duroxide::runtime::{Problems, Runtime};
/// #[derive(Clone)]
/// struct Gateway;
///
/// async fn start(store: Arc<dyn Provider>) -> Result<Arc<Runtime>, Problems> {
///     Runtime::builder(store).state(Gateway).discover()?.start().await
/// }
/// # }
/// ```
///
/// With registries, which needs no feature:
///
/// ```
/// # use std::sync::Arc;
/// # use duroxide::providers::Provider;
/// # use duroxide::runtime::{OrchestrationRegistry, Problems, Runtime, RuntimeOptions, Warmth};
/// # use duroxide::runtime::limits::Limits;
/// # use duroxide::runtime::registry::ActivityRegistry;
/// async fn start(
///     store: Arc<dyn Provider>,
///     activities: ActivityRegistry,
///     orchestrations: OrchestrationRegistry,
/// ) -> Result<Arc<Runtime>, Problems> {
///     let mut limits = Limits::default();
///     limits.payload_bytes = 256 * 1024;
///     Runtime::builder(store)
///         .activities(activities)
///         .orchestrations(orchestrations)
///         .options(RuntimeOptions { worker_concurrency: 8, ..RuntimeOptions::default() })
///         .limits(limits)
///         .warmth(Warmth::Off)
///         .start()
///         .await
/// }
/// ```
#[must_use = "nothing runs before `start`"]
pub struct RuntimeBuilder {
    pub(super) store: Arc<dyn Provider>,
    options: RuntimeOptions,
    pub(super) extras: Extras,
    #[cfg(feature = "macros")]
    pub(super) written: Written,
    pub(super) activities: ActivityRegistry,
    pub(super) orchestrations: OrchestrationRegistry,
    /// What is known to be wrong so far.
    pub(super) problems: Vec<Problem>,
}

impl Runtime {
    /// Begins a runtime on `store`.
    pub fn builder(store: Arc<dyn Provider>) -> RuntimeBuilder {
        RuntimeBuilder {
            store,
            options: RuntimeOptions::default(),
            extras: Extras { logs: Logs::Theirs, ..Extras::default() },
            #[cfg(feature = "macros")]
            written: Written::default(),
            activities: ActivityRegistry::default(),
            orchestrations: OrchestrationRegistry::default(),
            problems: Vec::new(),
        }
    }
}

impl RuntimeBuilder {
    /// Sets the options.
    pub fn options(mut self, options: RuntimeOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the bounds of what orchestrations and activities may ask for and return, and of what clients that activities
    /// take from their context may send. Clients made otherwise have [their own](crate::Client::with_limits).
    pub fn limits(mut self, limits: Limits) -> Self {
        self.extras.limits = limits;
        self
    }

    /// Sets how many orchestrations stay in memory while they wait, so that they go on without a replay.
    pub fn warmth(mut self, warmth: Warmth) -> Self {
        self.extras.warmth = warmth;
        self
    }

    /// Sets how the runtime says that it is there.
    pub fn presence(mut self, presence: Presence) -> Self {
        self.extras.presence = presence;
        self
    }

    /// Sets up logs for the whole process as [`RuntimeOptions::observability`] says, unless it has a `tracing` subscriber
    /// already. Without this the runtime installs none: logs are the program's own affair.
    pub fn logs(mut self) -> Self {
        self.extras.logs = Logs::Ours;
        self
    }

    /// Carries the traces of starts on into every turn, activity and child: each instance's context is read once, and those
    /// of what it starts are stored before the turn that starts it. Clients that activities take from their context carry
    /// them on as well; others have [their own](crate::Client::with_propagator). Without one, no trace is looked for.
    pub fn propagator(mut self, propagator: Arc<dyn Propagator>) -> Self {
        self.extras.propagation = Propagation(Some(propagator));
        self
    }

    /// Adds activities that were registered by strings.
    pub fn activities(mut self, registry: ActivityRegistry) -> Self {
        let merged = ActivityRegistry::builder_from(&self.activities).merge(registry);
        match merged.build_result() {
            Ok(activities) => self.activities = activities,
            Err(mistake) => self.problems.push(Problem::Registry(mistake)),
        }
        self
    }

    /// Adds orchestrations that were registered by strings, and their version policies if they are the first.
    pub fn orchestrations(mut self, registry: OrchestrationRegistry) -> Self {
        if self.orchestrations.count() == 0 {
            self.orchestrations = registry;
            return self;
        }
        let merged = OrchestrationRegistry::builder_from(&self.orchestrations).merge(registry);
        match merged.build_result() {
            Ok(orchestrations) => self.orchestrations = orchestrations,
            Err(mistake) => self.problems.push(Problem::Registry(mistake)),
        }
        self
    }

    /// Checks all that was registered, and runs it. Must be called on a tokio runtime with time enabled.
    ///
    /// # Errors
    /// All that keeps the runtime from starting: nothing registered, a name and version twice, a linked crate without
    /// handlers, a state missing, an activity that writes in transactions on a store that has none, a store that is being
    /// moved.
    ///
    /// # Panics
    /// As [`Runtime::start_with_options`] does, on options that contradict each other.
    pub async fn start(self) -> Result<Arc<Runtime>, Problems> {
        #[cfg(feature = "macros")]
        let builder = self.with_written();
        #[cfg(not(feature = "macros"))]
        let builder = self;
        let RuntimeBuilder { store, options, extras, activities, orchestrations, mut problems, .. } = builder;
        if problems.is_empty() && activities.count() + orchestrations.count() == 0 {
            problems.push(Problem::Empty);
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        check_open(&*store).await?;
        Ok(Runtime::launch(store, activities, orchestrations, options, extras).await)
    }
}

/// Nobody works on a store that is being moved. One that does not answer now is waited for by the runtime.
async fn check_open(store: &dyn Provider) -> Result<(), Problems> {
    let Some(store) = store.as_transfer_capability() else {
        return Ok(());
    };
    match store.transfer_record().await {
        Ok(Some(record)) if !record.is_open() => Err(Problems(vec![Problem::StoreClosed { reason: record.refusal() }])),
        Ok(_) | Err(_) => Ok(()),
    }
}
