//! The only place that reads the wall clock; stamps events.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::VERSION;
use crate::model::event::{Event, EventKind};

/// Wall clock, milliseconds since the Unix epoch; 0 for a clock set before it.
#[expect(clippy::disallowed_methods, reason = "this is the seam that everyone else is sent to")]
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, as_ms)
}

/// Whole milliseconds of a duration, saturating.
pub(crate) fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
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
