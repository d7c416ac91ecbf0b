//! What happened: `Event` and `EventKind`, the persisted history.

use serde::{Deserialize, Serialize};

use super::error::ErrorDetails;

/// One row of an execution's history.
///
/// Serializes to a flat JSON object: the six fields below and those of [`EventKind`], whose variant is named by the
/// field `type`. Every field but `source_event_id` is required when read; unknown fields are ignored.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Event {
    /// Position in the execution's history: starts at 1 and strictly increases.
    pub event_id: u64,
    /// The schedule event that this one answers or cancels.
    pub source_event_id: Option<u64>,
    /// The instance this row belongs to.
    pub instance_id: String,
    /// The execution this row belongs to.
    pub execution_id: u64,
    /// Wall clock when the row was built, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Version of the crate that wrote the row.
    pub duroxide_version: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// The position in history.
    pub fn event_id(&self) -> u64 {
        self.event_id
    }

    /// The schedule event that this one answers or cancels.
    pub fn source_event_id(&self) -> Option<u64> {
        self.source_event_id
    }

    /// Whether the execution ended here: completed, failed or continued as new.
    pub fn is_terminal(&self) -> bool {
        self.kind.is_terminal()
    }
}

/// What happened in an orchestration.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(tag = "type")]
pub enum EventKind {
    /// The execution began. Always the first event.
    OrchestrationStarted {
        /// Orchestration name.
        name: String,
        /// Resolved version; the execution is pinned to it.
        version: String,
        /// Input of this execution.
        input: String,
        /// Instance that waits for this one, if it is a child.
        parent_instance: Option<String>,
        /// The parent's schedule event.
        parent_id: Option<u64>,
        /// The parent's execution.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent_execution_id: Option<u64>,
        /// Queue messages the previous execution left unread, as (queue, data).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carry_forward_events: Option<Vec<(String, String)>>,
        /// Custom status the previous execution left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        initial_custom_status: Option<String>,
    },
    /// The orchestration returned `Ok`.
    OrchestrationCompleted {
        /// What it returned.
        output: String,
    },
    /// The orchestration failed or was cancelled.
    OrchestrationFailed {
        /// Why.
        details: ErrorDetails,
    },
    /// An activity was asked for.
    ActivityScheduled {
        /// Activity name.
        name: String,
        /// Activity input.
        input: String,
        /// Session that pins it to one worker.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_id: Option<String>,
        /// Tag that only some workers serve.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
    },
    /// An activity returned `Ok`.
    ActivityCompleted {
        /// What it returned.
        result: String,
    },
    /// An activity failed.
    ActivityFailed {
        /// Why.
        details: ErrorDetails,
    },
    /// An activity's result is no longer wanted.
    ActivityCancelRequested {
        /// Why.
        reason: String,
    },
    /// A timer was asked for.
    TimerCreated {
        /// When it is due, milliseconds since the Unix epoch.
        fire_at_ms: u64,
    },
    /// A timer fired.
    TimerFired {
        /// When it was due, milliseconds since the Unix epoch.
        fire_at_ms: u64,
    },
    /// The orchestration waits for an external event.
    ExternalSubscribed {
        /// Event name.
        name: String,
    },
    /// An external event arrived.
    ExternalEvent {
        /// Event name.
        name: String,
        /// Payload.
        data: String,
    },
    /// An independent orchestration was started.
    OrchestrationChained {
        /// Orchestration name.
        name: String,
        /// Its instance id.
        instance: String,
        /// Its input.
        input: String,
    },
    /// A child orchestration was asked for.
    SubOrchestrationScheduled {
        /// Orchestration name.
        name: String,
        /// Its instance id: verbatim when explicit, the suffix `sub::…` when generated.
        instance: String,
        /// Its input.
        input: String,
    },
    /// A child orchestration completed.
    SubOrchestrationCompleted {
        /// What it returned.
        result: String,
    },
    /// A child orchestration failed.
    SubOrchestrationFailed {
        /// Why.
        details: ErrorDetails,
    },
    /// A child orchestration's result is no longer wanted.
    SubOrchestrationCancelRequested {
        /// Why.
        reason: String,
    },
    /// The execution ended; the next one begins with this input.
    OrchestrationContinuedAsNew {
        /// Input of the next execution.
        input: String,
    },
    /// Somebody asked to cancel the orchestration.
    OrchestrationCancelRequested {
        /// Why.
        reason: String,
    },
    /// A wait for an external event was given up.
    ExternalSubscribedCancelled {
        /// Why.
        reason: String,
    },
    /// The orchestration waits for the next message of a queue.
    #[serde(rename = "ExternalSubscribedPersistent")]
    QueueSubscribed {
        /// Queue name.
        name: String,
    },
    /// A queue message arrived.
    #[serde(rename = "ExternalEventPersistent")]
    QueueEventDelivered {
        /// Queue name.
        name: String,
        /// Payload.
        data: String,
    },
    /// A wait for a queue message was given up.
    #[serde(rename = "ExternalSubscribedPersistentCancelled")]
    QueueSubscriptionCancelled {
        /// Why.
        reason: String,
    },
    /// The custom status was set, or cleared with `None`.
    CustomStatusUpdated {
        /// The new status.
        status: Option<String>,
    },
    /// A key-value was set.
    KeyValueSet {
        /// Key.
        key: String,
        /// Value.
        value: String,
        /// When, milliseconds since the Unix epoch.
        #[serde(default)]
        last_updated_at_ms: u64,
    },
    /// A key-value was removed.
    KeyValueCleared {
        /// Key.
        key: String,
    },
    /// All key-values were removed.
    KeyValuesCleared,
}

