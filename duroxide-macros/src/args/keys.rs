//! The keys of each attribute.

use crate::ast::Kind;

/// A key, and the attributes that have it; `None` is `#[event]`.
struct Key {
    name: &'static str,
    of: &'static [Option<Kind>],
    /// What to write where the attribute does not have it.
    elsewhere: &'static str,
}

const ACTIVITY: Option<Kind> = Some(Kind::Activity);
const ORCHESTRATION: Option<Kind> = Some(Kind::Orchestration);
const DURABLE: Option<Kind> = Some(Kind::Durable);
const EVENT: Option<Kind> = None;

/// In the order in which a message lists them.
const KEYS: &[Key] = &[
    Key {
        name: "name",
        of: &[ACTIVITY, ORCHESTRATION, EVENT],
        elsewhere: "a durable helper has no name: history does not know it",
    },
    Key {
        name: "version",
        of: &[ORCHESTRATION],
        elsewhere: "only orchestrations have versions; give an activity that changes another name",
    },
    Key { name: "tag", of: &[ACTIVITY], elsewhere: "only activities run on tagged workers" },
    Key { name: "session", of: &[ACTIVITY], elsewhere: "only activities run in sessions" },
    Key {
        name: "transaction",
        of: &[ACTIVITY],
        elsewhere: "only activities write: put it on the activity that does, and call that",
    },
    Key {
        name: "retry",
        of: &[ACTIVITY],
        elsewhere: "retries belong to activities: put it on the activity, or on a call as `.retry(..)`",
    },
    Key {
        name: "timeout",
        of: &[ACTIVITY],
        elsewhere: "a timeout belongs to activities; for anything else race it: `duroxide::select!` with `ctx.timer(..)`",
    },
    Key {
        name: "allow",
        of: &[ORCHESTRATION, DURABLE],
        elsewhere: "there is nothing to allow: only orchestrations and durable helpers are checked",
    },
    Key { name: "crate", of: &[ACTIVITY, ORCHESTRATION, DURABLE, EVENT], elsewhere: "" },
];

/// The keys of one attribute.
pub(super) fn of(kind: Option<Kind>) -> Vec<&'static str> {
    KEYS.iter().filter(|key| key.of.contains(&kind)).map(|key| key.name).collect()
}

/// What stands inside `retry(..)`.
const OF_RETRY: &[&str] = &["max_attempts", "initial", "factor", "max"];

/// What to say of a key that another attribute has, or that stands elsewhere in this one.
pub(super) fn elsewhere(name: &str, kind: Option<Kind>) -> Option<&'static str> {
    if kind == ACTIVITY && OF_RETRY.contains(&name) {
        return Some("it belongs inside `retry(..)`: `retry(max_attempts = 5, initial = \"1s\")`");
    }
    KEYS.iter().find(|key| key.name == name && !key.of.contains(&kind)).map(|key| key.elsewhere)
}
