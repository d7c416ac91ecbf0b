//! What keeps a runtime from starting, as a program is told of it.

use std::fmt;

/// What a handler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HandlerKind {
    /// Runs on a worker, with side effects.
    Activity,
    /// Replays.
    Orchestration,
}

impl fmt::Display for HandlerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HandlerKind::Activity => "activity",
            HandlerKind::Orchestration => "orchestration",
        })
    }
}

/// Something that keeps a runtime from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// DX3001: two handlers have the same name and version.
    Duplicate {
        /// What they are.
        kind: HandlerKind,
        /// Their name.
        name: &'static str,
        /// Their version.
        version: &'static str,
        /// Where they are defined, each as `file:line`.
        defined_at: [&'static str; 2],
    },
    /// DX3002: a crate named in `link!` registered nothing.
    NothingRegistered {
        /// The crate.
        package: &'static str,
        /// Where `link!` names it, as `file:line`.
        linked_at: &'static str,
    },
    /// DX3003: an activity takes a `#[state]` that was not given.
    StateMissing {
        /// The type of the state.
        state: &'static str,
        /// The activity.
        activity: &'static str,
        /// Where it is defined, as `file:line`.
        defined_at: &'static str,
    },
    /// DX3004: there is nothing to run.
    Empty,
    /// DX3005: an activity writes in a transaction of its store, and the store has none.
    NoTransactions {
        /// The name of the store.
        store: String,
        /// The activity.
        activity: &'static str,
        /// Where it is defined, as `file:line`.
        defined_at: &'static str,
    },
    /// DX3006: the store is closed, because it takes part in a [transfer](crate::transfer()).
    StoreClosed {
        /// What the store says.
        reason: String,
    },
    /// A mistake in registries that were built by hand.
    Registry(String),
}

/// How handlers get into a runtime: what this build of the library offers.
const REGISTERED_BY: &str = if cfg!(feature = "macros") {
    "name the crates that have them in `duroxide::link!(..)` and call `discover()`, or register them by hand"
} else {
    "give the registries that have them to `activities(..)` and `orchestrations(..)`"
};

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Duplicate { kind, name, version, defined_at: [first, second] } => write!(
                f,
                "DX3001: {kind} `{name}` {version} is defined twice: at {first} and at {second}; \
                 give one of them another name or version"
            ),
            Problem::NothingRegistered { package, linked_at } => write!(
                f,
                "DX3002: crate `{package}`, linked at {linked_at}, registers no activity and no orchestration; \
                 remove it from `link!`, or look whether its handlers are behind a feature"
            ),
            Problem::StateMissing { state, activity, defined_at } => write!(
                f,
                "DX3003: activity `{activity}`, defined at {defined_at}, needs a `{state}`; \
                 give it with `Runtime::builder(store).state(..)`"
            ),
            Problem::Empty => write!(f, "DX3004: no activity and no orchestration is registered; {REGISTERED_BY}"),
            Problem::NoTransactions { store, activity, defined_at } => write!(
                f,
                "DX3005: activity `{activity}`, defined at {defined_at}, writes in a transaction of its store, and the \
                 store `{store}` has none; run it on a `PostgresProvider`"
            ),
            Problem::StoreClosed { reason } => write!(
                f,
                "DX3006: {reason}; run `duroxide::transfer` again to finish the move, or give it up with \
                 `duroxide::cancel_transfer`"
            ),
            Problem::Registry(text) => f.write_str(text),
        }
    }
}

/// All that keeps a runtime from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => one.fmt(f),
            many => {
                write!(f, "{} problems keep the runtime from starting:", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for Problems {}
