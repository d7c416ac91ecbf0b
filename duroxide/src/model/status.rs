//! What a client sees of an orchestration.

use super::error::ErrorDetails;
use super::event::{Event, EventKind};

/// Where an orchestration stands.
///
/// An instance that continued as new is `Running`: its next execution is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrchestrationStatus {
    /// No turn of it was committed yet, or it never was started.
    NotFound,
    /// It runs or waits.
    Running {
        /// What the orchestration last said of itself.
        custom_status: Option<String>,
        /// Grows with each change of the custom status; 0 before the first.
        custom_status_version: u64,
    },
    /// It returned `Ok`.
    Completed {
        /// What it returned.
        output: String,
        /// What the orchestration last said of itself.
        custom_status: Option<String>,
        /// Grows with each change of the custom status; 0 before the first.
        custom_status_version: u64,
    },
    /// It failed or was cancelled.
    Failed {
        /// Why.
        details: ErrorDetails,
        /// What the orchestration last said of itself.
        custom_status: Option<String>,
        /// Grows with each change of the custom status; 0 before the first.
        custom_status_version: u64,
    },
}

/// What history alone says of an instance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stand {
    NotFound,
    Running,
    Completed(String),
    Failed(ErrorDetails),
}

impl Stand {
    /// The terminal row is near the end: only rows about cancelled activities may follow it.
    pub(crate) fn of(history: &[Event]) -> Self {
        let ended = history.iter().rev().find_map(|event| Stand::ended_by(&event.kind));
        let started = || history.iter().any(|event| matches!(event.kind, EventKind::OrchestrationStarted { .. }));
        match ended {
            Some(ended) => ended,
            None if started() => Stand::Running,
            None => Stand::NotFound,
        }
    }

    /// How this event ended the instance, if it did.
    pub(crate) fn ended_by(kind: &EventKind) -> Option<Self> {
        match kind {
            EventKind::OrchestrationCompleted { output } => Some(Stand::Completed(output.clone())),
            EventKind::OrchestrationFailed { details } => Some(Stand::Failed(details.clone())),
            // Only these two end an instance; it is a search, so other kinds, known or new, are passed over.
            _ => None,
        }
    }

    /// With what the orchestration says of itself.
    pub(crate) fn with_custom_status(
        self,
        custom_status: Option<String>,
        custom_status_version: u64,
    ) -> OrchestrationStatus {
        match self {
            Stand::NotFound => OrchestrationStatus::NotFound,
            Stand::Running => OrchestrationStatus::Running { custom_status, custom_status_version },
            Stand::Completed(output) => OrchestrationStatus::Completed { output, custom_status, custom_status_version },
            Stand::Failed(details) => OrchestrationStatus::Failed { details, custom_status, custom_status_version },
        }
    }
}
