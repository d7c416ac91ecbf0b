//! `Runtime::builder`: handlers found at link time or named by hand, checked before anything runs.

use std::sync::Arc;

use super::limits::Limits;
use super::presence::{self, Presence};
use super::registry::{ActivityRegistry, OrchestrationRegistry};
use super::start::{Extras, Logs};
use super::{Runtime, RuntimeOptions, Warmth};
use crate::providers::Provider;
use crate::trace::{Propagation, Propagator};
use crate::typed::{self, Entry, Expectation, Handler, Handlers, Problem, Problems, States};

/// A runtime under construction; made by [`Runtime::builder`].
///
/// ```
/// # use std::sync::Arc;
/// # use duroxide::providers::Provider;
/// # use duroxide::runtime::Runtime;
/// # use duroxide::typed::Problems;
/// #[derive(Clone)]
/// struct Gateway;
///
/// async fn start(store: Arc<dyn Provider>) -> Result<Arc<Runtime>, Problems> {
///     Runtime::builder(store).state(Gateway).discover()?.start().await
/// }
/// ```
#[must_use = "nothing runs before `start`"]
pub struct RuntimeBuilder {
    store: Arc<dyn Provider>,
    options: RuntimeOptions,
    extras: Extras,
    states: States,
    entries: Vec<Entry>,
    expected: Vec<Expectation>,
    activities: ActivityRegistry,
    orchestrations: OrchestrationRegistry,
    /// What was wrong with registries that were merged.
    mistakes: Vec<String>,
}

impl Runtime {
    /// Begins a runtime on `store`.
    pub fn builder(store: Arc<dyn Provider>) -> RuntimeBuilder {
        RuntimeBuilder {
            store,
            options: RuntimeOptions::default(),
            extras: Extras { logs: Logs::Theirs, ..Extras::default() },
            states: States::default(),
            entries: Vec::new(),
            expected: Vec::new(),
            activities: ActivityRegistry::default(),
            orchestrations: OrchestrationRegistry::default(),
            mistakes: Vec::new(),
        }
    }
}

impl RuntimeBuilder {
    /// Gives activities the value for their `#[state]` parameters of this type. Each call gets a clone; a second
    /// value of the same type takes the place of the first.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

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

    /// Registers one handler by hand: `.register::<charge>()`.
    pub fn register<H: Handler>(mut self) -> Self {
        self.entries.push(H::ENTRY);
        self
    }

    /// The handlers named so far, by [`register`](Self::register) or [`discover`](Self::discover): what will run, but for
    /// those registered by strings.
    pub fn handlers(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds activities that were registered by strings.
    pub fn activities(mut self, registry: ActivityRegistry) -> Self {
        let merged = ActivityRegistry::builder_from(&self.activities).merge(registry);
        match merged.build_result() {
            Ok(activities) => self.activities = activities,
            Err(mistake) => self.mistakes.push(mistake),
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
            Err(mistake) => self.mistakes.push(mistake),
        }
        self
    }

    /// Registers every handler of the program. Crates that are linked only for their handlers must be named in
    /// [`link!`](crate::link).
    ///
    /// # Errors
    /// All that would keep the runtime from starting. A state may still be given afterwards, if that is all that is
    /// missing: it is looked for again at the start.
    pub fn discover(mut self) -> Result<Self, Problems> {
        self.entries.extend(typed::collected());
        self.expected = typed::expected();
        let (entries, problems) = typed::check(std::mem::take(&mut self.entries), &self.expected, &self.states);
        let only_states = problems.iter().all(|problem| matches!(problem, Problem::StateMissing { .. }));
        if !only_states {
            return Err(Problems(problems));
        }
        self.entries = entries;
        Ok(self)
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
        let (store, options, mut extras) = (self.store.clone(), self.options.clone(), self.extras.clone());
        extras.sources = presence::sources_of(&self.entries);
        let (activities, orchestrations) = self.registries()?;
        check_open(&*store).await?;
        Ok(Runtime::launch(store, activities, orchestrations, options, extras).await)
    }

    fn registries(self) -> Result<(ActivityRegistry, OrchestrationRegistry), Problems> {
        let (entries, mut problems) = typed::check(self.entries, &self.expected, &self.states);
        problems.extend(typed::homeless(&entries, &*self.store));
        problems.extend(self.mistakes.into_iter().map(Problem::Registry));
        let by_hand = self.activities.count() + self.orchestrations.count();
        if entries.is_empty() && by_hand == 0 && problems.is_empty() {
            problems.push(Problem::Empty);
        }
        let handlers = Handlers {
            activities: ActivityRegistry::builder_from(&self.activities),
            orchestrations: OrchestrationRegistry::builder_from(&self.orchestrations),
        };
        let handlers = entries.iter().fold(handlers, |handlers, entry| entry.add_to(handlers, &self.states));
        let activities = handlers.activities.build_result().map_err(Problem::Registry);
        let orchestrations = handlers.orchestrations.build_result().map_err(Problem::Registry);
        match (activities, orchestrations) {
            (Ok(activities), Ok(orchestrations)) if problems.is_empty() => Ok((activities, orchestrations)),
            (activities, orchestrations) => {
                problems.extend(activities.err().into_iter().chain(orchestrations.err()));
                Err(Problems(problems))
            }
        }
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
