//! What an administrator reads: instances, executions, trees.

/// One instance.
#[derive(Debug, Clone)]
pub struct InstanceInfo {
    /// Its id.
    pub instance_id: String,
    /// Orchestration name.
    pub orchestration_name: String,
    /// Version of the current execution, `unknown` when not recorded.
    pub orchestration_version: String,
    /// The newest execution.
    pub current_execution_id: u64,
    /// Status of the newest execution.
    pub status: String,
    /// Output of the newest execution.
    pub output: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub created_at: u64,
    /// Milliseconds since the Unix epoch: its last turn, or its end. A store may be a second behind as long as it runs.
    pub updated_at: u64,
    /// The instance that started it as a child.
    pub parent_instance_id: Option<String>,
}

/// One execution of an instance.
#[derive(Debug, Clone)]
pub struct ExecutionInfo {
    /// Its number, from 1.
    pub execution_id: u64,
    /// `Running`, `Completed`, `Failed` or `ContinuedAsNew`.
    pub status: String,
    /// Result, error text or next input, by status.
    pub output: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub started_at: u64,
    /// Milliseconds since the Unix epoch; absent while it runs.
    pub completed_at: Option<u64>,
    /// Events in its history.
    pub event_count: usize,
}

/// Totals of a store.
#[derive(Debug, Clone, Default)]
pub struct SystemMetrics {
    /// Instances.
    pub total_instances: u64,
    /// Executions.
    pub total_executions: u64,
    /// Instances whose current execution runs.
    pub running_instances: u64,
    /// Instances whose current execution completed.
    pub completed_instances: u64,
    /// Instances whose current execution failed.
    pub failed_instances: u64,
    /// History events.
    pub total_events: u64,
}

/// Rows that wait for somebody to take them, delayed ones included.
#[derive(Debug, Clone, Default)]
pub struct QueueDepths {
    /// Orchestrator queue.
    pub orchestrator_queue: usize,
    /// Worker queue.
    pub worker_queue: usize,
    /// Always 0: timers are delayed rows of the orchestrator queue.
    pub timer_queue: usize,
}

/// An instance and all its descendants.
#[derive(Debug, Clone)]
pub struct InstanceTree {
    /// The instance asked for.
    pub root_id: String,
    /// It and its descendants, in any order.
    pub all_ids: Vec<String>,
}

impl InstanceTree {
    /// Whether it has no descendants.
    pub fn is_root_only(&self) -> bool {
        self.all_ids.len() == 1
    }

    /// How many instances the tree has, the root included.
    pub fn size(&self) -> usize {
        self.all_ids.len()
    }
}

/// What an activity last said of its progress, by [`ActivityContext::heartbeat`](crate::ActivityContext::heartbeat).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityProgress {
    /// The execution that asked for the activity.
    pub execution_id: u64,
    /// Its schedule event.
    pub activity_id: u64,
    /// The name it is registered under.
    pub activity_name: String,
    /// The delivery that said it, from 1. A later one may have begun since.
    pub attempt: u32,
    /// What it said.
    pub progress: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}
