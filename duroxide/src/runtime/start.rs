//! From options to running tasks.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::options::RuntimeOptions;
use super::presence::{self, Presence};
use super::{Runtime, gauges};
use crate::activity::ActivityRegistry;
use crate::dispatch::activity::Activities;
use crate::dispatch::keeper::Terms;
use crate::dispatch::orchestration::Orchestrations;
use crate::dispatch::settings::{Settings, shown};
use crate::dispatch::{Env, Slot, Warmth, session, tend_supplies};
use crate::lease::renewal_interval;
use crate::model::VERSION;
use crate::model::filter::SemverRange;
use crate::model::insight::{HandlerInfo, WorkerInfo};
use crate::model::limits::Limits;
use crate::observe::{ObservabilityHandle, catalog, target};
use crate::providers::Provider;
use crate::providers::instrumented::InstrumentedProvider;
use crate::registry::OrchestrationRegistry;
use crate::trace::Propagation;

/// What only the builder can set: programs build [`RuntimeOptions`] literally, so that it cannot grow.
#[derive(Debug, Clone, Default)]
pub(super) struct Extras {
    pub(super) limits: Limits,
    pub(super) warmth: Warmth,
    pub(super) propagation: Propagation,
    pub(super) logs: Logs,
    pub(super) presence: Presence,
    /// Where handlers are that macros wrote.
    pub(super) sources: Vec<HandlerInfo>,
}

/// Who sets up the logs of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Logs {
    /// The runtime, as its options say, unless somebody has: what 0.1 did and its programs count on.
    #[default]
    Ours,
    /// The program.
    Theirs,
}

impl Runtime {
    /// Runs on a new SQLite database in memory, with default options.
    ///
    /// # Panics
    /// When the database cannot be opened.
    #[cfg(feature = "sqlite")]
    pub async fn start(activities: ActivityRegistry, orchestrations: OrchestrationRegistry) -> Arc<Self> {
        let store = crate::providers::sqlite::SqliteProvider::new_in_memory()
            .await
            .expect("a database in memory needs nothing from outside");
        Self::start_with_store(Arc::new(store), activities, orchestrations).await
    }

    /// Runs on `store` with default options.
    pub async fn start_with_store(
        store: Arc<dyn Provider>,
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
    ) -> Arc<Self> {
        Self::start_with_options(store, activities, orchestrations, RuntimeOptions::default()).await
    }

    /// Runs on `store`. Must be called on a tokio runtime with time enabled; the current-thread flavour will do.
    ///
    /// Sets up logs as the options say, unless the process has a `tracing` subscriber already, as 0.1 does; a runtime of
    /// [`builder`](Runtime::builder) does not unless it is asked to.
    ///
    /// The returned handle is needed to shut down; dropping it does not.
    ///
    /// # Panics
    /// When `session_idle_timeout` is not longer than the renewal interval of activities: every session would end
    /// under its first long activity.
    pub async fn start_with_options(
        store: Arc<dyn Provider>,
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
        options: RuntimeOptions,
    ) -> Arc<Self> {
        Self::launch(store, activities, orchestrations, options, Extras::default()).await
    }

    /// The same, with what only the builder can set.
    pub(super) async fn launch(
        store: Arc<dyn Provider>,
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
        options: RuntimeOptions,
        extras: Extras,
    ) -> Arc<Self> {
        check(&options);
        let observability = match extras.logs {
            Logs::Ours => ObservabilityHandle::init(&options.observability),
            Logs::Theirs => ObservabilityHandle::without_logs(&options.observability),
        };
        let observability = observability.ok();
        let metrics = observability.as_ref().map(|handle| Arc::clone(handle.metrics_provider())).unwrap_or_default();
        announce(&*store, &options);
        catalog::describe();
        let measured: Arc<dyn Provider> =
            Arc::new(InstrumentedProvider::new(Arc::clone(&store), Some(Arc::clone(&metrics))));
        gauges::refresh(&*store, &metrics).await;
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        tasks.spawn(gauges::poll(
            Arc::clone(&store),
            Arc::clone(&metrics),
            options.observability.gauge_poll_interval,
            stop.clone(),
        ));
        let durability = store.as_insight_capability().and_then(|insight| insight.durability());
        let told = presence::told(&options, &activities, &orchestrations, &extras.sources);
        let worker = WorkerInfo { durability, ..told };
        let settings = settings(&options, &extras);
        let env = Env::new(measured, metrics, settings, orchestrations, activities, tasks.clone());
        let worker_id = worker.worker_id.clone();
        let keep = presence::keep(Arc::clone(&store), worker, extras.presence, env.drained());
        let _presence = tasks.spawn(keep).abort_handle();
        let slots = spawn_slots(&Arc::new(env), &options, &worker_id, &stop);
        Arc::new(Runtime {
            store,
            observability,
            stop,
            tasks,
            slots,
            #[cfg(test)]
            presence: _presence,
        })
    }
}

