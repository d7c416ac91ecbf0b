//! What a committed turn tells: to the metrics, and to clients that wait.

use std::collections::HashSet;
use std::sync::Arc;

use super::verdict::Head;
use super::warm::Figures;
use crate::model::commit::Commit;
use crate::model::error::ErrorDetails;
use crate::model::event::{Event, EventKind};
use crate::model::ids::{INITIAL_EXECUTION_ID, SYSCALL_PREFIX};
use crate::model::measure::Measure;
use crate::observe::{self, MetricsProvider};
use crate::replay::{Execution, Outcome};

/// Collected while the turn runs, recorded when it is committed.
pub(super) struct Report {
    name: String,
    version: String,
    execution_id: u64,
    is_first_turn: bool,
    is_continue_as_new: bool,
    /// When the execution began, milliseconds since the Unix epoch.
    started_ms: Option<u64>,
    /// How many turns there were, this one included.
    turns: u64,
    end: Option<End>,
    measures: Vec<Measure>,
}

struct End {
    outcome: Outcome,
    /// A broken limit is nobody's error in particular.
    over_limit: bool,
    events: u64,
    seconds: f64,
}

impl Report {
    /// What is known before the turn: who runs, and what its history came to.
    pub(super) fn of_turn(head: &Head, history: &Figures, is_continue_as_new: bool) -> Self {
        Report {
            name: head.name.clone(),
            version: head.version.clone(),
            execution_id: head.execution_id,
            is_first_turn: head.start.is_some(),
            is_continue_as_new,
            started_ms: history.started_ms,
            turns: history.turns + 1,
            end: None,
            measures: Vec::new(),
        }
    }

    /// What is known after it.
    pub(super) fn concluded(mut self, commit: &Commit, execution: &mut Execution) -> Self {
        self.measures = execution.take_measures();
        if let Some(end) = commit.delta.iter().rev().find(|event| event.is_terminal()) {
            let began_ms = self.started_ms.unwrap_or_else(|| first_ms(&commit.delta));
            self.end = Some(End {
                outcome: without_payload(execution.outcome()),
                over_limit: execution.is_over_limit(),
                events: commit.delta.last().map_or(0, Event::event_id),
                seconds: end.timestamp_ms.saturating_sub(began_ms) as f64 / 1_000.0,
            });
        }
        self
    }

    pub(super) fn record(self, metrics: &MetricsProvider) {
        self.measures.iter().for_each(observe::record_measure);
        if self.is_first_turn {
            let by = if self.is_continue_as_new { "continueAsNew" } else { "client" };
            metrics.record_orchestration_start(&self.name, &self.version, by);
            if !self.is_continue_as_new {
                metrics.increment_active_orchestrations();
            }
        }
        let Some(End { outcome, over_limit, events, seconds }) = self.end else {
            return;
        };
        let (status, details) = match outcome {
            Outcome::Completed(_) => ("success", None),
            Outcome::ContinueAsNew { .. } => ("continuedAsNew", None),
            Outcome::Failed(details) => ("failed", Some(details)),
            Outcome::Cancelled(reason) => ("failed", Some(ErrorDetails::cancelled(reason))),
            Outcome::Continue => unreachable!("a turn that goes on has no terminal event"),
        };
        metrics.record_orchestration_completion(&self.name, &self.version, status, seconds, self.turns, events);
        if status == "continuedAsNew" {
            metrics.record_continue_as_new(&self.name, self.execution_id);
        } else {
            metrics.decrement_active_orchestrations();
        }
        if let Some(details) = details {
            let (error_type, category) =
                if over_limit { ("unknown", "unknown") } else { (error_type(&details), details.category()) };
            metrics.record_orchestration_failure(&self.name, &self.version, error_type, category);
            if matches!(details, ErrorDetails::Poison { .. }) {
                metrics.record_orchestration_poison();
            }
        }
    }
}

/// Whether a waiting client sees a difference. Most turns make none, and looking costs a read of history.
pub(super) fn is_news(commit: &Commit) -> bool {
    commit.delta.iter().any(|event| {
        event.is_terminal()
            || matches!(event.kind, EventKind::CustomStatusUpdated { .. } | EventKind::KeyValueSet { .. })
    })
}

/// Whether a commit that needed no code ends an instance that was counted as active.
pub(super) fn ends_active(commit: &Commit) -> bool {
    let begins = |event: &Event| matches!(event.kind, EventKind::OrchestrationStarted { .. });
    let never_ran = commit.execution_id == INITIAL_EXECUTION_ID && commit.delta.iter().any(begins);
    commit.metadata.status.is_some() && !never_ran
}

/// Of a success only that it was one is told, and its output may be large.
fn without_payload(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Completed(_) => Outcome::Completed(Arc::default()),
        Outcome::ContinueAsNew { .. } => Outcome::ContinueAsNew { input: String::new(), version: None },
        Outcome::Continue | Outcome::Failed(_) | Outcome::Cancelled(_) => outcome.clone(),
    }
}

fn first_ms(delta: &[Event]) -> u64 {
    delta.first().map_or(0, |event| event.timestamp_ms)
}

