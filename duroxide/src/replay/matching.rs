//! One table that pairs each action with the event it must match.

use std::collections::VecDeque;

use crate::ledger::Emitted;
use crate::model::action::Action;
use crate::model::event::EventKind;
use crate::model::ids;

/// Whether the code's request is the one that history records.
///
/// Fire times, timestamps, the value of a custom status, and the instance and version of a child may differ: they
/// follow from the clock, from ids, or from what was deployed.
pub(super) fn is_recorded_as(action: &Action, event: &EventKind) -> bool {
    match (action, event) {
        (
            Action::CallActivity { name: a_name, input: a_input, session_id: a_session, tag: a_tag, .. },
            EventKind::ActivityScheduled { name, input, session_id, tag },
        ) => a_name == name && a_input == input && a_session == session_id && a_tag == tag,
        (Action::CreateTimer { .. }, EventKind::TimerCreated { .. }) => true,
        (Action::WaitExternal { name: asked, .. }, EventKind::ExternalSubscribed { name }) => asked == name,
        (Action::DequeueEvent { name: asked, .. }, EventKind::QueueSubscribed { name }) => asked == name,
        (
            Action::StartSubOrchestration { name: a_name, input: a_input, .. },
            EventKind::SubOrchestrationScheduled { name, input, .. },
        ) => a_name == name && a_input == input,
        (
            Action::StartOrchestrationDetached { name: a_name, instance: a_instance, input: a_input, .. },
            EventKind::OrchestrationChained { name, instance, input },
        ) => a_name == name && a_instance == instance && a_input == input,
        (Action::UpdateCustomStatus { .. }, EventKind::CustomStatusUpdated { .. }) => true,
        (Action::SetKeyValue { key: a_key, value: a_value, .. }, EventKind::KeyValueSet { key, value, .. }) => {
            a_key == key && a_value == value
        }
        (Action::ClearKeyValue { key: asked }, EventKind::KeyValueCleared { key }) => asked == key,
        (Action::ClearKeyValues, EventKind::KeyValuesCleared) => true,
        _ => false,
    }
}

/// The event that a request becomes. Continue-as-new becomes none.
///
/// Input: `CallActivity { name, input, .. }`. Output: `ActivityScheduled { name, input, .. }`.
pub(super) fn recorded(action: &Action) -> Option<EventKind> {
    let action = action.clone();
    Some(match action {
        Action::CallActivity { name, input, session_id, tag, .. } => {
            EventKind::ActivityScheduled { name, input, session_id, tag }
        }
        Action::CreateTimer { fire_at_ms, .. } => EventKind::TimerCreated { fire_at_ms },
        Action::WaitExternal { name, .. } => EventKind::ExternalSubscribed { name },
        Action::DequeueEvent { name, .. } => EventKind::QueueSubscribed { name },
        Action::StartSubOrchestration { name, instance, input, .. } => {
            EventKind::SubOrchestrationScheduled { name, instance, input }
        }
        Action::StartOrchestrationDetached { name, instance, input, .. } => {
            EventKind::OrchestrationChained { name, instance, input }
        }
        Action::UpdateCustomStatus { status } => EventKind::CustomStatusUpdated { status },
        Action::SetKeyValue { key, value, last_updated_at_ms } => {
            EventKind::KeyValueSet { key, value, last_updated_at_ms }
        }
        Action::ClearKeyValue { key } => EventKind::KeyValueCleared { key },
        Action::ClearKeyValues => EventKind::KeyValuesCleared,
        Action::ContinueAsNew { .. } => return None,
    })
}

/// Gives a request the id of the event it becomes, and a child without id its name.
pub(super) fn number(action: &mut Action, event_id: u64, execution_id: u64) {
    match action {
        Action::CallActivity { scheduling_event_id, .. }
        | Action::CreateTimer { scheduling_event_id, .. }
        | Action::WaitExternal { scheduling_event_id, .. }
        | Action::DequeueEvent { scheduling_event_id, .. }
        | Action::StartOrchestrationDetached { scheduling_event_id, .. } => *scheduling_event_id = event_id,
        Action::StartSubOrchestration { scheduling_event_id, instance, .. } => {
            *scheduling_event_id = event_id;
            if ids::is_pending_child_id(instance) {
                *instance = ids::generated_child_id(execution_id, event_id);
            }
        }
        Action::ContinueAsNew { .. }
        | Action::UpdateCustomStatus { .. }
        | Action::SetKeyValue { .. }
        | Action::ClearKeyValue { .. }
        | Action::ClearKeyValues => {}
    }
}

/// Where in the queue the request stands that a `KeyValueCleared` row records: anywhere in the leading run of clears,
/// because older runtimes pruned in no particular order.
pub(super) fn position_of_clear(emitted: &VecDeque<Emitted>, cleared: &str) -> Option<usize> {
    emitted
        .iter()
        .map_while(|emitted| match &emitted.action {
            Action::ClearKeyValue { key } => Some(key),
            _ => None,
        })
        .position(|key| key == cleared)
}
