//! Says what the code did and what history expected.

use semver::Version;

use crate::codec::CodecError;
use crate::ledger::Identity;
use crate::ledger::bindings::Class;
use crate::model::action::Action;
use crate::model::error::ErrorDetails;
use crate::model::event::EventKind;

/// Executions stamped earlier were recorded under other rules for races.
const RACE_RULES_SINCE: Version = Version::new(0, 1, 31);

pub(super) fn no_start() -> ErrorDetails {
    ErrorDetails::nondeterminism("corrupted history: first event must be OrchestrationStarted")
}

pub(super) fn empty() -> ErrorDetails {
    ErrorDetails::nondeterminism("corrupted history: empty")
}

/// History records something that the code does not ask for.
pub(super) fn nothing_emitted(what: &str) -> ErrorDetails {
    ErrorDetails::nondeterminism(format!("history {what} but no emitted action"))
}

/// The code asks for something else than history records.
pub(super) fn mismatch(what: &str, action: &Action, event: &EventKind) -> ErrorDetails {
    ErrorDetails::nondeterminism(format!("{what} mismatch: action={action:?} vs event={event:?}"))
}

/// An answer in history belongs to nothing that is open.
pub(super) fn not_open() -> ErrorDetails {
    ErrorDetails::nondeterminism("completion without open schedule")
}

/// An answer in history is of another kind than its request.
pub(super) fn answered_in_kind(expected: Class) -> ErrorDetails {
    ErrorDetails::nondeterminism(format!("completion kind mismatch: expected {}", noun(expected)))
}

/// A message answers a schedule event that does not exist.
pub(super) fn no_schedule(class: Class, id: u64) -> ErrorDetails {
    let what = match class {
        Class::Activity => "completion",
        Class::Timer => "timer",
        Class::Child => "sub-orchestration",
        Class::External | Class::Queue => unreachable!("arrivals name no schedule event"),
    };
    ErrorDetails::nondeterminism(format!("no matching schedule for {what} id={id}"))
}

/// A message answers a schedule event of another kind.
pub(super) fn message_in_kind(id: u64, expected: Class, got: Class) -> ErrorDetails {
    ErrorDetails::nondeterminism(format!(
        "completion kind mismatch for id={id}, expected '{}', got '{}'",
        noun(expected),
        noun(got)
    ))
}

/// History records a policy for a call in a form that this version does not know.
pub(super) fn unreadable_policy(call: u64, error: &CodecError) -> ErrorDetails {
    ErrorDetails::nondeterminism(format!(
        "the retry and timeout policy recorded for the activity of event {call} cannot be read: {error}"
    ))
}

/// The code awaits something that nothing in history can resolve.
pub(super) fn not_durable(identity: &Identity, defined_at: Option<&str>) -> ErrorDetails {
    ErrorDetails::nondeterminism(format!(
        "orchestration '{}'{} awaits a future that is not durable, and nothing durable beside it: no event can ever \
         wake it; await only what the context offers (activities, timers, events, child orchestrations) and move \
         other async work into an activity",
        identity.name,
        defined_at.map(|place| format!(" ({place})")).unwrap_or_default(),
    ))
}

/// Says once that a future beside durable ones is not durable.
pub(super) fn warn_not_durable(identity: &Identity, defined_at: Option<&str>) {
    tracing::warn!(
        target: "duroxide::runtime::replay_engine",
        instance = %identity.instance,
        orchestration_name = %identity.name,
        defined_at = defined_at.unwrap_or("unknown"),
        "orchestration awaits a future that is not durable beside durable ones; its result is not replayed",
    );
}

/// Says with every replay that an execution was recorded by something older or stranger than the rules in force.
/// Returns whether it was.
pub(super) fn warn_of_foreign_stamp(identity: &Identity, stamp: &str) -> bool {
    let problem = match Version::parse(stamp) {
        Ok(version) if version >= RACE_RULES_SINCE => return false,
        Ok(_) => "Execution was pinned before 0.1.31; races are replayed under the newer rules",
        Err(_) => "Invalid pinned version; races are replayed under the newest rules",
    };
    tracing::warn!(
        target: "duroxide::runtime::replay_engine",
        instance = %identity.instance,
        pinned_version = %stamp,
        "{problem}",
    );
    true
}

fn noun(class: Class) -> &'static str {
    match class {
        Class::Activity => "activity",
        Class::Timer => "timer",
        Class::Child => "suborchestration",
        Class::External => "external",
        Class::Queue => "queue",
    }
}
