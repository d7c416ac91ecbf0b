//! What user code asked for in this turn.

/// One request of an orchestration to the runtime, in the order in which it was made.
///
/// `scheduling_event_id` is 0 until the request has become a history event.
#[derive(Debug, Clone)]
pub enum Action {
    /// Run an activity.
    CallActivity {
        /// The history event it became.
        scheduling_event_id: u64,
        /// Activity name.
        name: String,
        /// Activity input.
        input: String,
        /// Session that pins it to one worker.
        session_id: Option<String>,
        /// Tag that only some workers serve.
        tag: Option<String>,
    },
    /// Start a timer.
    CreateTimer {
        /// The history event it became.
        scheduling_event_id: u64,
        /// When it is due, milliseconds since the Unix epoch.
        fire_at_ms: u64,
    },
    /// Wait for an external event.
    WaitExternal {
        /// The history event it became.
        scheduling_event_id: u64,
        /// Event name.
        name: String,
    },
    /// Start an independent orchestration.
    StartOrchestrationDetached {
        /// The history event it became.
        scheduling_event_id: u64,
        /// Orchestration name.
        name: String,
        /// Version, or the registry's policy.
        version: Option<String>,
        /// Its instance id.
        instance: String,
        /// Its input.
        input: String,
    },
    /// Start a child orchestration.
    StartSubOrchestration {
        /// The history event it became.
        scheduling_event_id: u64,
        /// Orchestration name.
        name: String,
        /// Version, or the registry's policy.
        version: Option<String>,
        /// Its instance id, `sub::pending_{token}` until it is known.
        instance: String,
        /// Its input.
        input: String,
    },
    /// End this execution and begin the next.
    ContinueAsNew {
        /// Input of the next execution.
        input: String,
        /// Version, or the registry's policy.
        version: Option<String>,
    },
    /// Set or clear the custom status.
    UpdateCustomStatus {
        /// The new status.
        status: Option<String>,
    },
    /// Wait for the next message of a queue.
    DequeueEvent {
        /// The history event it became.
        scheduling_event_id: u64,
        /// Queue name.
        name: String,
    },
    /// Set a key-value.
    SetKeyValue {
        /// Key.
        key: String,
        /// Value.
        value: String,
        /// When, milliseconds since the Unix epoch.
        last_updated_at_ms: u64,
    },
    /// Remove a key-value.
    ClearKeyValue {
        /// Key.
        key: String,
    },
    /// Remove all key-values.
    ClearKeyValues,
}
