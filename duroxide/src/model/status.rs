//! What a client sees of an orchestration.

use super::error::ErrorDetails;

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
