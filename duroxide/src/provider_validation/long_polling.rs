//! The published validations of how long a fetch waits: as short, or as long, as its store promises.

use std::time::Duration;

use tokio::time::Instant;

use crate::providers::{Provider, TagFilter};

/// A wait that a store which waits must keep, and one which does not must not.
const POLL: Duration = Duration::from_millis(500);

/// What a fetch may take beyond its wait.
const SLACK: Duration = Duration::from_millis(200);

const LEASE: Duration = Duration::from_secs(5);

/// Nothing is there to be fetched; how long it took to say so.
async fn turn(provider: &dyn Provider) -> Duration {
    let began = Instant::now();
    let fetched = provider.fetch_orchestration_item(LEASE, POLL, None).await;
    assert!(fetched.expect("an empty store can be asked").is_none(), "expected an empty store, found a turn");
    began.elapsed()
}

async fn activity(provider: &dyn Provider) -> Duration {
    let began = Instant::now();
    let fetched = provider.fetch_work_item(LEASE, POLL, None, &TagFilter::default()).await;
    assert!(fetched.expect("an empty store can be asked").is_none(), "expected an empty store, found an activity");
    began.elapsed()
}

fn assert_waited(took: Duration) {
    assert!(took >= POLL, "expected a wait of {POLL:?} at least, found {took:?}");
}

fn assert_under(took: Duration, bound: Duration) {
    assert!(took < bound, "expected an answer within {bound:?}, found one after {took:?}");
}

/// A store that waits says no earlier than asked that there is no turn.
///
/// # Panics
/// When it says so earlier, or finds one.
pub async fn test_long_poll_waits_for_timeout(provider: &dyn Provider) {
    assert_waited(turn(provider).await);
}

/// The same of activities.
///
/// # Panics
/// When it says so earlier, or finds one.
pub async fn test_long_poll_work_item_waits_for_timeout(provider: &dyn Provider) {
    assert_waited(activity(provider).await);
}

/// A store that does not wait says within `threshold` that there is no turn.
///
/// # Panics
/// When it takes longer, or finds one.
pub async fn test_short_poll_returns_immediately(provider: &dyn Provider, threshold: Duration) {
    assert_under(turn(provider).await, threshold);
}

/// The same of activities.
///
/// # Panics
/// When it takes longer, or finds one.
pub async fn test_short_poll_work_item_returns_immediately(provider: &dyn Provider, threshold: Duration) {
    assert_under(activity(provider).await, threshold);
}

/// No store waits much longer than asked.
///
/// # Panics
/// When it takes longer, or finds a turn.
pub async fn test_fetch_respects_timeout_upper_bound(provider: &dyn Provider) {
    assert_under(turn(provider).await, POLL + SLACK);
}
