//! What a committed turn tells: to the metrics, and to clients that wait.

use std::sync::Arc;

use super::verdict::Head;
use super::warm::Figures;
use crate::model::commit::Commit;
use crate::model::error::ErrorDetails;
use crate::model::event::{Event, EventKind};
use crate::observe::MetricsProvider;
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
    /// How many turns there were, at most: each arrival may have had its own.
    turns: u64,
    end: Option<End>,
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
            turns: history.arrivals + 1,
            end: None,
        }
    }

    /// What is known after it.
    pub(super) fn concluded(mut self, commit: &Commit, execution: &Execution) -> Self {
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
    commit.metadata.status.is_some() && !commit.delta.iter().any(begins)
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

/// Whether an event came from outside the turn that recorded it.
pub(super) fn is_arrival(kind: &EventKind) -> bool {
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
