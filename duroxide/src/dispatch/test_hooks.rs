//! Faults a test may switch on: a delay for the whole process; clock, randomness and broken rules for one thread.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use crate::clock::simulated::set_clock;
pub use crate::mutants::{Bug, plant};
pub use crate::seams::simulated::set_seed;

use super::Warmth;

/// What `DUROXIDE_WARMTH` says for all runtimes of this process, so that whole test suites run with orchestrations that
/// never stay in memory (`off`), or leave it after each turn (`evict`).
pub(crate) fn warmth() -> Option<Warmth> {
    match std::env::var("DUROXIDE_WARMTH").as_deref() {
        Ok("off") => Some(Warmth::Off),
        Ok("evict") => Some(Warmth::EvictEachTurn),
        Ok(_) | Err(_) => None,
    }
}

struct Delay {
    millis: u64,
    /// Only instances with one of these prefixes, if there are any.
    prefixes: Vec<String>,
}

static DELAY: Mutex<Delay> = Mutex::new(Delay { millis: 0, prefixes: Vec::new() });

fn state() -> MutexGuard<'static, Delay> {
    DELAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the wall clock of this process wrong by so many milliseconds, from now on.
pub fn set_clock_wrong(by_ms: i64) {
    crate::clock::WRONG_MS.store(by_ms, std::sync::atomic::Ordering::Relaxed);
}

/// Delays every turn after its lease is taken, whole milliseconds; zero switches the delay off. With a prefix only
/// instances whose id begins with it, or with an earlier prefix, are delayed.
pub fn set_orch_processing_delay(delay: Duration, instance_prefix: Option<&str>) {
    let mut state = state();
    state.millis = crate::clock::as_ms(delay);
    state.prefixes.extend(instance_prefix.map(str::to_owned));
}

/// The delay of turns of this instance.
pub fn get_orch_processing_delay(instance: &str) -> Option<Duration> {
    let state = state();
    let is_meant = state.prefixes.is_empty() || state.prefixes.iter().any(|prefix| instance.starts_with(prefix));
    (state.millis > 0 && is_meant).then(|| Duration::from_millis(state.millis))
}

/// Switches the delay off and forgets the prefixes.
pub fn clear_orch_processing_delay() {
    *state() = Delay { millis: 0, prefixes: Vec::new() };
}
