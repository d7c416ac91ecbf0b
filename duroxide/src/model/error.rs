//! Why something failed: `ErrorDetails` and its kinds.

use serde::{Deserialize, Serialize};

/// Why an orchestration, a child or an activity failed, as history records it.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub enum ErrorDetails {
    /// The store or the runtime failed.
    Infrastructure {
        /// What was being done.
        operation: String,
        /// What went wrong.
        message: String,
        /// Whether the same again may work.
        retryable: bool,
    },
    /// What is deployed does not fit what was recorded.
    Configuration {
        /// In which way.
        kind: ConfigErrorKind,
        /// What it concerns.
        resource: String,
        /// The particulars.
        message: Option<String>,
    },
    /// User code failed.
    Application {
        /// In which way.
        kind: AppErrorKind,
        /// What user code said.
        message: String,
        /// Whether the same again may work.
        retryable: bool,
    },
    /// Something was tried too often.
    Poison {
        /// How often it was tried.
        attempt_count: u32,
        /// How often it may be tried.
        max_attempts: u32,
        /// What was tried.
        message_type: PoisonMessageType,
        /// The message itself, as JSON, or the error that kept it from being read.
        message: String,
    },
}

/// What was tried too often.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub enum PoisonMessageType {
    /// A turn of an orchestration.
    Orchestration {
        /// Its instance.
        instance: String,
        /// Its execution.
        execution_id: u64,
    },
    /// An activity.
    Activity {
        /// The instance that asked for it.
        instance: String,
        /// The execution that asked for it.
        execution_id: u64,
        /// Activity name.
        activity_name: String,
        /// Its schedule event.
        activity_id: u64,
    },
    /// A history that cannot be read.
    FailedDeserialization {
        /// Its instance.
        instance: String,
        /// Its execution.
        execution_id: u64,
        /// What the reader said.
        error: String,
    },
}

/// In which way what is deployed does not fit.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub enum ConfigErrorKind {
    /// The code asks for something else than history records.
    Nondeterminism,
}

/// In which way user code failed.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub enum AppErrorKind {
    /// An activity returned an error.
    ActivityFailed,
    /// An orchestration returned an error.
    OrchestrationFailed,
    /// It panicked.
    Panicked,
    /// It was cancelled.
    Cancelled {
        /// Why.
        reason: String,
    },
}

impl ErrorDetails {
    /// `infrastructure`, `configuration`, `application` or `poison`.
    pub fn category(&self) -> &'static str {
        match self {
            ErrorDetails::Infrastructure { .. } => "infrastructure",
            ErrorDetails::Configuration { .. } => "configuration",
            ErrorDetails::Application { .. } => "application",
            ErrorDetails::Poison { .. } => "poison",
        }
    }

    /// Whether the same again may work. Configuration errors and poison never are retryable.
    pub fn is_retryable(&self) -> bool {
        match self {
            ErrorDetails::Infrastructure { retryable, .. } | ErrorDetails::Application { retryable, .. } => *retryable,
            ErrorDetails::Configuration { .. } | ErrorDetails::Poison { .. } => false,
        }
    }

    /// The text that clients and awaiting code see.
    pub fn display_message(&self) -> String {
        match self {
            ErrorDetails::Infrastructure { operation, message, .. } => format!("infrastructure:{operation}: {message}"),
            ErrorDetails::Configuration { kind: ConfigErrorKind::Nondeterminism, resource, message } => match message {
                Some(message) => format!("nondeterministic: {message}"),
                None => format!("nondeterministic in {resource}"),
            },
            ErrorDetails::Application { kind, message, .. } => match kind {
                AppErrorKind::Cancelled { reason } => format!("canceled: {reason}"),
                AppErrorKind::Panicked => format!("orchestration panicked: {message}"),
                AppErrorKind::ActivityFailed | AppErrorKind::OrchestrationFailed => message.clone(),
            },
            ErrorDetails::Poison { attempt_count, max_attempts, message_type, .. } => {
                let tried = format!("{attempt_count} attempts (max {max_attempts})");
                match message_type {
                    PoisonMessageType::Orchestration { instance, .. } => {
                        format!("poison: orchestration {instance} exceeded {tried}")
                    }
                    PoisonMessageType::Activity { activity_name, activity_id, .. } => {
                        format!("poison: activity {activity_name}#{activity_id} exceeded {tried}")
                    }
                    PoisonMessageType::FailedDeserialization { instance, error, .. } => {
                        format!(
                            "poison: orchestration {instance} history deserialization failed after {tried}: {error}"
                        )
                    }
                }
            }
        }
    }

    /// The code asked for something else than history records.
    pub(crate) fn nondeterminism(message: impl Into<String>) -> Self {
        ErrorDetails::Configuration {
            kind: ConfigErrorKind::Nondeterminism,
            resource: String::new(),
            message: Some(message.into()),
        }
    }

    /// User code failed in the given way; never retryable.
    pub(crate) fn application(kind: AppErrorKind, message: impl Into<String>) -> Self {
        ErrorDetails::Application { kind, message: message.into(), retryable: false }
    }

    /// The orchestration was cancelled.
    pub(crate) fn cancelled(reason: impl Into<String>) -> Self {
        ErrorDetails::application(AppErrorKind::Cancelled { reason: reason.into() }, "")
    }

    /// Whether the orchestration that awaits this fails without its code seeing it: only application errors reach
    /// user code.
    pub(crate) fn is_system(&self) -> bool {
        match self {
            ErrorDetails::Application { .. } => false,
            ErrorDetails::Infrastructure { .. } | ErrorDetails::Configuration { .. } | ErrorDetails::Poison { .. } => {
                true
            }
        }
    }
}
