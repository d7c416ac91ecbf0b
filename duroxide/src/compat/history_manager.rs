//! The published crate's history reader.

use std::collections::BTreeSet;

use crate::model::error::ErrorDetails;
use crate::model::event::{Event, EventKind};
use crate::model::ids::INITIAL_EVENT_ID;
use crate::model::item::ScheduledActivityIdentifier;

/// What stands for "no version" in a start event.
const NO_VERSION: &str = "0.0.0";

/// A history and the events that are added to it. The public fields say what the history said when it was read; what
/// is added does not change them.
#[derive(Debug, Clone)]
pub struct HistoryManager {
    history: Vec<Event>,
    delta: Vec<Event>,
    /// Orchestration name.
    pub orchestration_name: Option<String>,
    /// Its version, as recorded.
    pub orchestration_version: Option<String>,
    /// Its input.
    pub orchestration_input: Option<String>,
    /// Who waits for it, if it is a child.
    pub parent_instance: Option<String>,
    /// The parent's schedule event.
    pub parent_id: Option<u64>,
    /// The parent's execution.
    pub parent_execution_id: Option<u64>,
    /// Whether it completed.
    pub is_completed: bool,
    /// Whether it failed.
    pub is_failed: bool,
    /// Whether it continued as new.
    pub is_continued_as_new: bool,
    /// How many executions began in this history; `None` for none.
    pub current_execution_id: Option<u64>,
}

/// What a start event says.
#[derive(Default)]
struct Start<'a> {
    name: Option<&'a str>,
    version: Option<&'a str>,
    input: Option<&'a str>,
    parent_instance: Option<&'a str>,
    parent_id: Option<u64>,
    parent_execution_id: Option<u64>,
}

impl HistoryManager {
    /// Reads a history.
    pub fn from_history(history: &[Event]) -> Self {
        let starts = history.iter().filter(|event| is_start(event)).count();
        let last_start = history.iter().rposition(is_start).unwrap_or(0);
        let end = history[last_start..].iter().find(|event| event.is_terminal());
        let ended_with = |wanted: fn(&EventKind) -> bool| end.is_some_and(|event| wanted(&event.kind));
        let start = last_start_of(history).unwrap_or_default();
        HistoryManager {
            orchestration_name: start.name.map(str::to_owned),
            orchestration_version: start.version.map(str::to_owned),
            orchestration_input: start.input.map(str::to_owned),
            parent_instance: start.parent_instance.map(str::to_owned),
            parent_id: start.parent_id,
            parent_execution_id: start.parent_execution_id,
            is_completed: ended_with(|kind| matches!(kind, EventKind::OrchestrationCompleted { .. })),
            is_failed: ended_with(|kind| matches!(kind, EventKind::OrchestrationFailed { .. })),
            is_continued_as_new: ended_with(|kind| matches!(kind, EventKind::OrchestrationContinuedAsNew { .. })),
            current_execution_id: u64::try_from(starts).ok().filter(|starts| *starts > 0),
            history: history.to_vec(),
            delta: Vec::new(),
        }
    }

    /// Whether the history ended.
    pub fn is_terminal(&self) -> bool {
        self.is_completed || self.is_failed || self.is_continued_as_new
    }

    /// Whether there are no events, added ones included.
    pub fn is_empty(&self) -> bool {
        self.history.is_empty() && self.delta.is_empty()
    }

    /// How many events were read.
    pub fn original_len(&self) -> usize {
        self.history.len()
    }

