//! Work items, events and metadata that laws are made of.

use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::event::{Event, EventKind};
use crate::model::item::{OrchestrationItem, ScheduledActivityIdentifier};
use crate::model::work_item::WorkItem;

/// The orchestration that laws start.
pub(super) const NAME: &str = "Order";
/// Its version.
pub(super) const VERSION: &str = "1.2.3";

pub(super) fn start(instance: &str) -> WorkItem {
    start_of(instance, NAME, Some(VERSION))
}

pub(super) fn start_of(instance: &str, name: &str, version: Option<&str>) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: instance.into(),
        orchestration: name.into(),
        input: "{}".into(),
        version: version.map(Into::into),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}

/// The start of a child for which event `id` of its parent waits.
pub(super) fn start_of_child(instance: &str, parent: &str, id: u64) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: instance.into(),
        orchestration: NAME.into(),
        input: "{}".into(),
        version: Some(VERSION.into()),
        parent_instance: Some(parent.into()),
        parent_id: Some(id),
        parent_execution_id: Some(1),
        execution_id: 1,
    }
}

pub(super) fn raised(instance: &str, data: &str) -> WorkItem {
    WorkItem::ExternalRaised { instance: instance.into(), name: "paid".into(), data: data.into() }
}

pub(super) fn queued(instance: &str, data: &str) -> WorkItem {
    WorkItem::QueueMessage { instance: instance.into(), name: "inbox".into(), data: data.into() }
}

pub(super) fn timer(instance: &str, fire_at_ms: u64) -> WorkItem {
    WorkItem::TimerFired { instance: instance.into(), execution_id: 1, id: 2, fire_at_ms }
}

pub(super) fn continued(instance: &str) -> WorkItem {
    WorkItem::ContinueAsNew {
        instance: instance.into(),
        orchestration: NAME.into(),
        input: "2".into(),
        version: Some(VERSION.into()),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: vec![("inbox".into(), "unread".into())],
        initial_custom_status: Some("so far".into()),
    }
}

pub(super) fn child_completed(parent: &str) -> WorkItem {
    WorkItem::SubOrchCompleted {
        parent_instance: parent.into(),
        parent_execution_id: 1,
        parent_id: 2,
        result: "7".into(),
    }
}

pub(super) fn activity(instance: &str, id: u64) -> WorkItem {
    activity_for(instance, id, None, None)
}

pub(super) fn in_session(instance: &str, id: u64, session: &str) -> WorkItem {
    activity_for(instance, id, Some(session), None)
}

pub(super) fn tagged(instance: &str, id: u64, tag: &str) -> WorkItem {
    activity_for(instance, id, None, Some(tag))
}

pub(super) fn activity_for(instance: &str, id: u64, session: Option<&str>, tag: Option<&str>) -> WorkItem {
    WorkItem::ActivityExecute {
        instance: instance.into(),
        execution_id: 1,
        id,
        name: "Charge".into(),
        input: "42".into(),
        session_id: session.map(Into::into),
        tag: tag.map(Into::into),
    }
}

pub(super) fn completed(instance: &str, id: u64) -> WorkItem {
    WorkItem::ActivityCompleted { instance: instance.into(), execution_id: 1, id, result: "done".into() }
}

pub(super) fn identity(instance: &str, activity_id: u64) -> ScheduledActivityIdentifier {
    ScheduledActivityIdentifier { instance: instance.into(), execution_id: 1, activity_id }
}

/// An event of execution 1, stamped with what no clock and no build would give.
pub(super) fn event(instance: &str, event_id: u64, kind: EventKind) -> Event {
    Event {
        event_id,
        source_event_id: None,
        instance_id: instance.into(),
        execution_id: 1,
        timestamp_ms: 77,
        duroxide_version: "0.0.7".into(),
        kind,
    }
}

pub(super) fn started(instance: &str) -> Event {
    let kind = EventKind::OrchestrationStarted {
        name: NAME.into(),
        version: VERSION.into(),
        input: "{}".into(),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: None,
        initial_custom_status: None,
    };
    event(instance, 1, kind)
}

pub(super) fn scheduled(instance: &str, event_id: u64) -> Event {
    let kind = EventKind::ActivityScheduled { name: "Charge".into(), input: "42".into(), session_id: None, tag: None };
    event(instance, event_id, kind)
}

/// The event of a child asked for, with the id that history keeps of it.
pub(super) fn child_scheduled(parent: &str, event_id: u64, child: &str) -> Event {
    let kind = EventKind::SubOrchestrationScheduled { name: NAME.into(), instance: child.into(), input: "{}".into() };
    event(parent, event_id, kind)
}

pub(super) fn set(instance: &str, event_id: u64, key: &str, value: &str) -> Event {
    let kind = EventKind::KeyValueSet { key: key.into(), value: value.into(), last_updated_at_ms: 1_000 + event_id };
    event(instance, event_id, kind)
}

pub(super) fn cleared(instance: &str, event_id: u64, key: &str) -> Event {
    event(instance, event_id, EventKind::KeyValueCleared { key: key.into() })
}

pub(super) fn status_set(instance: &str, event_id: u64, status: Option<&str>) -> Event {
    let status = status.map(Into::into);
    event(instance, event_id, EventKind::CustomStatusUpdated { status })
}

/// Metadata that names the orchestration, as a first turn does.
pub(super) fn names() -> ExecutionMetadata {
    ExecutionMetadata {
        orchestration_name: Some(NAME.into()),
        orchestration_version: Some(VERSION.into()),
        ..ExecutionMetadata::default()
    }
}

pub(super) fn names_of_child(parent: &str) -> ExecutionMetadata {
    ExecutionMetadata { parent_instance_id: Some(parent.into()), ..names() }
}

/// Metadata of a turn that ends an execution.
pub(super) fn ends(status: &str, output: &str) -> ExecutionMetadata {
    ExecutionMetadata { status: Some(status.into()), output: Some(output.into()), ..ExecutionMetadata::default() }
}

/// A commit for execution 1 that changes nothing.
pub(super) fn nothing() -> Commit {
    in_execution(1)
}

pub(super) fn in_execution(execution_id: u64) -> Commit {
    Commit { execution_id, ..Commit::default() }
}

/// A commit for execution 1 that adds events.
pub(super) fn adds(delta: Vec<Event>) -> Commit {
    Commit { delta, ..nothing() }
}

/// A commit for execution 1 that says something of it.
pub(super) fn says(metadata: ExecutionMetadata) -> Commit {
    Commit { metadata, ..nothing() }
}

/// One instance with its messages, leased.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) item: OrchestrationItem,
    pub(super) token: String,
    pub(super) attempts: u32,
}

/// The payloads of a turn's external events.
pub(super) fn payloads(turn: &Turn) -> Vec<&str> {
    let messages = turn.item.messages.iter();
    messages
        .filter_map(|message| {
            if let WorkItem::ExternalRaised { data, .. } | WorkItem::QueueMessage { data, .. } = message {
                Some(data.as_str())
            } else {
                None
            }
        })
        .collect()
}

/// The schedule event of an activity.
pub(super) fn activity_id(item: &WorkItem) -> u64 {
    if let WorkItem::ActivityExecute { id, .. } = item { *id } else { panic!("expected an activity, found {item:?}") }
}
