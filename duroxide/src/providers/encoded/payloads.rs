//! Which strings are payloads: total matches, so that a new kind leads you here.
//!
//! Names, ids, versions and the words of the system itself stay readable: stores select by them.

use super::codec::CodecError;
use crate::model::error::{AppErrorKind, ErrorDetails, PoisonMessageType};
use crate::model::event::EventKind;
use crate::model::status::OrchestrationStatus;
use crate::model::work_item::WorkItem;

/// What is done to each payload, in place.
pub(super) type Change<'a> = &'a mut dyn FnMut(&mut String) -> Result<(), CodecError>;

type Done = Result<(), CodecError>;

/// Changes the payloads of an event.
pub(super) fn of_event(kind: &mut EventKind, change: Change<'_>) -> Done {
    match kind {
        EventKind::OrchestrationStarted { input, carry_forward_events, initial_custom_status, .. } => {
            change(input)?;
            carried(carry_forward_events.iter_mut().flatten(), change)?;
            initial_custom_status.as_mut().map_or(Ok(()), change)
        }
        EventKind::ActivityScheduled { input, .. }
        | EventKind::OrchestrationChained { input, .. }
        | EventKind::SubOrchestrationScheduled { input, .. }
        | EventKind::OrchestrationContinuedAsNew { input } => change(input),
        EventKind::OrchestrationCompleted { output } => change(output),
        EventKind::ActivityCompleted { result } | EventKind::SubOrchestrationCompleted { result } => change(result),
        EventKind::OrchestrationFailed { details }
        | EventKind::ActivityFailed { details }
        | EventKind::SubOrchestrationFailed { details } => of_error(details, change),
        EventKind::ExternalEvent { data, .. } | EventKind::QueueEventDelivered { data, .. } => change(data),
        EventKind::OrchestrationCancelRequested { reason } => change(reason),
        EventKind::CustomStatusUpdated { status } => status.as_mut().map_or(Ok(()), change),
        EventKind::KeyValueSet { value, .. } => change(value),
        // The reasons among these are the system's own words.
        EventKind::ActivityCancelRequested { .. }
        | EventKind::SubOrchestrationCancelRequested { .. }
        | EventKind::ExternalSubscribedCancelled { .. }
        | EventKind::QueueSubscriptionCancelled { .. }
        | EventKind::TimerCreated { .. }
        | EventKind::TimerFired { .. }
        | EventKind::ExternalSubscribed { .. }
        | EventKind::QueueSubscribed { .. }
        | EventKind::KeyValueCleared { .. }
        | EventKind::KeyValuesCleared => Ok(()),
    }
}

/// Changes the payloads of a work item.
pub(super) fn of_item(item: &mut WorkItem, change: Change<'_>) -> Done {
    match item {
        WorkItem::StartOrchestration { input, .. } | WorkItem::ActivityExecute { input, .. } => change(input),
        WorkItem::ContinueAsNew { input, carry_forward_events, initial_custom_status, .. } => {
            change(input)?;
            carried(carry_forward_events.iter_mut(), change)?;
            initial_custom_status.as_mut().map_or(Ok(()), change)
        }
        WorkItem::ActivityCompleted { result, .. } | WorkItem::SubOrchCompleted { result, .. } => change(result),
        WorkItem::ActivityFailed { details, .. } | WorkItem::SubOrchFailed { details, .. } => of_error(details, change),
        WorkItem::ExternalRaised { data, .. } | WorkItem::QueueMessage { data, .. } => change(data),
        WorkItem::CancelInstance { reason, .. } => change(reason),
        WorkItem::TimerFired { .. } => Ok(()),
    }
}

/// Changes the payloads of a status. One without its custom half is better than none.
pub(super) fn of_status(status: &mut OrchestrationStatus, change: Change<'_>) -> Done {
    let (custom_status, version) = match status {
        OrchestrationStatus::NotFound => return Ok(()),
        OrchestrationStatus::Running { custom_status, custom_status_version } => (custom_status, custom_status_version),
        OrchestrationStatus::Completed { output, custom_status, custom_status_version } => {
            change(output)?;
            (custom_status, custom_status_version)
        }
        OrchestrationStatus::Failed { details, custom_status, custom_status_version } => {
            of_error(details, change)?;
            (custom_status, custom_status_version)
        }
    };
    if custom_status.as_mut().is_some_and(|text| change(text).is_err()) {
        (*custom_status, *version) = (None, 0);
    }
    Ok(())
}

fn carried<'a>(messages: impl Iterator<Item = &'a mut (String, String)>, change: Change<'_>) -> Done {
    for (_name, data) in messages {
        change(data)?;
    }
    Ok(())
}

fn of_error(details: &mut ErrorDetails, change: Change<'_>) -> Done {
    match details {
        ErrorDetails::Infrastructure { message, .. } => change(message),
        ErrorDetails::Configuration { message, .. } => message.as_mut().map_or(Ok(()), change),
        ErrorDetails::Application { kind, message, .. } => {
            match kind {
                AppErrorKind::Cancelled { reason } => change(reason)?,
                AppErrorKind::ActivityFailed | AppErrorKind::OrchestrationFailed | AppErrorKind::Panicked => {}
            }
            change(message)
        }
        // The message may be the whole of what was tried, payloads and all.
        ErrorDetails::Poison { message_type, message, .. } => {
            match message_type {
                PoisonMessageType::FailedDeserialization { error, .. } => change(error)?,
                PoisonMessageType::Orchestration { .. } | PoisonMessageType::Activity { .. } => {}
            }
            change(message)
        }
    }
}
