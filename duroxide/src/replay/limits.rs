//! Whether what a turn wants to commit is too large.

use std::collections::HashSet;

use super::{Execution, Outcome};
use crate::model::event::{Event, EventKind};
use crate::model::ids::build_child_instance_id;
use crate::model::limits::{
    LimitExceeded, Limits, MAX_CUSTOM_STATUS_BYTES, MAX_KV_KEYS, MAX_KV_VALUE_BYTES, MAX_TAG_NAME_BYTES,
};

/// The first limit that the events break, in words; exactly at a limit is allowed.
pub(super) fn violation(delta: &[Event], kv_keys: usize) -> Option<String> {
    custom_status(delta).or_else(|| tag(delta)).or_else(|| kv_value(delta)).or_else(|| {
        let touched = delta.iter().any(|event| matches!(event.kind, EventKind::KeyValueSet { .. }));
        (touched && kv_keys > MAX_KV_KEYS).then(|| format!("KV key count ({kv_keys}) exceeds limit ({MAX_KV_KEYS})"))
    })
}

/// Only the last one is kept, so only the last one counts.
fn custom_status(delta: &[Event]) -> Option<String> {
    let size = delta.iter().rev().find_map(|event| match &event.kind {
        EventKind::CustomStatusUpdated { status: Some(status) } => Some(status.len()),
        _ => None,
    })?;
    (size > MAX_CUSTOM_STATUS_BYTES)
        .then(|| format!("Custom status size ({size} bytes) exceeds limit ({MAX_CUSTOM_STATUS_BYTES} bytes)"))
}

fn tag(delta: &[Event]) -> Option<String> {
    delta.iter().find_map(|event| match &event.kind {
        EventKind::ActivityScheduled { name, tag: Some(tag), .. } if tag.len() > MAX_TAG_NAME_BYTES => {
            Some(format!("Activity '{name}' tag size ({} bytes) exceeds limit ({MAX_TAG_NAME_BYTES} bytes)", tag.len()))
        }
        _ => None,
    })
}

fn kv_value(delta: &[Event]) -> Option<String> {
    delta.iter().find_map(|event| match &event.kind {
        EventKind::KeyValueSet { key, value, .. } if value.len() > MAX_KV_VALUE_BYTES => {
            Some(format!("KV value for key '{key}' ({} bytes) exceeds limit ({MAX_KV_VALUE_BYTES} bytes)", value.len()))
        }
        _ => None,
    })
}

impl Execution {
    /// The first limit that can be set and that the turn exceeds.
    pub(super) fn exceeded(&self) -> Result<(), LimitExceeded> {
        self.limits.actions(self.asked.len())?;
        for event in &self.delta {
            request(&self.limits, self.history.instance(), &event.kind)?;
        }
        match &self.outcome {
            Outcome::Continue => self.limits.history(self.history.len()),
            Outcome::Completed(output) => self.limits.payload("output of the orchestration", output),
            Outcome::ContinueAsNew { input, version } => {
                self.limits.name("version of the next execution", version.as_deref().unwrap_or_default())?;
                self.limits.payload("input of the next execution", input)
            }
            // What the machine found out is no longer than what made it fail.
            Outcome::Failed(_) if self.failure.is_some() => Ok(()),
            Outcome::Failed(details) => self.limits.payload("error of the orchestration", &details.display_message()),
            Outcome::Cancelled(_) => Ok(()),
        }
    }

    /// Takes back what the code asked for in this turn, and what followed from it, so that nothing of what is too
    /// much is stored. What arrived stays.
    pub(super) fn withdraw_requests(&mut self) {
        let requests = self.delta.iter().filter(|event| is_request(&event.kind));
        let withdrawn: HashSet<u64> = requests.map(|event| event.event_id).collect();
        let follows = |event: &Event| event.source_event_id.is_some_and(|source| withdrawn.contains(&source));
        self.delta.retain(|event| !withdrawn.contains(&event.event_id) && !follows(event));
    }
}

