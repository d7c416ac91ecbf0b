//! What to delete or prune, and what was.

/// Which instances an operation concerns; all given conditions must hold.
#[derive(Debug, Clone, Default)]
pub struct InstanceFilter {
    /// Only these; an empty list selects nothing.
    pub instance_ids: Option<Vec<String>>,
    /// Only those that ended before this time, milliseconds since the Unix epoch.
    pub completed_before: Option<u64>,
    /// At most this many; 1000 when absent.
    pub limit: Option<u32>,
}

/// Which old executions of an instance go.
#[derive(Debug, Clone, Default)]
pub struct PruneOptions {
    /// How many of the newest executions stay; the current one always does.
    pub keep_last: Option<u32>,
    /// Only those that ended before this time, milliseconds since the Unix epoch.
    pub completed_before: Option<u64>,
}

/// What a deletion removed.
#[derive(Debug, Clone, Default)]
pub struct DeleteInstanceResult {
    /// Instances, descendants included.
    pub instances_deleted: u64,
    /// Executions.
    pub executions_deleted: u64,
    /// History events.
    pub events_deleted: u64,
    /// Rows of both queues.
    pub queue_messages_deleted: u64,
}

/// What pruning removed.
#[derive(Debug, Clone, Default)]
pub struct PruneResult {
    /// Instances looked at.
    pub instances_processed: u64,
    /// Executions.
    pub executions_deleted: u64,
    /// History events.
    pub events_deleted: u64,
}
