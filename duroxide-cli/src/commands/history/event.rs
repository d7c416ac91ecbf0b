//! An event in words.

use duroxide::insight::without_inputs;
use duroxide::{Event, EventKind};
use serde_json::Value;

use crate::commands::payload::Payloads;
use crate::output::{Tone, time};

/// What there is to say of an event.
pub(crate) struct Telling<'a> {
    pub(crate) what: &'static str,
    pub(crate) tone: Tone,
    /// What it names: an activity, an event, a queue, a key.
    pub(crate) name: Option<String>,
    pub(crate) detail: Option<String>,
    /// Shown only where it is asked for.
    pub(crate) payload: Option<(&'static str, &'a str)>,
}

/// Fields of an event's document that are payloads.
const PAYLOADS: &[&str] =
    &["input", "output", "result", "data", "value", "carry_forward_events", "initial_custom_status"];

/// For a program: as it is stored, but for payloads that nobody asked for.
pub(crate) fn document(event: &Event, payloads: Payloads) -> Value {
    let mut document = serde_json::to_value(event).unwrap_or_default();
    payloads.hide(&mut document, PAYLOADS);
    if !payloads.shown()
        && let Some(details) = document.get_mut("details")
    {
        hide_inputs(details);
    }
    document
}

/// Wherever an error quotes them.
fn hide_inputs(details: &mut Value) {
    match details {
        Value::String(told) => *told = without_inputs(told).into_owned(),
        Value::Array(values) => values.iter_mut().for_each(hide_inputs),
        Value::Object(fields) => fields.values_mut().for_each(hide_inputs),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// For people.
pub(crate) fn tell(kind: &EventKind, payloads: Payloads) -> Telling<'_> {
    let (what, tone) = words(kind);
    Telling { what, tone, name: name(kind), detail: detail(kind, payloads), payload: payload(kind) }
}

fn words(kind: &EventKind) -> (&'static str, Tone) {
    match kind {
        EventKind::OrchestrationStarted { .. } => ("started", Tone::Strong),
        EventKind::OrchestrationCompleted { .. } => ("completed", Tone::Good),
        EventKind::OrchestrationFailed { .. } => ("failed", Tone::Bad),
        EventKind::OrchestrationContinuedAsNew { .. } => ("continued as new", Tone::Strong),
        EventKind::OrchestrationCancelRequested { .. } => ("cancel asked for", Tone::Attention),
        EventKind::ActivityScheduled { .. } => ("activity asked for", Tone::Busy),
        EventKind::ActivityCompleted { .. } => ("activity completed", Tone::Good),
        EventKind::ActivityFailed { .. } => ("activity failed", Tone::Bad),
        EventKind::ActivityCancelRequested { .. } => ("activity not wanted", Tone::Attention),
        EventKind::TimerCreated { .. } => ("timer set", Tone::Busy),
        EventKind::TimerFired { .. } => ("timer fired", Tone::Good),
        EventKind::ExternalSubscribed { .. } => ("waits for event", Tone::Busy),
        EventKind::ExternalEvent { .. } => ("event arrived", Tone::Good),
        EventKind::ExternalSubscribedCancelled { .. } => ("event not wanted", Tone::Attention),
        EventKind::QueueSubscribed { .. } => ("waits for message", Tone::Busy),
        EventKind::QueueEventDelivered { .. } => ("message arrived", Tone::Good),
        EventKind::QueueSubscriptionCancelled { .. } => ("message not wanted", Tone::Attention),
        EventKind::OrchestrationChained { .. } => ("orchestration started", Tone::Plain),
        EventKind::SubOrchestrationScheduled { .. } => ("child asked for", Tone::Busy),
        EventKind::SubOrchestrationCompleted { .. } => ("child completed", Tone::Good),
        EventKind::SubOrchestrationFailed { .. } => ("child failed", Tone::Bad),
        EventKind::SubOrchestrationCancelRequested { .. } => ("child not wanted", Tone::Attention),
        EventKind::CustomStatusUpdated { .. } => ("says of itself", Tone::Plain),
        EventKind::KeyValueSet { .. } => ("key-value set", Tone::Plain),
        EventKind::KeyValueCleared { .. } => ("key-value removed", Tone::Plain),
        EventKind::KeyValuesCleared => ("key-values removed", Tone::Plain),
    }
}

fn name(kind: &EventKind) -> Option<String> {
    match kind {
        EventKind::OrchestrationStarted { name, version, .. } => Some(format!("{name} {version}")),
        EventKind::OrchestrationChained { name, instance, .. }
        | EventKind::SubOrchestrationScheduled { name, instance, .. } => Some(format!("{name} {instance}")),
        EventKind::ActivityScheduled { name, .. }
        | EventKind::ExternalSubscribed { name }
        | EventKind::ExternalEvent { name, .. }
        | EventKind::QueueSubscribed { name }
        | EventKind::QueueEventDelivered { name, .. } => Some(name.clone()),
        EventKind::KeyValueSet { key, .. } | EventKind::KeyValueCleared { key } => Some(key.clone()),
        EventKind::TimerCreated { fire_at_ms } | EventKind::TimerFired { fire_at_ms } => {
            Some(format!("due {}", time::exactly(*fire_at_ms)))
        }
        EventKind::OrchestrationCompleted { .. }
        | EventKind::OrchestrationFailed { .. }
        | EventKind::OrchestrationContinuedAsNew { .. }
        | EventKind::OrchestrationCancelRequested { .. }
        | EventKind::ActivityCompleted { .. }
        | EventKind::ActivityFailed { .. }
        | EventKind::ActivityCancelRequested { .. }
        | EventKind::ExternalSubscribedCancelled { .. }
        | EventKind::QueueSubscriptionCancelled { .. }
        | EventKind::SubOrchestrationCompleted { .. }
        | EventKind::SubOrchestrationFailed { .. }
        | EventKind::SubOrchestrationCancelRequested { .. }
        | EventKind::CustomStatusUpdated { .. }
        | EventKind::KeyValuesCleared => None,
    }
}

/// Errors and reasons are told: what failed and why is the first thing that an operator asks.
fn detail(kind: &EventKind, payloads: Payloads) -> Option<String> {
    match kind {
        EventKind::OrchestrationFailed { details }
        | EventKind::ActivityFailed { details }
        | EventKind::SubOrchestrationFailed { details } => Some(payloads.reason(details)),
        EventKind::OrchestrationCancelRequested { reason }
        | EventKind::ActivityCancelRequested { reason }
        | EventKind::ExternalSubscribedCancelled { reason }
        | EventKind::QueueSubscriptionCancelled { reason }
        | EventKind::SubOrchestrationCancelRequested { reason } => Some(reason.clone()),
        EventKind::CustomStatusUpdated { status } => Some(status.clone().unwrap_or_else(|| "(nothing)".to_owned())),
        EventKind::OrchestrationStarted { parent_instance, .. } => {
            parent_instance.as_ref().map(|parent| format!("child of {parent}"))
        }
        EventKind::ActivityScheduled { session_id, tag, .. } => {
            let tag = tag.as_ref().map(|tag| format!("tag {tag}"));
            let session = session_id.as_ref().map(|session| format!("session {session}"));
            let both: Vec<String> = [tag, session].into_iter().flatten().collect();
            (!both.is_empty()).then(|| both.join(", "))
        }
        EventKind::OrchestrationCompleted { .. }
        | EventKind::OrchestrationContinuedAsNew { .. }
        | EventKind::ActivityCompleted { .. }
        | EventKind::TimerCreated { .. }
        | EventKind::TimerFired { .. }
        | EventKind::ExternalSubscribed { .. }
        | EventKind::ExternalEvent { .. }
        | EventKind::QueueSubscribed { .. }
        | EventKind::QueueEventDelivered { .. }
        | EventKind::OrchestrationChained { .. }
        | EventKind::SubOrchestrationScheduled { .. }
        | EventKind::SubOrchestrationCompleted { .. }
        | EventKind::KeyValueSet { .. }
        | EventKind::KeyValueCleared { .. }
        | EventKind::KeyValuesCleared => None,
    }
}

fn payload(kind: &EventKind) -> Option<(&'static str, &str)> {
    match kind {
        EventKind::OrchestrationStarted { input, .. }
        | EventKind::ActivityScheduled { input, .. }
        | EventKind::OrchestrationChained { input, .. }
        | EventKind::SubOrchestrationScheduled { input, .. }
        | EventKind::OrchestrationContinuedAsNew { input } => Some(("input", input)),
        EventKind::OrchestrationCompleted { output } => Some(("output", output)),
        EventKind::ActivityCompleted { result } | EventKind::SubOrchestrationCompleted { result } => {
            Some(("result", result))
        }
        EventKind::ExternalEvent { data, .. } | EventKind::QueueEventDelivered { data, .. } => Some(("data", data)),
        EventKind::KeyValueSet { value, .. } => Some(("value", value)),
        EventKind::OrchestrationFailed { .. }
        | EventKind::OrchestrationCancelRequested { .. }
        | EventKind::ActivityFailed { .. }
        | EventKind::ActivityCancelRequested { .. }
        | EventKind::TimerCreated { .. }
        | EventKind::TimerFired { .. }
        | EventKind::ExternalSubscribed { .. }
        | EventKind::ExternalSubscribedCancelled { .. }
        | EventKind::QueueSubscribed { .. }
        | EventKind::QueueSubscriptionCancelled { .. }
        | EventKind::SubOrchestrationFailed { .. }
        | EventKind::SubOrchestrationCancelRequested { .. }
        | EventKind::CustomStatusUpdated { .. }
        | EventKind::KeyValueCleared { .. }
        | EventKind::KeyValuesCleared => None,
    }
}