/// Names, ids and payloads of one request. The limits above have a word on key-values, statuses and tags.
fn request(limits: &Limits, instance: &str, kind: &EventKind) -> Result<(), LimitExceeded> {
    match kind {
        EventKind::ActivityScheduled { name, input, session_id, .. } => {
            limits.name("name of an activity", name)?;
            limits.id("session id", session_id.as_deref().unwrap_or_default())?;
            limits.payload("input of an activity", input)
        }
        EventKind::SubOrchestrationScheduled { name, instance: child, input } => {
            limits.name("name of a child orchestration", name)?;
            limits.id("instance id of a child", &build_child_instance_id(instance, child))?;
            limits.payload("input of a child orchestration", input)
        }
        EventKind::OrchestrationChained { name, instance, input } => {
            limits.name("name of a detached orchestration", name)?;
            limits.id("instance id of a detached orchestration", instance)?;
            limits.payload("input of a detached orchestration", input)
        }
        EventKind::ExternalSubscribed { name } => limits.name("name of an event", name),
        EventKind::QueueSubscribed { name } => limits.name("name of a queue", name),
        EventKind::KeyValueSet { key, .. } | EventKind::KeyValueCleared { key } => limits.name("key of a value", key),
        EventKind::TimerCreated { .. }
        | EventKind::CustomStatusUpdated { .. }
        | EventKind::KeyValuesCleared
        | EventKind::OrchestrationStarted { .. }
        | EventKind::OrchestrationCompleted { .. }
        | EventKind::OrchestrationFailed { .. }
        | EventKind::OrchestrationContinuedAsNew { .. }
        | EventKind::OrchestrationCancelRequested { .. }
        | EventKind::ActivityCompleted { .. }
        | EventKind::ActivityFailed { .. }
        | EventKind::ActivityCancelRequested { .. }
        | EventKind::TimerFired { .. }
        | EventKind::ExternalEvent { .. }
        | EventKind::ExternalSubscribedCancelled { .. }
        | EventKind::SubOrchestrationCompleted { .. }
        | EventKind::SubOrchestrationFailed { .. }
        | EventKind::SubOrchestrationCancelRequested { .. }
        | EventKind::QueueEventDelivered { .. }
        | EventKind::QueueSubscriptionCancelled { .. } => Ok(()),
    }
}

/// Whether the event stands for something that the code asked for.
fn is_request(kind: &EventKind) -> bool {
    match kind {
        EventKind::ActivityScheduled { .. }
        | EventKind::SubOrchestrationScheduled { .. }
        | EventKind::OrchestrationChained { .. }
        | EventKind::TimerCreated { .. }
        | EventKind::ExternalSubscribed { .. }
        | EventKind::QueueSubscribed { .. }
        | EventKind::CustomStatusUpdated { .. }
        | EventKind::KeyValueSet { .. }
        | EventKind::KeyValueCleared { .. }
        | EventKind::KeyValuesCleared => true,
        EventKind::OrchestrationStarted { .. }
        | EventKind::OrchestrationCompleted { .. }
        | EventKind::OrchestrationFailed { .. }
        | EventKind::OrchestrationContinuedAsNew { .. }
        | EventKind::OrchestrationCancelRequested { .. }
        | EventKind::ActivityCompleted { .. }
        | EventKind::ActivityFailed { .. }
        | EventKind::ActivityCancelRequested { .. }
        | EventKind::TimerFired { .. }
        | EventKind::ExternalEvent { .. }
        | EventKind::ExternalSubscribedCancelled { .. }
        | EventKind::SubOrchestrationCompleted { .. }
        | EventKind::SubOrchestrationFailed { .. }
        | EventKind::SubOrchestrationCancelRequested { .. }
        | EventKind::QueueEventDelivered { .. }
        | EventKind::QueueSubscriptionCancelled { .. } => false,
    }
}
