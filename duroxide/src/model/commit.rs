//! What one turn changes: the unit that a store commits.

use semver::Version;

use super::event::Event;
use super::item::ScheduledActivityIdentifier;
use super::work_item::WorkItem;

/// What a turn says of its instance and execution beside the events; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ExecutionMetadata {
    /// `Completed`, `Failed` or `ContinuedAsNew`.
    pub status: Option<String>,
    /// Result, error text or next input, by status.
    pub output: Option<String>,
    /// Orchestration name, on the first turn.
    pub orchestration_name: Option<String>,
    /// Resolved version, on the first turn.
    pub orchestration_version: Option<String>,
    /// The instance that waits for this one, on the first turn.
    pub parent_instance_id: Option<String>,
    /// Version of the runtime that began the execution, on the first turn.
    pub pinned_duroxide_version: Option<Version>,
}

/// Everything one turn changes, committed in one transaction or not at all.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The execution the events belong to.
    pub execution_id: u64,
    /// New events, ascending.
    pub delta: Vec<Event>,
    /// Activities to run.
    pub worker_items: Vec<WorkItem>,
    /// Messages to other instances, to this one later, and to the parent.
    pub orchestrator_items: Vec<WorkItem>,
    /// Changes of the instance and execution rows.
    pub metadata: ExecutionMetadata,
    /// Activities whose rows go.
    pub cancelled_activities: Vec<ScheduledActivityIdentifier>,
}
