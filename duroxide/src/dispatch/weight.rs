//! How much memory a commit holds: its payloads, since the rest is small.

use crate::model::event::EventKind;

/// Bytes of the payloads of one event. What a turn sends stands in its events, too, so events are all that is counted.
pub(super) fn of_event(kind: &EventKind) -> usize {
    match kind {
        EventKind::OrchestrationStarted { input, .. }
        | EventKind::OrchestrationContinuedAsNew { input }
        | EventKind::OrchestrationChained { input, .. }
        | EventKind::SubOrchestrationScheduled { input, .. }
        | EventKind::ActivityScheduled { input, .. } => input.len(),
        EventKind::OrchestrationCompleted { output } => output.len(),
        EventKind::ActivityCompleted { result } | EventKind::SubOrchestrationCompleted { result } => result.len(),
        EventKind::ExternalEvent { data, .. } | EventKind::QueueEventDelivered { data, .. } => data.len(),
        EventKind::KeyValueSet { value, .. } => value.len(),
        EventKind::CustomStatusUpdated { status } => status.as_ref().map_or(0, String::len),
        EventKind::OrchestrationFailed { details }
        | EventKind::ActivityFailed { details }
        | EventKind::SubOrchestrationFailed { details } => details.display_message().len(),
        EventKind::OrchestrationCancelRequested { reason }
        | EventKind::ActivityCancelRequested { reason }
        | EventKind::SubOrchestrationCancelRequested { reason }
        | EventKind::ExternalSubscribedCancelled { reason }
        | EventKind::QueueSubscriptionCancelled { reason } => reason.len(),
        EventKind::TimerCreated { .. }
        | EventKind::TimerFired { .. }
        | EventKind::ExternalSubscribed { .. }
        | EventKind::QueueSubscribed { .. }
        | EventKind::KeyValueCleared { .. }
        | EventKind::KeyValuesCleared => 0,
    }
}
