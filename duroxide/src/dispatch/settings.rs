//! What the dispatchers need to know of a runtime's options, worked out once.

use std::time::Duration;

use super::keeper::Terms;
use super::warm::Warmth;
use crate::model::filter::{DispatcherCapabilityFilter, SemverRange, TagFilter};
use crate::model::limits::Limits;
use crate::trace::Propagation;

/// How long work waits whose handler is not registered here: another process may have it, or a deployment be on its
/// way.
#[derive(Debug, Clone)]
pub struct UnregisteredBackoffConfig {
    /// Wait after the first attempt.
    ///
    /// 1 s: a rolling deployment takes seconds to minutes.
    pub base_delay: Duration,
    /// Longest wait.
    ///
    /// 60 s: with ten attempts this leaves about five minutes before the work counts as poison.
    pub max_delay: Duration,
}

impl Default for UnregisteredBackoffConfig {
    /// 1 s doubling to 60 s.
    fn default() -> Self {
        UnregisteredBackoffConfig { base_delay: Duration::from_secs(1), max_delay: Duration::from_secs(60) }
    }
}

impl UnregisteredBackoffConfig {
    /// The wait after attempt number `attempt_count`, counted from 1: doubled with each, at most six times, at most
    /// `max_delay`.
    pub fn delay(&self, attempt_count: u32) -> Duration {
        let doublings = attempt_count.saturating_sub(1).min(6);
        self.base_delay.saturating_mul(1 << doublings).min(self.max_delay)
    }
}

/// The part of the options that dispatchers act on.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Shortest time between two looks at an empty queue.
    pub(crate) poll_min: Duration,
    /// How long a store may wait for work in one fetch.
    pub(crate) long_poll: Duration,
    /// Lease of a turn.
    pub(crate) turn_lease: Terms,
    /// Lease of an activity.
    pub(crate) activity_lease: Terms,
    /// Lease of a session.
    pub(crate) session_lease: Terms,
    /// How long a session without activity stays with its owner.
    pub(crate) session_idle: Duration,
    /// How often sessions that nobody owns are removed.
    pub(crate) session_cleanup: Duration,
    /// Sessions that may run activities at once.
    pub(crate) sessions_max: usize,
    /// Fetches after which work counts as poison.
    pub(crate) max_attempts: u32,
    /// Wait for handlers that are not registered here.
    pub(crate) unregistered: UnregisteredBackoffConfig,
    /// How long a cancelled activity may take to stop by itself.
    pub(crate) cancellation_grace: Duration,
    /// Executions that can be replayed here, by the version that began them.
    pub(crate) replayable: SemverRange,
    /// Activities that are taken here.
    pub(crate) tags: TagFilter,
    /// How traces are carried on, if they are.
    pub(crate) propagation: Propagation,
    /// Orchestrations that may run code at once.
    pub(crate) code_at_once: usize,
    /// How many executions stay in memory between their turns.
    pub(crate) warmth: Warmth,
    /// A stable name of this process, if it has one.
    pub(crate) node_id: Option<String>,
    /// What exceeds them fails what it belongs to.
    pub(crate) limits: Limits,
}

impl Settings {
    /// [`replayable`](Self::replayable) as the store wants it.
    pub(crate) fn capability_filter(&self) -> DispatcherCapabilityFilter {
        DispatcherCapabilityFilter { supported_duroxide_versions: vec![self.replayable.clone()] }
    }
}

/// A range of versions as logs show it.
pub(crate) fn shown(range: &SemverRange) -> String {
    format!(">={}, <={}", range.min, range.max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_for_a_handler_doubles_six_times_and_saturates() {
        let backoff = UnregisteredBackoffConfig::default();
        let seconds: Vec<u64> = (0..=9).map(|attempt| backoff.delay(attempt).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        let endless = UnregisteredBackoffConfig { base_delay: Duration::MAX, max_delay: Duration::MAX };
        assert_eq!(endless.delay(u32::MAX), Duration::MAX);
    }
}
