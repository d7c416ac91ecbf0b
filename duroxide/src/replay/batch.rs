//! What a batch of messages means to an instance: at most one start, and the rest in order.

use crate::model::work_item::{WorkItem, kind_of};
use crate::mutants::{Bug, is_planted};

/// A batch, read.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The start that counts: `StartOrchestration` or `ContinueAsNew`.
    pub start: Option<WorkItem>,
    /// Everything else that is for the execution; messages carried by continue-as-new come first.
    pub messages: Vec<WorkItem>,
    /// Starts that arrived at an instance that exists, or beside another start.
    pub ignored_starts: Vec<WorkItem>,
    /// Whether the start begins the next execution of an instance.
    pub is_continue_as_new: bool,
}

/// Reads a batch for `instance`. A start cannot replace the pinned handler, version or input of an execution that has
/// begun, nor take the place of a continue-as-new.
pub(crate) fn read_batch(messages: Vec<WorkItem>, history_is_empty: bool, instance: &str) -> Batch {
    let mut batch = Batch::default();
    for message in messages {
        match message {
            WorkItem::StartOrchestration { .. } if history_is_empty && batch.start.is_none() => {
                batch.start = Some(message);
            }
            WorkItem::ContinueAsNew { .. } if batch.start.is_none() => batch.start = Some(message),
            WorkItem::StartOrchestration { .. } | WorkItem::ContinueAsNew { .. } => {
                ignore(instance, &message, "a start that cannot count");
                batch.ignored_starts.push(message);
            }
            WorkItem::ActivityExecute { .. } => ignore(instance, &message, "it belongs to the worker queue"),
            WorkItem::ActivityCompleted { .. }
            | WorkItem::ActivityFailed { .. }
            | WorkItem::TimerFired { .. }
            | WorkItem::ExternalRaised { .. }
            | WorkItem::SubOrchCompleted { .. }
            | WorkItem::SubOrchFailed { .. }
            | WorkItem::CancelInstance { .. }
            | WorkItem::QueueMessage { .. } => batch.messages.push(message),
        }
    }
    if let Some(WorkItem::ContinueAsNew { carry_forward_events, .. }) = &mut batch.start {
        let carried = std::mem::take(carry_forward_events);
        let delivered = carried.iter().map(|(name, data)| WorkItem::QueueMessage {
            instance: instance.to_owned(),
            name: name.clone(),
            data: data.clone(),
        });
        batch.messages = match std::mem::take(&mut batch.messages) {
            newer if is_planted(Bug::CarriedAreForgotten) => newer,
            newer if is_planted(Bug::CarriedComeLast) => newer.into_iter().chain(delivered).collect(),
            newer => delivered.chain(newer).collect(),
        };
        *carry_forward_events = carried;
        batch.is_continue_as_new = true;
    }
    batch
}

fn ignore(instance: &str, message: &WorkItem, why: &str) {
    tracing::warn!(
        target: "duroxide::runtime::state_helpers",
        instance,
        message = kind_of(message),
        "ignored a message: {why}",
    );
}
