//! What the code asked of the runtime itself: answered inside the turn by whoever drives it.

use super::{Execution, Outcome};
use crate::model::action::Action;
use crate::model::ids;

/// A request to the runtime that this turn has not answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SystemCall {
    /// Its schedule event; the answer is an `ActivityCompleted` or `ActivityFailed` for it.
    pub id: u64,
    pub call: Call,
}

/// What the runtime is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    NewGuid,
    UtcNow,
    /// The input is JSON: `{"instance_id", "key"}`.
    GetKvValue {
        input: String,
    },
    /// A reserved name that this version does not know.
    Unknown {
        name: String,
    },
}

impl Execution {
    /// System calls of this turn without an answer for which the code waits. Code that has ended, was cancelled or
    /// continues as new is not driven on.
    pub(crate) fn system_calls(&self) -> Vec<SystemCall> {
        if self.outcome != Outcome::Continue {
            return Vec::new();
        }
        let unanswered =
            |id| self.open.get(id).is_some_and(|(token, _)| self.ledger.with(|book| book.is_awaited(*token)));
        let calls = self.asked.iter().filter_map(|action| match action {
            Action::CallActivity { scheduling_event_id: id, name, input, .. }
                if name.starts_with(ids::SYSCALL_PREFIX) && unanswered(*id) =>
            {
                Some(SystemCall { id: *id, call: call(name, input) })
            }
            _ => None,
        });
        calls.collect()
    }
}

fn call(name: &str, input: &str) -> Call {
    match name {
        ids::SYSCALL_NEW_GUID => Call::NewGuid,
        ids::SYSCALL_UTC_NOW_MS => Call::UtcNow,
        ids::SYSCALL_GET_KV_VALUE => Call::GetKvValue { input: input.to_owned() },
        _ => Call::Unknown { name: name.to_owned() },
    }
}