/// Starts the slots and what lives as long as they do. Slots bear the id under which the worker is announced, so that
/// the owner of a session can be told.
fn spawn_slots(
    env: &Arc<Env>,
    options: &RuntimeOptions,
    runtime_id: &str,
    stop: &CancellationToken,
) -> Vec<tokio::task::AbortHandle> {
    let node_id = options.worker_node_id.as_deref().unwrap_or(runtime_id);
    let worker_ids: Vec<String> = (0..options.worker_concurrency).map(|i| format!("work-{i}-{node_id}")).collect();
    let owners = match &options.worker_node_id {
        Some(node_id) => vec![node_id.clone()],
        None => worker_ids.clone(),
    };
    let mut slots = Vec::with_capacity(options.orchestration_concurrency + options.worker_concurrency);
    for i in 0..options.orchestration_concurrency {
        let processor = Orchestrations::new(Arc::clone(env));
        let slot = Slot::new(processor, format!("orch-{i}-{runtime_id}"), env, stop.clone());
        slots.push(env.tasks.spawn(slot.run()).abort_handle());
    }
    for worker_id in worker_ids {
        let slot = Slot::new(Activities::new(Arc::clone(env)), worker_id, env, stop.clone());
        slots.push(env.tasks.spawn(slot.run()).abort_handle());
    }
    env.tasks.spawn(tend_supplies(env));
    env.tasks.spawn(session::tend(Arc::clone(&env.store), owners, env.settings.clone(), env.drained()));
    slots
}

fn check(options: &RuntimeOptions) {
    let renewal =
        options.worker_lock_timeout.checked_sub(options.worker_lock_renewal_buffer).unwrap_or(Duration::from_secs(1));
    assert!(
        options.session_idle_timeout > renewal,
        "session_idle_timeout ({:?}) must be greater than worker lock renewal interval ({renewal:?})",
        options.session_idle_timeout,
    );
}

fn announce(store: &dyn Provider, options: &RuntimeOptions) {
    tracing::info!(
        target: target::RUNTIME,
        service_name = %options.observability.service_name,
        service_version = options.observability.service_version.as_deref().unwrap_or_default(),
        "duroxide runtime ({VERSION}) starting with provider {} ({})",
        store.name(),
        store.version()
    );
    tracing::info!(
        target: target::RUNTIME,
        supported_range = %shown(&replayable(options)),
        "capability filter: executions begun by these versions are taken"
    );
}

fn replayable(options: &RuntimeOptions) -> SemverRange {
    options.supported_replay_versions.clone().unwrap_or_else(SemverRange::default_for_current_build)
}

/// What `Duration::MAX` stands for where a time is counted from now: a clock has an end.
const LONGEST: Duration = Duration::from_hours(365 * 24);

fn settings(options: &RuntimeOptions, extras: &Extras) -> Settings {
    let Extras { limits, warmth, .. } = *extras;
    let propagation = extras.propagation.clone();
    #[cfg(feature = "test-hooks")]
    let warmth = match crate::dispatch::test_hooks::warmth() {
        // What a test asked for by itself stands.
        Some(tested) if warmth == Warmth::default() => tested,
        _ => warmth,
    };
    let terms = |timeout: Duration, buffer| {
        let timeout = timeout.min(LONGEST);
        Terms { timeout, renew_after: renewal_interval(timeout, buffer) }
    };
    Settings {
        poll_min: options.dispatcher_min_poll_interval,
        long_poll: options.dispatcher_long_poll_timeout,
        turn_lease: terms(options.orchestrator_lock_timeout, options.orchestrator_lock_renewal_buffer),
        activity_lease: terms(options.worker_lock_timeout, options.worker_lock_renewal_buffer),
        session_lease: terms(options.session_lock_timeout, options.session_lock_renewal_buffer),
        session_idle: options.session_idle_timeout,
        session_cleanup: options.session_cleanup_interval.min(LONGEST),
        sessions_max: options.max_sessions_per_runtime,
        max_attempts: options.max_attempts,
        unregistered: options.unregistered_backoff.clone(),
        cancellation_grace: options.activity_cancellation_grace_period,
        replayable: replayable(options),
        tags: options.worker_tag_filter.clone(),
        propagation,
        code_at_once: options.orchestration_concurrency,
        warmth,
        node_id: options.worker_node_id.clone(),
        limits,
    }
}