impl EventKind {
    /// Whether the execution ended here.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(
            self,
            EventKind::OrchestrationCompleted { .. }
                | EventKind::OrchestrationFailed { .. }
                | EventKind::OrchestrationContinuedAsNew { .. }
        )
    }

    /// The `type` field of the wire form; the SQL stores have a column for it.
    #[cfg(any(test, feature = "sqlite", feature = "postgres"))]
    pub(crate) fn wire_type(&self) -> &'static str {
        match self {
            EventKind::OrchestrationStarted { .. } => "OrchestrationStarted",
            EventKind::OrchestrationCompleted { .. } => "OrchestrationCompleted",
            EventKind::OrchestrationFailed { .. } => "OrchestrationFailed",
            EventKind::ActivityScheduled { .. } => "ActivityScheduled",
            EventKind::ActivityCompleted { .. } => "ActivityCompleted",
            EventKind::ActivityFailed { .. } => "ActivityFailed",
            EventKind::ActivityCancelRequested { .. } => "ActivityCancelRequested",
            EventKind::TimerCreated { .. } => "TimerCreated",
            EventKind::TimerFired { .. } => "TimerFired",
            EventKind::ExternalSubscribed { .. } => "ExternalSubscribed",
            EventKind::ExternalEvent { .. } => "ExternalEvent",
            EventKind::OrchestrationChained { .. } => "OrchestrationChained",
            EventKind::SubOrchestrationScheduled { .. } => "SubOrchestrationScheduled",
            EventKind::SubOrchestrationCompleted { .. } => "SubOrchestrationCompleted",
            EventKind::SubOrchestrationFailed { .. } => "SubOrchestrationFailed",
            EventKind::SubOrchestrationCancelRequested { .. } => "SubOrchestrationCancelRequested",
            EventKind::OrchestrationContinuedAsNew { .. } => "OrchestrationContinuedAsNew",
            EventKind::OrchestrationCancelRequested { .. } => "OrchestrationCancelRequested",
            EventKind::ExternalSubscribedCancelled { .. } => "ExternalSubscribedCancelled",
            EventKind::QueueSubscribed { .. } => "ExternalSubscribedPersistent",
            EventKind::QueueEventDelivered { .. } => "ExternalEventPersistent",
            EventKind::QueueSubscriptionCancelled { .. } => "ExternalSubscribedPersistentCancelled",
            EventKind::CustomStatusUpdated { .. } => "CustomStatusUpdated",
            EventKind::KeyValueSet { .. } => "KeyValueSet",
            EventKind::KeyValueCleared { .. } => "KeyValueCleared",
            EventKind::KeyValuesCleared => "KeyValuesCleared",
        }
    }
}
