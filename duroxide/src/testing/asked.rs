//! What an orchestration asked for, in order, as a test compares it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use crate::model::event::{Event, EventKind};
use crate::model::ids::{self, SYSCALL_PREFIX};

/// One request of an orchestration. What the runtime answers itself (time, ids) is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked {
    /// Run an activity.
    Activity {
        /// Its name.
        name: String,
        /// Its input, as history keeps it.
        input: String,
        /// The session it was pinned to.
        session: Option<String>,
        /// The tag of the workers that may run it.
        tag: Option<String>,
    },
    /// Wake me.
    Timer {
        /// How long after it was asked for.
        after: Duration,
    },
    /// Wait for an event.
    Event {
        /// Its name.
        name: String,
    },
    /// Wait for the next message of a queue.
    Message {
        /// The queue.
        queue: String,
    },
    /// Run a child and wait for it.
    Child {
        /// The name of the orchestration.
        name: String,
        /// Its instance id, if the orchestration chose it.
        id: Option<String>,
        /// Its input, as history keeps it.
        input: String,
    },
    /// Start an independent orchestration.
    Start {
        /// The name of the orchestration.
        name: String,
        /// Its instance id.
        id: String,
        /// Its input, as history keeps it.
        input: String,
    },
    /// Tell clients this.
    Status(Option<String>),
    /// Keep a value.
    Set {
        /// Its key.
        key: String,
        /// The value.
        value: String,
    },
    /// Forget a value.
    Clear {
        /// Its key.
        key: String,
    },
    /// Forget all values.
    ClearAll,
    /// Begin the next execution.
    ContinueAsNew {
        /// Its input, as history keeps it.
        input: String,
    },
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asked::Activity { name, input, session, tag } => {
                write!(f, "activity `{name}` with {input}")?;
                session.iter().try_for_each(|session| write!(f, " in session `{session}`"))?;
                tag.iter().try_for_each(|tag| write!(f, " with tag `{tag}`"))
            }
            Asked::Timer { after } => write!(f, "timer of {}", humantime::format_duration(*after)),
            Asked::Event { name } => write!(f, "event `{name}`"),
            Asked::Message { queue } => write!(f, "message in queue `{queue}`"),
            Asked::Child { name, id: None, input } => write!(f, "child `{name}` with {input}"),
            Asked::Child { name, id: Some(id), input } => write!(f, "child `{name}` as `{id}` with {input}"),
            Asked::Start { name, id, input } => write!(f, "start of `{name}` as `{id}` with {input}"),
            Asked::Status(Some(status)) => write!(f, "status {status}"),
            Asked::Status(None) => f.write_str("no status"),
            Asked::Set { key, value } => write!(f, "key `{key}` set to {value}"),
            Asked::Clear { key } => write!(f, "key `{key}` cleared"),
            Asked::ClearAll => f.write_str("all keys cleared"),
            Asked::ContinueAsNew { input } => write!(f, "next execution with {input}"),
        }
    }
}

impl Asked {
    /// The request that an event records, if it records one.
    fn recorded(event: &Event) -> Option<Asked> {
        Some(match event.kind.clone() {
            EventKind::ActivityScheduled { name, .. } if name.starts_with(SYSCALL_PREFIX) => return None,
            EventKind::ActivityScheduled { name, input, session_id, tag } => {
                Asked::Activity { name, input, session: session_id, tag }
            }
            EventKind::TimerCreated { fire_at_ms } => {
                Asked::Timer { after: Duration::from_millis(fire_at_ms.saturating_sub(event.timestamp_ms)) }
            }
            EventKind::ExternalSubscribed { name } => Asked::Event { name },
            EventKind::QueueSubscribed { name } => Asked::Message { queue: name },
            EventKind::SubOrchestrationScheduled { name, instance, input } => {
                let id = Some(instance).filter(|id| !ids::is_auto_generated_sub_orch_id(id));
                Asked::Child { name, id, input }
            }
            EventKind::OrchestrationChained { name, instance, input } => Asked::Start { name, id: instance, input },
            EventKind::CustomStatusUpdated { status } => Asked::Status(status),
            EventKind::KeyValueSet { key, value, .. } => Asked::Set { key, value },
            EventKind::KeyValueCleared { key } => Asked::Clear { key },
            EventKind::KeyValuesCleared => Asked::ClearAll,
            EventKind::OrchestrationContinuedAsNew { input } => Asked::ContinueAsNew { input },
            EventKind::OrchestrationStarted { .. }
            | EventKind::OrchestrationCompleted { .. }
            | EventKind::OrchestrationFailed { .. }
            | EventKind::ActivityCompleted { .. }
            | EventKind::ActivityFailed { .. }
            | EventKind::ActivityCancelRequested { .. }
            | EventKind::TimerFired { .. }
            | EventKind::ExternalEvent { .. }
            | EventKind::SubOrchestrationCompleted { .. }
            | EventKind::SubOrchestrationFailed { .. }
            | EventKind::SubOrchestrationCancelRequested { .. }
            | EventKind::OrchestrationCancelRequested { .. }
            | EventKind::ExternalSubscribedCancelled { .. }
            | EventKind::QueueEventDelivered { .. }
            | EventKind::QueueSubscriptionCancelled { .. } => return None,
        })
    }
}

/// Everything that a history records as asked for, in order.
pub(super) fn asked(history: &[Event]) -> Vec<Asked> {
    history.iter().filter_map(Asked::recorded).collect()
}

/// Name and version of the orchestration.
pub(super) fn started_as(history: &[Event]) -> Option<(String, String)> {
    match &history.first()?.kind {
        EventKind::OrchestrationStarted { name, version, .. } => Some((name.clone(), version.clone())),
        _ => None,
    }
}

/// What was asked for and has no answer yet, in the order asked.
pub(super) fn unanswered(history: &[Event]) -> Vec<Asked> {
    let mut open: BTreeMap<u64, Asked> = BTreeMap::new();
    // Arrivals name no request: the oldest wait of their name gets them.
    let mut waits: BTreeMap<String, VecDeque<u64>> = BTreeMap::new();
    for event in history {
        match &event.kind {
            EventKind::ActivityScheduled { .. }
            | EventKind::TimerCreated { .. }
            | EventKind::SubOrchestrationScheduled { .. } => {
                open.extend(Asked::recorded(event).map(|asked| (event.event_id, asked)));
            }
            EventKind::ExternalSubscribed { name } | EventKind::QueueSubscribed { name } => {
                open.extend(Asked::recorded(event).map(|asked| (event.event_id, asked)));
                waits.entry(name.clone()).or_default().push_back(event.event_id);
            }
            EventKind::ExternalEvent { name, .. } | EventKind::QueueEventDelivered { name, .. } => {
                if let Some(oldest) = waits.get_mut(name).and_then(VecDeque::pop_front) {
                    open.remove(&oldest);
                }
            }
            _ => {
                if let Some(source) = event.source_event_id {
                    open.remove(&source);
                    waits.values_mut().for_each(|waits| waits.retain(|id| *id != source));
                }
            }
        }
    }
    open.into_values().collect()
}
