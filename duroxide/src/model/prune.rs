//! What to delete or prune, and what was.

use super::work_item::WorkItem;

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

/// What of one inbox goes with the deletion of those who asked for its instance: their starts, because what it answered
/// would reach the next life of their ids. If nothing else creates the instance, or has, what was sent to it goes as well.
pub(crate) fn unborn<K: Copy>(
    inbox: &[(K, Option<WorkItem>)],
    exists: bool,
    is_deleted: impl Fn(&str) -> bool,
) -> Vec<K> {
    let is_asked_for = |message: &Option<WorkItem>| match message {
        Some(WorkItem::StartOrchestration { parent_instance: Some(parent), .. }) => is_deleted(parent),
        _ => false,
    };
    if !inbox.iter().any(|(_, message)| is_asked_for(message)) {
        return Vec::new();
    }
    let is_other_start = |message: &Option<WorkItem>| {
        matches!(message, Some(WorkItem::StartOrchestration { .. })) && !is_asked_for(message)
    };
    let stays = exists || inbox.iter().any(|(_, message)| is_other_start(message));
    inbox.iter().filter(|(_, message)| !stays || is_asked_for(message)).map(|(key, _)| *key).collect()
}
