//! What a dispatcher fetches: one instance with its history and its messages.

use std::collections::HashMap;

use super::event::Event;
use super::work_item::WorkItem;

/// One instance, leased, with everything a turn needs.
#[derive(Debug, Clone)]
pub struct OrchestrationItem {
    /// The instance.
    pub instance: String,
    /// Orchestration name.
    pub orchestration_name: String,
    /// The current execution.
    pub execution_id: u64,
    /// Its version, `unknown` before the first turn.
    pub version: String,
    /// All events of the current execution, ascending.
    pub history: Vec<Event>,
    /// The batch, in the order of arrival.
    pub messages: Vec<WorkItem>,
    /// Why history could not be read; `history` is empty then.
    pub history_error: Option<String>,
    /// Key-values that earlier executions left.
    pub kv_snapshot: HashMap<String, KvEntry>,
}

/// One key-value of the snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct KvEntry {
    /// Value.
    pub value: String,
    /// When it was set, milliseconds since the Unix epoch.
    pub last_updated_at_ms: u64,
}

/// Which activity of which execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledActivityIdentifier {
    /// The instance that asked for it.
    pub instance: String,
    /// The execution that asked for it.
    pub execution_id: u64,
    /// Its schedule event.
    pub activity_id: u64,
}