    /// `Completed`, `Failed`, `ContinuedAsNew` or `Running`.
    pub fn status(&self) -> &'static str {
        if self.is_completed {
            "Completed"
        } else if self.is_failed {
            "Failed"
        } else if self.is_continued_as_new {
            "ContinuedAsNew"
        } else {
            "Running"
        }
    }

    /// The id after the highest there is.
    pub fn next_event_id(&self) -> u64 {
        let highest = self.full_history_iter().map(|event| event.event_id).max();
        highest.map_or(INITIAL_EVENT_ID, |id| id + 1)
    }

    /// Adds an event.
    pub fn append(&mut self, event: Event) {
        self.delta.push(event);
    }

    /// Adds the event that says why the orchestration failed.
    pub fn append_failed(&mut self, instance_id: &str, execution_id: u64, details: ErrorDetails) {
        let failed = EventKind::OrchestrationFailed { details };
        self.append(Event::with_event_id(self.next_event_id(), instance_id, execution_id, None, failed));
    }

    /// Adds events.
    pub fn extend(&mut self, events: Vec<Event>) {
        self.delta.extend(events);
    }

    /// The events that were added.
    pub fn delta(&self) -> &[Event] {
        &self.delta
    }

    /// The events that were added.
    pub fn into_delta(self) -> Vec<Event> {
        self.delta
    }

    /// How many events there are, added ones included.
    pub fn full_history_len(&self) -> usize {
        self.history.len() + self.delta.len()
    }

    /// The same as [`is_empty`](Self::is_empty).
    pub fn is_full_history_empty(&self) -> bool {
        self.is_empty()
    }

    /// All events, added ones last.
    pub fn full_history_iter(&self) -> impl Iterator<Item = &Event> {
        self.history.iter().chain(&self.delta)
    }

    /// All events, added ones last.
    pub fn full_history(&self) -> Vec<Event> {
        self.full_history_iter().cloned().collect()
    }

    /// The version of the orchestration, also from a start that was added; `None` for one that was begun without.
    pub fn version(&self) -> Option<String> {
        let recorded = self.start().version?;
        (recorded != NO_VERSION).then(|| recorded.to_owned())
    }

    /// The input as read.
    pub fn input(&self) -> Option<&str> {
        self.orchestration_input.as_deref()
    }

    /// The input and who waits: (parent instance, its execution, its schedule event). Also from a start that was added.
    pub fn extract_context(&self) -> (String, Option<(String, Option<u64>, u64)>) {
        let start = self.start();
        let parent = start
            .parent_instance
            .zip(start.parent_id)
            .map(|(instance, id)| (instance.to_owned(), start.parent_execution_id, id));
        (start.input.unwrap_or_default().to_owned(), parent)
    }

    /// Activities nobody answered and nobody gave up, ascending.
    pub fn compute_inflight_activities(&self, instance: &str, execution_id: u64) -> Vec<ScheduledActivityIdentifier> {
        let mut open = BTreeSet::new();
        let mut closed = BTreeSet::new();
        for event in self.full_history_iter() {
            match event.kind {
                EventKind::ActivityScheduled { .. } => {
                    open.insert(event.event_id);
                }
                EventKind::ActivityCompleted { .. }
                | EventKind::ActivityFailed { .. }
                | EventKind::ActivityCancelRequested { .. } => closed.extend(event.source_event_id),
                _ => {}
            }
        }
        let identify = |activity_id: &u64| ScheduledActivityIdentifier {
            instance: instance.to_owned(),
            execution_id,
            activity_id: *activity_id,
        };
        open.difference(&closed).map(identify).collect()
    }

    /// The last start that was read, or else the last that was added.
    fn start(&self) -> Start<'_> {
        last_start_of(&self.history).or_else(|| last_start_of(&self.delta)).unwrap_or_default()
    }
}

fn is_start(event: &Event) -> bool {
    matches!(event.kind, EventKind::OrchestrationStarted { .. })
}

fn last_start_of(events: &[Event]) -> Option<Start<'_>> {
    events.iter().rev().find_map(|event| match &event.kind {
        EventKind::OrchestrationStarted {
            name,
            version,
            input,
            parent_instance,
            parent_id,
            parent_execution_id,
            ..
        } => Some(Start {
            name: Some(name),
            version: Some(version),
            input: Some(input),
            parent_instance: parent_instance.as_deref(),
            parent_id: *parent_id,
            parent_execution_id: *parent_execution_id,
        }),
        _ => None,
    })
}
