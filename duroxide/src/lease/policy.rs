//! When to renew, when to try again, when to give up.

use std::time::Duration;

use crate::mutants::{Bug, is_planted};

/// Leases at least this long are renewed a fixed time before they end; shorter ones halfway.
const LONG_LEASE: Duration = Duration::from_secs(15);

/// The least time between two renewals of a lease that allows it.
const RENEWAL_FLOOR: Duration = Duration::from_secs(1);

/// The least time between two tries of a renewal that failed: a store in trouble is not helped by more calls.
const RETRY_FLOOR: Duration = Duration::from_millis(10);

/// How long after taking or renewing a lease of `timeout` it is renewed.
///
/// `buffer` before the end for leases of 15 seconds and more, half the time in whole seconds for shorter ones, never
/// less than a second. A renewal at or after the end would come too late, so half the time is taken then.
pub(crate) fn renewal_interval(timeout: Duration, buffer: Duration) -> Duration {
    let wanted = if timeout >= LONG_LEASE { timeout.saturating_sub(buffer) } else { whole_seconds_up(timeout / 2) };
    let interval = wanted.max(RENEWAL_FLOOR);
    let interval = if interval < timeout { interval } else { timeout / 2 };
    if is_planted(Bug::RenewsTooLate) { timeout * 2 } else { interval }
}

fn whole_seconds_up(duration: Duration) -> Duration {
    let part = u64::from(duration.subsec_nanos() > 0);
    Duration::from_secs(duration.as_secs() + part)
}

/// How long to wait before a renewal that failed for a passing reason is tried again: a quarter of what is left.
/// `None` when so little is left that the lease is lost.
pub(crate) fn retry_renewal_in(until_ms: u64, now_ms: u64) -> Option<Duration> {
    let left = Duration::from_millis(until_ms.saturating_sub(now_ms));
    let wait = (left / 4).max(RETRY_FLOOR);
    (wait < left && !is_planted(Bug::OneFailedRenewalLoses)).then_some(wait)
}

/// Whether work that was handed out `attempt_count` times, this one included, is not tried again.
pub(crate) fn is_poisoned(attempt_count: u32, max_attempts: u32) -> bool {
    attempt_count > max_attempts || (attempt_count > 1 && is_planted(Bug::SecondAttemptIsPoison))
}

/// The attempts that count when the last one shall not.
pub(crate) fn attempts_given_back(attempt_count: u32) -> u32 {
    attempt_count.saturating_sub(1)
}
