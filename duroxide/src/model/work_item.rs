//! What travels through the queues.

use serde::{Deserialize, Serialize};

use super::error::ErrorDetails;

/// One message in a queue of the store.
///
/// `ActivityExecute` travels in the worker queue; everything else in the orchestrator queue of one instance.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub enum WorkItem {
    /// Start an orchestration.
    StartOrchestration {
        /// Its instance id.
        instance: String,
        /// Orchestration name.
        orchestration: String,
        /// Its input.
        input: String,
        /// Version, or the registry's policy.
        version: Option<String>,
        /// Who waits for it, if it is a child.
        parent_instance: Option<String>,
        /// The parent's schedule event.
        parent_id: Option<u64>,
        /// The parent's execution.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent_execution_id: Option<u64>,
        /// Its first execution.
        execution_id: u64,
    },
    /// Run an activity.
    ActivityExecute {
        /// The instance that asked for it.
        instance: String,
        /// The execution that asked for it.
        execution_id: u64,
        /// Its schedule event.
        id: u64,
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
        /// The instance that asked for it.
        instance: String,
        /// The execution that asked for it.
        execution_id: u64,
        /// Its schedule event.
        id: u64,
        /// What it returned.
        result: String,
    },
    /// An activity failed.
    ActivityFailed {
        /// The instance that asked for it.
        instance: String,
        /// The execution that asked for it.
        execution_id: u64,
        /// Its schedule event.
        id: u64,
        /// Why.
        details: ErrorDetails,
    },
    /// A timer is due.
    TimerFired {
        /// The instance that asked for it.
        instance: String,
        /// The execution that asked for it.
        execution_id: u64,
        /// Its schedule event.
        id: u64,
        /// When it is due, milliseconds since the Unix epoch.
        fire_at_ms: u64,
    },
    /// An external event for whoever waits for its name.
    ExternalRaised {
        /// The receiving instance.
        instance: String,
        /// Event name.
        name: String,
        /// Payload.
        data: String,
    },
    /// A child completed.
    SubOrchCompleted {
        /// The parent.
        parent_instance: String,
        /// The parent's execution.
        parent_execution_id: u64,
        /// The parent's schedule event.
        parent_id: u64,
        /// What the child returned.
        result: String,
    },
    /// A child failed.
    SubOrchFailed {
        /// The parent.
        parent_instance: String,
        /// The parent's execution.
        parent_execution_id: u64,
        /// The parent's schedule event.
        parent_id: u64,
        /// Why.
        details: ErrorDetails,
    },
    /// Cancel an orchestration.
    CancelInstance {
        /// Which one.
        instance: String,
        /// Why.
        reason: String,
    },
    /// Begin the next execution.
    ContinueAsNew {
        /// The instance.
        instance: String,
        /// Orchestration name.
        orchestration: String,
        /// Input of the next execution.
        input: String,
        /// Version, or the registry's policy.
        version: Option<String>,
        /// Who waits for it, if it is a child.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent_instance: Option<String>,
        /// The parent's schedule event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent_id: Option<u64>,
        /// The parent's execution.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent_execution_id: Option<u64>,
        /// Queue messages left unread, as (queue, data), oldest first.
        #[serde(default)]
        carry_forward_events: Vec<(String, String)>,
        /// Custom status left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        initial_custom_status: Option<String>,
    },
    /// A message for a queue of an instance.
    QueueMessage {
        /// The receiving instance.
        instance: String,
        /// Queue name.
        name: String,
        /// Payload.
        data: String,
    },
}

impl WorkItem {
    /// The instance whose queue this item belongs to; for child results that is the parent.
    pub(crate) fn target_instance(&self) -> &str {
        match self {
            WorkItem::StartOrchestration { instance, .. }
            | WorkItem::ActivityExecute { instance, .. }
            | WorkItem::ActivityCompleted { instance, .. }
            | WorkItem::ActivityFailed { instance, .. }
            | WorkItem::TimerFired { instance, .. }
            | WorkItem::ExternalRaised { instance, .. }
            | WorkItem::CancelInstance { instance, .. }
            | WorkItem::ContinueAsNew { instance, .. }
            | WorkItem::QueueMessage { instance, .. } => instance,
            WorkItem::SubOrchCompleted { parent_instance, .. } | WorkItem::SubOrchFailed { parent_instance, .. } => {
                parent_instance
            }
        }
    }
}

/// The names of all kinds as they are written.
pub(crate) const WIRE_KINDS: [&str; 11] = [
    "StartOrchestration",
    "ActivityExecute",
    "ActivityCompleted",
    "ActivityFailed",
    "TimerFired",
    "ExternalRaised",
    "SubOrchCompleted",
    "SubOrchFailed",
    "CancelInstance",
    "ContinueAsNew",
    "QueueMessage",
];

/// The variant's name; `QueueMessage` keeps its older name `ExternalRaisedPersistent`.
pub fn kind_of(msg: &WorkItem) -> &'static str {
    match msg {
        WorkItem::StartOrchestration { .. } => "StartOrchestration",
        WorkItem::ActivityExecute { .. } => "ActivityExecute",
        WorkItem::ActivityCompleted { .. } => "ActivityCompleted",
        WorkItem::ActivityFailed { .. } => "ActivityFailed",
        WorkItem::TimerFired { .. } => "TimerFired",
        WorkItem::ExternalRaised { .. } => "ExternalRaised",
        WorkItem::SubOrchCompleted { .. } => "SubOrchCompleted",
        WorkItem::SubOrchFailed { .. } => "SubOrchFailed",
        WorkItem::CancelInstance { .. } => "CancelInstance",
        WorkItem::ContinueAsNew { .. } => "ContinueAsNew",
        WorkItem::QueueMessage { .. } => "ExternalRaisedPersistent",
    }
}
