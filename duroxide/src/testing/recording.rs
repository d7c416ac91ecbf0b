//! Today's code, led through a history that was recorded before.

use std::collections::HashMap;
use std::sync::Arc;

use semver::Version;

use super::asked::started_as;
use crate::context::handler::OrchestrationHandler;
use crate::model::error::ErrorDetails;
use crate::model::event::{Event, EventKind};
use crate::model::item::KvEntry;
use crate::registry::OrchestrationRegistry;
use crate::replay::{Execution, Opening, Outcome, TurnInput};

/// Reason of rows that are written because the execution ends.
const ENDING: &str = "orchestration_terminal";

/// The history of one execution, to be compared with what code does today.
///
/// Record one with [`Client::read_execution_history`](crate::Client::read_execution_history) or
/// [`Harness::history`](super::Harness::history), keep it as JSON beside the test, and a change that would break running
/// instances fails the test instead.
///
/// ```
/// use duroxide::testing::Recording;
/// # use duroxide::{OrchestrationContext, activity, orchestration};
/// # #[activity]
/// # async fn charge(order: String) -> Result<u64, String>;
/// #[orchestration(name = "Checkout")]
/// async fn checkout(ctx: OrchestrationContext, order: String) -> Result<u64, String> {
///     Ok(charge::call(&ctx, order).await?)
/// }
///
/// let event = |id: u64, source: &str, kind: &str| {
///     format!(
///         r#"{{"event_id":{id},"source_event_id":{source},"instance_id":"o-1","execution_id":1,"timestamp_ms":0,
///             "duroxide_version":"0.2.0",{kind}}}"#
///     )
/// };
/// let recorded = [
///     event(1, "null", r#""type":"OrchestrationStarted","name":"Checkout","version":"1.0.0","input":"\"tea\"""#),
///     event(2, "null", r#""type":"ActivityScheduled","name":"charge","input":"\"tea\"""#),
///     event(3, "2", r#""type":"ActivityCompleted","result":"5""#),
///     event(4, "null", r#""type":"OrchestrationCompleted","output":"5""#),
/// ];
/// let recording = Recording::from_json(&format!("[{}]", recorded.join(",")))?;
/// recording.replay::<checkout>()?;
/// # Ok::<(), duroxide::testing::ReplayError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Recording {
    events: Vec<Event>,
    key_values: HashMap<String, KvEntry>,
}

/// Why a recorded history and today's code do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The text is not a list of events.
    #[error("this is not a recorded history, a JSON list of events: {message}")]
    Unreadable {
        /// What serde said.
        message: String,
    },
    /// The events are not one execution from its start.
    #[error("a recorded history begins with OrchestrationStarted, and this one with {found}")]
    NoStart {
        /// What it begins with.
        found: String,
    },
    /// It is the history of something else.
    #[error("the history is that of orchestration `{recorded}`, and it was to be replayed by `{asked}`")]
    OtherOrchestration {
        /// The name in history.
        recorded: String,
        /// The name of the type.
        asked: String,
    },
    /// There is no code for it.
    #[error("orchestration `{name}` {version} is not registered")]
    NotRegistered {
        /// The name in history.
        name: String,
        /// The version in history.
        version: String,
    },
    /// Today's code asks for something else.
    #[error("today's code does not fit the history that `{name}` {version} recorded: {difference}")]
    Differs {
        /// The name in history.
        name: String,
        /// The version in history.
        version: String,
        /// What history has, and what code did instead.
        difference: String,
    },
}

impl Recording {
    /// The events of one execution, from its start.
    pub fn new(events: Vec<Event>) -> Self {
        Recording { events, key_values: HashMap::new() }
    }

    /// The same from a JSON list, as `serde_json` writes a `Vec<Event>`.
    ///
    /// # Errors
    /// `Unreadable`.
    pub fn from_json(text: &str) -> Result<Self, ReplayError> {
        let events = crate::codec::from_json(text);
        events.map(Recording::new).map_err(|error| ReplayError::Unreadable { message: error.to_string() })
    }

    /// A key-value that earlier executions had left, which history does not have.
    #[must_use]
    pub fn key_value(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.key_values.insert(key.into(), KvEntry { value: value.into(), last_updated_at_ms: 0 });
        self
    }

