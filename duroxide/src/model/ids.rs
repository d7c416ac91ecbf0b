//! Instance, execution and child identifiers, and how they are composed.

/// The first execution of an instance.
pub const INITIAL_EXECUTION_ID: u64 = 1;

/// The first event of an execution.
pub const INITIAL_EVENT_ID: u64 = 1;

/// What every generated child id begins with.
pub const SUB_ORCH_AUTO_PREFIX: &str = "sub::";

/// What a generated child id looks like inside a full instance id.
const SUB_ORCH_MARKER: &str = "::sub::";

/// What stands in for a child id until its schedule event exists.
const SUB_ORCH_PENDING: &str = "sub::pending_";

/// Names with this prefix belong to the runtime.
pub(crate) const SYSCALL_PREFIX: &str = "__duroxide_syscall:";
/// The system call behind `new_guid`.
pub(crate) const SYSCALL_NEW_GUID: &str = "__duroxide_syscall:new_guid";
/// The system call behind `utc_now`.
pub(crate) const SYSCALL_UTC_NOW_MS: &str = "__duroxide_syscall:utc_now_ms";
/// The system call behind `get_kv_value_from_instance`.
pub(crate) const SYSCALL_GET_KV_VALUE: &str = "__duroxide_syscall:get_kv_value";

/// The system call whose recorded answer is the policy of the activity call that its row names as its source.
pub(crate) const SYSCALL_CALL_POLICY: &str = "__duroxide_syscall:call_policy";

/// Whether a child id was generated, that is, begins with `sub::`.
pub fn is_auto_generated_sub_orch_id(instance: &str) -> bool {
    instance.starts_with(SUB_ORCH_AUTO_PREFIX)
}

/// The full instance id of a child: `{parent}::{child}` for a generated id, the id itself for an explicit one.
pub fn build_child_instance_id(parent_instance: &str, child_instance: &str) -> String {
    if is_auto_generated_sub_orch_id(child_instance) {
        format!("{parent_instance}::{child_instance}")
    } else {
        child_instance.to_owned()
    }
}

/// Whether a root id uses the marker reserved for generated child ids.
pub(crate) fn uses_reserved_marker(instance: &str) -> bool {
    is_auto_generated_sub_orch_id(instance) || instance.contains(SUB_ORCH_MARKER)
}

/// The id of a child whose schedule event does not exist yet.
pub(crate) fn pending_child_id(token: u64) -> String {
    format!("{SUB_ORCH_PENDING}{token}")
}

/// Whether a child id still waits for its schedule event.
pub(crate) fn is_pending_child_id(instance: &str) -> bool {
    instance.starts_with(SUB_ORCH_PENDING)
}

/// The generated id of a child: executions after the first name themselves, so that ids never repeat.
pub(crate) fn generated_child_id(execution_id: u64, event_id: u64) -> String {
    if execution_id == INITIAL_EXECUTION_ID {
        format!("{SUB_ORCH_AUTO_PREFIX}{event_id}")
    } else {
        format!("{SUB_ORCH_AUTO_PREFIX}{execution_id}_{event_id}")
    }
}
