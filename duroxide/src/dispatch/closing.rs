//! Commits that end an execution without running its code: poison, and turns that the store refuses.

use super::verdict::{Closing, Head, IfRefused, Notice, Rules};
use crate::model::VERSION;
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::error::{ErrorDetails, PoisonMessageType};
use crate::model::event::{Event, EventKind};
use crate::model::item::OrchestrationItem;

/// The id of the row that says that a history cannot be read: far from any other, since the last id is not known.
const UNREADABLE_EVENT_ID: u64 = 99_999;

/// A turn that was tried too often.
pub(super) fn poison(head: &Head, batch: String, attempt: u32, collisions: Vec<Notice>, rules: &Rules<'_>) -> Closing {
    let details = ErrorDetails::Poison {
        attempt_count: attempt,
        max_attempts: rules.max_attempts,
        message_type: PoisonMessageType::Orchestration {
            instance: head.instance.clone(),
            execution_id: head.execution_id,
        },
        message: batch,
    };
    let mut closing = failure(head, details, collisions, rules.now_ms);
    closing.commit.metadata = ExecutionMetadata {
        orchestration_name: Some(head.name.clone()),
        orchestration_version: Some(head.version.clone()),
        parent_instance_id: head.parent.as_ref().map(|parent| parent.instance.clone()),
        pinned_duroxide_version: None,
        ..closing.commit.metadata
    };
    closing
}

/// A history that could not be read for too long. Nobody is told: who the parent is stands in what cannot be read.
pub(super) fn unreadable(item: &OrchestrationItem, error: String, attempt: u32, rules: &Rules<'_>) -> Closing {
    let details = ErrorDetails::Poison {
        attempt_count: attempt,
        max_attempts: rules.max_attempts,
        message_type: PoisonMessageType::FailedDeserialization {
            instance: item.instance.clone(),
            execution_id: item.execution_id,
            error: error.clone(),
        },
        message: error,
    };
    let metadata = ExecutionMetadata {
        orchestration_name: Some(item.orchestration_name.clone()),
        orchestration_version: Some(item.version.clone()),
        ..failed_metadata(&details)
    };
    let kind = EventKind::OrchestrationFailed { details };
    Closing {
        commit: Commit {
            execution_id: item.execution_id,
            delta: vec![row(&item.instance, item.execution_id, UNREADABLE_EVENT_ID, kind, rules.now_ms)],
            metadata,
            ..Commit::default()
        },
        notices: Vec::new(),
        // The row's id is fixed: when it is taken, an earlier batch has closed the execution.
        if_refused: IfRefused::DropBatch,
    }
}

/// The execution fails where it stands. Its parent is told, and so are those whose starts came too late.
pub(super) fn failure(head: &Head, details: ErrorDetails, collisions: Vec<Notice>, now_ms: u64) -> Closing {
    let mut metadata = failed_metadata(&details);
    if head.start.is_some() {
        metadata.orchestration_name = Some(head.name.clone());
        metadata.orchestration_version = Some(head.version.clone());
        metadata.parent_instance_id = head.parent.as_ref().map(|parent| parent.instance.clone());
        metadata.pinned_duroxide_version = Some(crate::model::filter::current_build_version());
    }
    let own = head.parent.iter().map(|parent| Notice { parent: parent.clone(), details: details.clone() });
    let notices = own.chain(collisions).collect();
    let failed = EventKind::OrchestrationFailed { details };
    let kinds = head.start.clone().into_iter().chain([failed]);
    let delta = (head.next_event_id..)
        .zip(kinds)
        .map(|(event_id, kind)| row(&head.instance, head.execution_id, event_id, kind, now_ms))
        .collect();
    Closing {
        commit: Commit { execution_id: head.execution_id, delta, metadata, ..Commit::default() },
        notices,
        if_refused: IfRefused::GiveBack,
    }
}

fn failed_metadata(details: &ErrorDetails) -> ExecutionMetadata {
    ExecutionMetadata {
        status: Some("Failed".to_owned()),
        output: Some(details.display_message()),
        ..ExecutionMetadata::default()
    }
}

fn row(instance: &str, execution_id: u64, event_id: u64, kind: EventKind, now_ms: u64) -> Event {
    Event {
        event_id,
        source_event_id: None,
        instance_id: instance.to_owned(),
        execution_id,
        timestamp_ms: now_ms,
        duroxide_version: VERSION.to_owned(),
        kind,
    }
}
