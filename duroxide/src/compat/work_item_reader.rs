//! The published crate's batch reader.

use super::history_manager::HistoryManager;
use crate::model::work_item::WorkItem;
use crate::replay::batch::{Batch, read_batch};

/// What a batch of messages means to an instance: at most one start, and the rest in order.
#[derive(Debug)]
pub struct WorkItemReader {
    /// The start that counts: `StartOrchestration` or `ContinueAsNew`.
    pub start_item: Option<WorkItem>,
    /// Everything else that is for the execution; messages carried by continue-as-new come first.
    pub completion_messages: Vec<WorkItem>,
    /// Orchestration name; empty when nothing says it.
    pub orchestration_name: String,
    /// Its input; empty when nothing says it.
    pub input: String,
    /// Version, or the registry's policy.
    pub version: Option<String>,
    /// Who waits for it, if it is a child.
    pub parent_instance: Option<String>,
    /// The parent's schedule event.
    pub parent_id: Option<u64>,
    /// The parent's execution.
    pub parent_execution_id: Option<u64>,
    /// Whether the start begins the next execution of an instance.
    pub is_continue_as_new: bool,
}

impl WorkItemReader {
    /// Reads a batch for `instance`. Without a start in it, everything about the orchestration comes from its history.
    pub fn from_messages(messages: &[WorkItem], history_mgr: &HistoryManager, instance: &str) -> Self {
        let Batch { start, messages, is_continue_as_new, ignored_starts: _ } =
            read_batch(messages.to_vec(), history_mgr.is_empty(), instance);
        let mut reader = match &start {
            Some(start) => Self::of_start(start),
            None => Self::of_history(history_mgr),
        };
        reader.start_item = start;
        reader.completion_messages = messages;
        reader.is_continue_as_new = is_continue_as_new;
        reader
    }

    /// Whether the batch starts something.
    pub fn has_start_item(&self) -> bool {
        self.start_item.is_some()
    }

    /// Whether anything says what orchestration this is.
    pub fn has_orchestration_name(&self) -> bool {
        !self.orchestration_name.is_empty()
    }

    fn of_history(history: &HistoryManager) -> Self {
        WorkItemReader {
            orchestration_name: history.orchestration_name.clone().unwrap_or_default(),
            input: history.orchestration_input.clone().unwrap_or_default(),
            version: history.version(),
            parent_instance: history.parent_instance.clone(),
            parent_id: history.parent_id,
            parent_execution_id: history.parent_execution_id,
            ..Self::unknown()
        }
    }

    fn of_start(start: &WorkItem) -> Self {
        match start {
            WorkItem::StartOrchestration {
                orchestration,
                input,
                version,
                parent_instance,
                parent_id,
                parent_execution_id,
                ..
            }
            | WorkItem::ContinueAsNew {
                orchestration,
                input,
                version,
                parent_instance,
                parent_id,
                parent_execution_id,
                ..
            } => WorkItemReader {
                orchestration_name: orchestration.clone(),
                input: input.clone(),
                version: version.clone(),
                parent_instance: parent_instance.clone(),
                parent_id: *parent_id,
                parent_execution_id: *parent_execution_id,
                ..Self::unknown()
            },
            WorkItem::ActivityExecute { .. }
            | WorkItem::ActivityCompleted { .. }
            | WorkItem::ActivityFailed { .. }
            | WorkItem::TimerFired { .. }
            | WorkItem::ExternalRaised { .. }
            | WorkItem::SubOrchCompleted { .. }
            | WorkItem::SubOrchFailed { .. }
            | WorkItem::CancelInstance { .. }
            | WorkItem::QueueMessage { .. } => Self::unknown(),
        }
    }

    fn unknown() -> Self {
        WorkItemReader {
            start_item: None,
            completion_messages: Vec::new(),
            orchestration_name: String::new(),
            input: String::new(),
            version: None,
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            is_continue_as_new: false,
        }
    }
}