fn error_type(details: &ErrorDetails) -> &'static str {
    match details {
        ErrorDetails::Application { .. } => "app_error",
        ErrorDetails::Infrastructure { .. } => "infrastructure_error",
        ErrorDetails::Configuration { .. } => "config_error",
        ErrorDetails::Poison { .. } => "unknown",
    }
}

/// How many turns wrote these rows. A turn begins with what arrived, stamped with its time, and goes on with what its code
/// asked for; system calls are answered within it. Turns of one millisecond that added nothing else count as one.
pub(super) fn turns_in(history: &[Event]) -> u64 {
    let mut system_calls = HashSet::new();
    let mut turns = 0;
    let mut open_since = None;
    for event in history {
        match &event.kind {
            EventKind::ActivityScheduled { name, .. } if name.starts_with(SYSCALL_PREFIX) => {
                system_calls.insert(event.event_id);
            }
            _ => {}
        }
        let is_answer = event.source_event_id.is_some_and(|source| system_calls.contains(&source));
        let arrived = (is_arrival(&event.kind) && !is_answer).then_some(event.timestamp_ms);
        if turns == 0 || (arrived.is_some() && arrived != open_since) {
            turns += 1;
        }
        // The start arrives, too: what comes with it belongs to the same turn.
        let starts = matches!(event.kind, EventKind::OrchestrationStarted { .. });
        open_since = arrived.or(starts.then_some(event.timestamp_ms));
    }
    turns
}

/// Whether an event came from outside the turn that recorded it.
fn is_arrival(kind: &EventKind) -> bool {
    match kind {
        EventKind::ActivityCompleted { .. }
        | EventKind::ActivityFailed { .. }
        | EventKind::TimerFired { .. }
        | EventKind::ExternalEvent { .. }
        | EventKind::QueueEventDelivered { .. }
        | EventKind::SubOrchestrationCompleted { .. }
        | EventKind::SubOrchestrationFailed { .. }
        | EventKind::OrchestrationCancelRequested { .. } => true,
        EventKind::OrchestrationStarted { .. }
        | EventKind::OrchestrationCompleted { .. }
        | EventKind::OrchestrationFailed { .. }
        | EventKind::OrchestrationContinuedAsNew { .. }
        | EventKind::OrchestrationChained { .. }
        | EventKind::ActivityScheduled { .. }
        | EventKind::ActivityCancelRequested { .. }
        | EventKind::TimerCreated { .. }
        | EventKind::ExternalSubscribed { .. }
        | EventKind::ExternalSubscribedCancelled { .. }
        | EventKind::QueueSubscribed { .. }
        | EventKind::QueueSubscriptionCancelled { .. }
        | EventKind::SubOrchestrationScheduled { .. }
        | EventKind::SubOrchestrationCancelRequested { .. }
        | EventKind::CustomStatusUpdated { .. }
        | EventKind::KeyValueSet { .. }
        | EventKind::KeyValueCleared { .. }
        | EventKind::KeyValuesCleared => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::SYSCALL_NEW_GUID;

    /// Rows as (milliseconds, source, kind).
    fn turns(rows: Vec<(u64, Option<u64>, EventKind)>) -> u64 {
        let rows = (1..).zip(rows).map(|(event_id, (timestamp_ms, source_event_id, kind))| Event {
            timestamp_ms,
            ..Event::with_event_id(event_id, "i", 1, source_event_id, kind)
        });
        turns_in(&Vec::from_iter(rows))
    }

    fn start() -> EventKind {
        EventKind::OrchestrationStarted {
            name: String::new(),
            version: String::new(),
            input: String::new(),
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            carry_forward_events: None,
            initial_custom_status: None,
        }
    }

    fn asks(name: &str) -> EventKind {
        EventKind::ActivityScheduled { name: name.into(), input: String::new(), session_id: None, tag: None }
    }

    fn done() -> EventKind {
        EventKind::ActivityCompleted { result: String::new() }
    }

    fn message() -> EventKind {
        EventKind::QueueEventDelivered { name: String::new(), data: String::new() }
    }

    #[test]
    fn a_history_tells_in_how_many_turns_it_was_written() {
        let table = [
            (0, "nothing", vec![]),
            (1, "a start and what comes with it", vec![(1, None, start()), (1, None, message()), (1, None, asks("a"))]),
            (
                2,
                "two answers in one turn",
                vec![
                    (1, None, start()),
                    (1, None, asks("a")),
                    (1, None, asks("a")),
                    (5, Some(2), done()),
                    (5, Some(3), done()),
                ],
            ),
            (
                3,
                "two answers in turns that asked for nothing more",
                vec![
                    (1, None, start()),
                    (1, None, asks("a")),
                    (1, None, asks("a")),
                    (5, Some(2), done()),
                    (6, Some(3), done()),
                ],
            ),
            (
                2,
                "an answered system call, and an answer in the same millisecond",
                vec![
                    (1, None, start()),
                    (1, None, asks("a")),
                    (1, None, asks(SYSCALL_NEW_GUID)),
                    (2, Some(3), done()),
                    (2, Some(2), done()),
                    (2, None, asks("b")),
                ],
            ),
        ];
        for (expected, what, rows) in table {
            assert_eq!(turns(rows), expected, "{what}");
        }
    }
}