    /// Leads the code of `O` through the history, whatever version recorded it.
    ///
    /// # Errors
    /// `Differs` when the code asks for something else than history has, for more, or ends otherwise; `NoStart`,
    /// `OtherOrchestration`.
    #[cfg(feature = "macros")]
    pub fn replay<O: crate::typed::RunOrchestration>(&self) -> Result<(), ReplayError> {
        let (recorded, _) = self.started_as()?;
        if recorded != O::NAME {
            return Err(ReplayError::OtherOrchestration { recorded, asked: O::NAME.to_owned() });
        }
        self.replay_by(Arc::new(crate::typed::glue::OrchestrationGlue::<O>::new()))
    }

    /// Leads the code that `registry` has for the recorded name and version through the history.
    ///
    /// # Errors
    /// `Differs` when the code asks for something else than history has, for more, or ends otherwise; `NoStart`,
    /// `NotRegistered`.
    pub fn replay_in(&self, registry: &OrchestrationRegistry) -> Result<(), ReplayError> {
        let (name, version) = self.started_as()?;
        let exact = Version::parse(&version).ok();
        match exact.and_then(|version| registry.resolve_handler_exact(&name, &version)) {
            Some(handler) => self.replay_by(handler),
            None => Err(ReplayError::NotRegistered { name, version }),
        }
    }

    fn started_as(&self) -> Result<(String, String), ReplayError> {
        started_as(&self.events).ok_or_else(|| ReplayError::NoStart {
            found: self.events.first().map_or_else(|| "nothing".to_owned(), |event| format!("{:?}", event.kind)),
        })
    }

    fn replay_by(&self, handler: Arc<dyn OrchestrationHandler>) -> Result<(), ReplayError> {
        let (name, version) = self.started_as()?;
        let (before, ending) = self.before_its_end();
        let now_ms = self.events.last().map_or(0, |event| event.timestamp_ms);
        let mut execution = Execution::open(handler, self.opening(&name, &version, before, now_ms));
        execution.advance(TurnInput { start: None, messages: Vec::new(), now_ms });
        let commit = execution.conclude(None);
        let today: Vec<&EventKind> = commit.delta.iter().map(|event| &event.kind).collect();
        let difference = match (execution.outcome(), ending) {
            (Outcome::Failed(details), _) if is_nondeterminism(details) => Some(details.display_message()),
            // The machine or an operator ended it, not the code.
            (_, [.., Event { kind: EventKind::OrchestrationFailed { details }, .. }]) if details.is_system() => None,
            _ => difference(&ending.iter().map(|event| &event.kind).collect::<Vec<_>>(), &today),
        };
        match difference {
            None => Ok(()),
            Some(difference) => Err(ReplayError::Differs { name, version, difference }),
        }
    }

    fn opening(&self, name: &str, version: &str, history: &[Event], now_ms: u64) -> Opening {
        let input = match self.events.first().map(|event| &event.kind) {
            Some(EventKind::OrchestrationStarted { input, .. }) => input.clone(),
            _ => String::new(),
        };
        let first = self.events.first();
        Opening {
            instance: first.map(|event| event.instance_id.clone()).unwrap_or_default(),
            execution_id: first.map_or(1, |event| event.execution_id),
            name: name.to_owned(),
            version: version.to_owned(),
            input,
            history: history.to_vec(),
            kv_snapshot: self.key_values.clone(),
            now_ms,
        }
    }

    /// The rows up to where the execution ends, and those that end it. Activities that were given up follow the end;
    /// what code did is all before it.
    fn before_its_end(&self) -> (&[Event], &[Event]) {
        let Some(end) = self.events.iter().position(Event::is_terminal) else {
            return (&self.events, &[]);
        };
        let is_ending = |event: &Event| match &event.kind {
            EventKind::ExternalSubscribedCancelled { reason } | EventKind::QueueSubscriptionCancelled { reason } => {
                reason == ENDING
            }
            _ => false,
        };
        let waits = self.events[..end].iter().rev().take_while(|event| is_ending(event)).count();
        (&self.events[..end - waits], &self.events[end - waits..])
    }
}

fn is_nondeterminism(details: &ErrorDetails) -> bool {
    matches!(details, ErrorDetails::Configuration { .. })
}

fn difference(recorded: &[&EventKind], today: &[&EventKind]) -> Option<String> {
    let longest = recorded.len().max(today.len());
    let at = (0..longest).find(|at| recorded.get(*at) != today.get(*at))?;
    let shown =
        |kinds: &[&EventKind]| kinds.get(at).map_or_else(|| "nothing more".to_owned(), |kind| format!("{kind:?}"));
    Some(format!("history has {}, and the code comes to {}", shown(recorded), shown(today)))
}
