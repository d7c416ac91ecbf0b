//! The history of one execution as a table; what it carries for user code is fetched when asked for.

use maud::{Markup, html};

use super::words::{encoded, link, reveal, stamp};
use crate::dashboard::payload;
use crate::insight::span::{count, span};
use crate::model::event::{Event, EventKind};
use crate::model::ids::{SYSCALL_PREFIX, build_child_instance_id};

/// Events of one page.
const PAGE: usize = 100;

/// The newest events, or those before the event `before`.
pub(super) fn history(events: &[Event], id: &str, execution: u64, before: Option<u64>) -> Markup {
    let until = before.map_or(events.len(), |before| events.partition_point(|event| event.event_id < before));
    let from = until.saturating_sub(PAGE);
    let begin_ms = events.first().map_or(0, |event| event.timestamp_ms);
    let address = |before: u64| format!("instance?id={}&execution={execution}&before={before}#history", encoded(id));
    html! {
        div.card {
            h2 { "History" }
            p.quiet { "Events " (count(from + 1)) " to " (count(until)) " of " (count(events.len())) }
            p.pages {
                @if from > 0 { a.button href=(address(events[from].event_id)) { "Earlier" } " " }
                @if until < events.len() {
                    @let next = events.get(until + PAGE).map_or(u64::MAX, |event| event.event_id);
                    a.button href=(address(next)) { "Later" }
                }
            }
            div.wide tabindex="0" role="region" aria-label="History" {
                table.history {
                    thead { tr {
                        th.number scope="col" { "#" } th scope="col" { "After" } th scope="col" { "Event" }
                        th.number scope="col" { "Of" } th scope="col" { "Payload" }
                    } }
                    tbody { @for event in &events[from..until] { (row(event, id, execution, begin_ms)) } }
                }
            }
        }
    }
}

fn row(event: &Event, id: &str, execution: u64, begin_ms: u64) -> Markup {
    let (what, name) = said(&event.kind);
    let at = stamp(event.timestamp_ms);
    let address = format!("payload?id={}&execution={execution}&event={}", encoded(id), event.event_id);
    html! {
        tr #{ "e" (event.event_id) } {
            th.number scope="row" { (event.event_id) }
            td { time datetime=(at) title=(at) { (span(event.timestamp_ms.saturating_sub(begin_ms))) } }
            td { (what) @if let Some(name) = name { " " code { (name) } } (child(event)) }
            td.number { @if let Some(source) = event.source_event_id { a href={ "#e" (source) } { (source) } } }
            td { @if let Some(text) = payload::of_event(event).filter(|text| !text.is_empty()) { (reveal(&size(text.len()), &address)) } }
        }
    }
}

fn size(length: usize) -> String {
    if length == 1 { "1 byte".to_owned() } else { format!("{} bytes", count(length)) }
}

fn child(event: &Event) -> Markup {
    let instance = match &event.kind {
        EventKind::SubOrchestrationScheduled { instance, .. } => {
            Some(build_child_instance_id(&event.instance_id, instance))
        }
        EventKind::OrchestrationChained { instance, .. } => Some(instance.clone()),
        // Only these two name another instance.
        _ => None,
    };
    html! { @if let Some(instance) = instance { " as " (link(&instance)) } }
}

/// What happened, and to what.
fn said(kind: &EventKind) -> (&'static str, Option<&str>) {
    match kind {
        EventKind::OrchestrationStarted { name, .. } => ("orchestration started", Some(name)),
        EventKind::OrchestrationCompleted { .. } => ("orchestration completed", None),
        EventKind::OrchestrationFailed { .. } => ("orchestration failed", None),
        EventKind::ActivityScheduled { name, .. } => match name.strip_prefix(SYSCALL_PREFIX) {
            Some("call_policy") => ("policy of the call", None),
            Some(call) => ("system call", Some(call)),
            None => ("activity asked for", Some(name)),
        },
        EventKind::ActivityCompleted { .. } => ("activity completed", None),
        EventKind::ActivityFailed { .. } => ("activity failed", None),
        EventKind::ActivityCancelRequested { .. } => ("activity no longer wanted", None),
        EventKind::TimerCreated { .. } => ("timer asked for", None),
        EventKind::TimerFired { .. } => ("timer fired", None),
        EventKind::ExternalSubscribed { name } => ("waits for event", Some(name)),
        EventKind::ExternalEvent { name, .. } => ("event arrived", Some(name)),
        EventKind::OrchestrationChained { name, .. } => ("independent orchestration started", Some(name)),
        EventKind::SubOrchestrationScheduled { name, .. } => ("child asked for", Some(name)),
        EventKind::SubOrchestrationCompleted { .. } => ("child completed", None),
        EventKind::SubOrchestrationFailed { .. } => ("child failed", None),
        EventKind::SubOrchestrationCancelRequested { .. } => ("child no longer wanted", None),
        EventKind::OrchestrationContinuedAsNew { .. } => ("continued as new", None),
        EventKind::OrchestrationCancelRequested { .. } => ("cancel requested", None),
        EventKind::ExternalSubscribedCancelled { .. } => ("wait for event given up", None),
        EventKind::QueueSubscribed { name } => ("waits for queue", Some(name)),
        EventKind::QueueEventDelivered { name, .. } => ("message arrived in queue", Some(name)),
        EventKind::QueueSubscriptionCancelled { .. } => ("wait for queue given up", None),
        EventKind::CustomStatusUpdated { .. } => ("custom status set", None),
        EventKind::KeyValueSet { key, .. } => ("key-value set", Some(key)),
        EventKind::KeyValueCleared { key } => ("key-value removed", Some(key)),
        EventKind::KeyValuesCleared => ("all key-values removed", None),
    }
}
