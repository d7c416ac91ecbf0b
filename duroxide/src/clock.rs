//! The only place that reads the wall clock; stamps events.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::VERSION;
use crate::model::event::{Event, EventKind};

/// Wall clock, milliseconds since the Unix epoch; 0 for a clock set before it.
#[expect(clippy::disallowed_methods, reason = "this is the seam that everyone else is sent to")]
pub(crate) fn now_ms() -> u64 {
    #[cfg(feature = "test-hooks")]
    if let Some(now_ms) = simulated::now_ms() {
        return now_ms;
    }
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, as_ms);
    #[cfg(feature = "test-hooks")]
    let now_ms = now_ms.saturating_add_signed(WRONG_MS.load(std::sync::atomic::Ordering::Relaxed));
    now_ms
}

/// By how much a test makes this process's clock wrong, in milliseconds.
#[cfg(feature = "test-hooks")]
pub(crate) static WRONG_MS: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

/// Whole milliseconds of a duration, saturating.
pub(crate) fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The clock of a simulation, which may stand still, jump, and be another for each process that is simulated.
#[cfg(feature = "test-hooks")]
pub(crate) mod simulated {
    use std::cell::RefCell;
    use std::rc::Rc;

    type Clock = Rc<dyn Fn() -> u64>;

    thread_local! {
        static CLOCK: RefCell<Option<Clock>> = const { RefCell::new(None) };
    }

    /// What this thread takes for the wall clock from now on, in milliseconds since the Unix epoch; `None` for the
    /// real one.
    pub fn set_clock(clock: Option<Clock>) {
        CLOCK.set(clock);
    }

    pub(super) fn now_ms() -> Option<u64> {
        // Taken out first: the clock is code of the test and may do what it likes.
        let clock = CLOCK.with_borrow(Clone::clone)?;
        Some(clock())
    }
}

impl Event {
    /// An event stamped with the wall clock and the version of this crate.
    pub fn with_event_id(
        event_id: u64,
        instance_id: impl Into<String>,
        execution_id: u64,
        source_event_id: Option<u64>,
        kind: EventKind,
    ) -> Self {
        Event {
            event_id,
            source_event_id,
            instance_id: instance_id.into(),
            execution_id,
            timestamp_ms: now_ms(),
            duroxide_version: VERSION.to_owned(),
            kind,
        }
    }

    /// The same with event id 0, for whoever assigns ids later.
    pub fn new(
        instance_id: impl Into<String>,
        execution_id: u64,
        source_event_id: Option<u64>,
        kind: EventKind,
    ) -> Self {
        Event::with_event_id(0, instance_id, execution_id, source_event_id, kind)
    }
}
