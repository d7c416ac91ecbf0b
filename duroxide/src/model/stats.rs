//! Sizes and counts of one instance.

use serde::{Deserialize, Serialize};

/// How large an instance's current execution is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SystemStats {
    /// Events in history.
    pub history_event_count: u64,
    /// Bytes of the serialized events.
    pub history_size_bytes: u64,
    /// Queue messages carried into this execution.
    pub queue_pending_count: u64,
    /// Keys a reader sees.
    pub kv_user_key_count: u64,
    /// Bytes of the values a reader sees.
    pub kv_total_value_bytes: u64,
}
