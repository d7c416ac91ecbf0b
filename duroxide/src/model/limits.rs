//! Every bound in one place, each with its reason.

use std::time::Duration;

/// Unread queue messages that continue-as-new carries: more would make the first event of the next execution a
/// payload of its own.
pub const MAX_CARRY_FORWARD_EVENTS: usize = 100;

/// Bytes of a custom status: it is read with every status call (256 KiB).
pub const MAX_CUSTOM_STATUS_BYTES: usize = 262_144;

/// Tags one worker may serve: the store compares every row with each of them.
pub const MAX_WORKER_TAGS: usize = 5;

/// Bytes of a tag: it is an index key.
pub const MAX_TAG_NAME_BYTES: usize = 256;

/// Keys of one instance: all are loaded with every turn.
pub const MAX_KV_KEYS: usize = 150;

/// Bytes of one key-value: all are loaded with every turn (64 KiB).
pub const MAX_KV_VALUE_BYTES: usize = 65_536;

/// How long a message waits for an instance that does not exist: long enough for a start that is on its way, and an end
/// to what nobody will ever read.
pub(crate) const ORPHANS_KEPT: Duration = Duration::from_hours(24);

/// The bounds that can be set, for a runtime and for a client. All others are constants.
///
/// A limit is what is still allowed. Whatever exceeds one is refused before any of it is stored.
///
/// ```
/// use duroxide::runtime::limits::Limits;
///
/// let mut limits = Limits::default();
/// limits.payload_bytes = 256 * 1024;
/// assert!(limits.payload_bytes < Limits::default().payload_bytes);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a name: of an orchestration, a version, an activity, an event, a queue or a key.
    ///
    /// 4 KiB: names are index keys and stand in every log line.
    pub name_bytes: usize,
    /// Bytes of an id: of an instance or a session.
    ///
    /// 8 KiB: ids are index keys in every table, and those of children hold the ids of all their ancestors.
    pub id_bytes: usize,
    /// Bytes of one payload: of an input, a result, an error, an event or a reason.
    ///
    /// 64 MiB: history is read with every replay, and what is larger belongs into a store of its own.
    pub payload_bytes: usize,
    /// Bytes of what an activity says of its progress.
    ///
    /// 4 KiB: it is written over and over, and is no place for results.
    pub progress_bytes: usize,
    /// What the code of an orchestration may ask for in one turn: activities, timers, children, changes.
    ///
    /// 100,000: all of it is one transaction.
    pub actions_per_turn: usize,
    /// Events in the history of one execution that goes on; one that ends, or continues as new, may end beyond it.
    ///
    /// 1,000,000: history is read with every replay. Continue as new long before.
    pub history_events: usize,
    /// Messages that may wait for one instance before a client is refused to add another.
    ///
    /// 100,000: an instance is given all of them at once. Messages of the system itself are never refused, nor is a
    /// cancel.
    pub queue_depth: usize,
}

impl Default for Limits {
    /// More than programs need; each field says how much, and why.
    fn default() -> Self {
        Limits {
            name_bytes: 4 * 1024,
            id_bytes: 8 * 1024,
            payload_bytes: 64 * 1024 * 1024,
            progress_bytes: 4 * 1024,
            actions_per_turn: 100_000,
            history_events: 1_000_000,
            queue_depth: 100_000,
        }
    }
}

/// What was found to exceed a limit. As text: `input: expected at most 1024 bytes, found 2000`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected at most {allowed} {unit}, found {found}")]
pub struct LimitExceeded {
    /// What is too large. Never quotes it.
    pub what: &'static str,
    /// What `allowed` and `found` count.
    pub unit: &'static str,
    /// The limit.
    pub allowed: usize,
    /// How much there is.
    pub found: usize,
}

impl Limits {
    pub(crate) fn name(&self, what: &'static str, name: &str) -> Result<(), LimitExceeded> {
        within(what, "bytes", self.name_bytes, name.len())
    }

    pub(crate) fn id(&self, what: &'static str, id: &str) -> Result<(), LimitExceeded> {
        within(what, "bytes", self.id_bytes, id.len())
    }

    pub(crate) fn payload(&self, what: &'static str, payload: &str) -> Result<(), LimitExceeded> {
        within(what, "bytes", self.payload_bytes, payload.len())
    }

    pub(crate) fn progress(&self, progress: &str) -> Result<(), LimitExceeded> {
        within("progress of an activity", "bytes", self.progress_bytes, progress.len())
    }

    pub(crate) fn actions(&self, found: usize) -> Result<(), LimitExceeded> {
        within("actions of one turn", "actions", self.actions_per_turn, found)
    }

    pub(crate) fn history(&self, found: usize) -> Result<(), LimitExceeded> {
        within("history of one execution", "events", self.history_events, found)
    }

    /// What an activity returned, or that it was too much.
    pub(crate) fn returned(&self, result: Result<String, String>) -> Result<String, String> {
        let checked = match &result {
            Ok(output) => self.payload("result of the activity", output),
            Err(message) => self.payload("error of the activity", message),
        };
        checked.map_err(|exceeded| exceeded.to_string()).and(result)
    }
}

fn within(what: &'static str, unit: &'static str, allowed: usize, found: usize) -> Result<(), LimitExceeded> {
    if found <= allowed { Ok(()) } else { Err(LimitExceeded { what, unit, allowed, found }) }
}
