//! Every knob of a runtime, its default and why.

use std::time::Duration;

pub use crate::dispatch::settings::UnregisteredBackoffConfig;
use crate::model::filter::{SemverRange, TagFilter};
use crate::observe::ObservabilityConfig;

/// How a runtime works.
///
/// ```
/// use duroxide::RuntimeOptions;
///
/// let options = RuntimeOptions {
///     orchestration_concurrency: 8,
///     worker_concurrency: 16,
///     ..RuntimeOptions::default()
/// };
/// assert_eq!(options.max_attempts, 10);
/// ```
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// Shortest time between two looks at an empty queue.
    ///
    /// 100 ms: only work that *another* process put into the store waits for it; a store of this process signals.
    pub dispatcher_min_poll_interval: Duration,
    /// How long a store that can wait for work may do so in one fetch.
    ///
    /// 30 s: long enough that an idle process asks seldom, short enough for connections that drop silent peers.
    pub dispatcher_long_poll_timeout: Duration,
    /// Orchestrations whose code may run at once.
    ///
    /// 2: turns are short, and one slow turn must not stop the others.
    pub orchestration_concurrency: usize,
    /// Activities that may run at once.
    ///
    /// 2: activities may be heavy; only their author knows how many fit.
    pub worker_concurrency: usize,
    /// Lease of an orchestration's turn.
    ///
    /// 5 s: turns take milliseconds, and after a crash the instance waits this long.
    pub orchestrator_lock_timeout: Duration,
    /// How long before a turn's lease ends it is renewed. Leases under 15 s are renewed at half time instead.
    ///
    /// 2 s: room for a slow store.
    pub orchestrator_lock_renewal_buffer: Duration,
    /// Lease of an activity.
    ///
    /// 30 s: after a crash the activity waits this long; it is renewed while the activity runs.
    pub worker_lock_timeout: Duration,
    /// How long before an activity's lease ends it is renewed. Leases under 15 s are renewed at half time instead.
    ///
    /// 5 s: room for a slow store. Cancellation by another process is noticed at renewal.
    pub worker_lock_renewal_buffer: Duration,
    /// Logs and metrics.
    pub observability: ObservabilityConfig,
    /// How long work waits whose handler is not registered here.
    pub unregistered_backoff: UnregisteredBackoffConfig,
    /// How often a turn or an activity may be fetched before it counts as poison.
    ///
    /// 10: a crash of the process counts as an attempt, and restarts come in groups.
    pub max_attempts: u32,
    /// How long a cancelled activity may take to stop by itself before it is aborted.
    ///
    /// 10 s: enough to close a connection or remove a file.
    pub activity_cancellation_grace_period: Duration,
    /// Executions this process can replay, by the version of the crate that began them.
    ///
    /// `None`: everything up to its own version.
    pub supported_replay_versions: Option<SemverRange>,
    /// Lease of a session.
    ///
    /// 30 s: after a crash the session's activities wait this long for a new owner.
    pub session_lock_timeout: Duration,
    /// How long before a session's lease ends it is renewed.
    ///
    /// 5 s: room for a slow store.
    pub session_lock_renewal_buffer: Duration,
    /// How long a session without activity stays with its owner. Must exceed the renewal interval of activities.
    ///
    /// 300 s: callers come back within minutes or not at all.
    pub session_idle_timeout: Duration,
    /// How often sessions that nobody owns are removed.
    ///
    /// 300 s: they cost a row each.
    pub session_cleanup_interval: Duration,
    /// Sessions that may run activities in this process at once.
    ///
    /// 10: a session usually stands for something heavy, like a model in memory.
    pub max_sessions_per_runtime: usize,
    /// A stable name of this process, so that it finds its sessions again after a restart.
    ///
    /// `None`: sessions end with the process.
    pub worker_node_id: Option<String>,
    /// Which activities this process takes, by tag.
    pub worker_tag_filter: TagFilter,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        RuntimeOptions {
            dispatcher_min_poll_interval: Duration::from_millis(100),
            dispatcher_long_poll_timeout: Duration::from_secs(30),
            orchestration_concurrency: 2,
            worker_concurrency: 2,
            orchestrator_lock_timeout: Duration::from_secs(5),
            orchestrator_lock_renewal_buffer: Duration::from_secs(2),
            worker_lock_timeout: Duration::from_secs(30),
            worker_lock_renewal_buffer: Duration::from_secs(5),
            observability: ObservabilityConfig::default(),
            unregistered_backoff: UnregisteredBackoffConfig::default(),
            max_attempts: 10,
            activity_cancellation_grace_period: Duration::from_secs(10),
            supported_replay_versions: None,
            session_lock_timeout: Duration::from_secs(30),
            session_lock_renewal_buffer: Duration::from_secs(5),
            session_idle_timeout: Duration::from_secs(300),
            session_cleanup_interval: Duration::from_secs(300),
            max_sessions_per_runtime: 10,
            worker_node_id: None,
            worker_tag_filter: TagFilter::DefaultOnly,
        }
    }
}
