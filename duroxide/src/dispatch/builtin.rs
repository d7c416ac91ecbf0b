//! System calls as built-in activities: guid, now, remote key-values.

use serde::Deserialize;

use crate::model::ids::{SYSCALL_GET_KV_VALUE, SYSCALL_NEW_GUID, SYSCALL_UTC_NOW_MS};
use crate::providers::Provider;
use crate::replay::Call;
use crate::{clock, codec, seams};

/// Which key of which instance.
#[derive(Deserialize)]
struct RemoteKey {
    instance_id: String,
    key: String,
}

/// The system call that an activity of this name is. Older runtimes leave them to workers.
pub(super) fn call_named(name: &str, input: &str) -> Call {
    match name {
        SYSCALL_NEW_GUID => Call::NewGuid,
        SYSCALL_UTC_NOW_MS => Call::UtcNow,
        SYSCALL_GET_KV_VALUE => Call::GetKvValue { input: input.to_owned() },
        _ => Call::Unknown { name: name.to_owned() },
    }
}

/// The answer to a system call; `None` for one that a later version may know.
pub(crate) async fn answer(store: &dyn Provider, call: &Call) -> Option<Result<String, String>> {
    match call {
        Call::NewGuid => Some(Ok(seams::new_guid())),
        Call::UtcNow => Some(Ok(clock::now_ms().to_string())),
        Call::GetKvValue { input } => Some(remote_value(store, input).await),
        Call::Unknown { .. } => None,
    }
}

async fn remote_value(store: &dyn Provider, input: &str) -> Result<String, String> {
    let RemoteKey { instance_id, key } = codec::from_json(input).map_err(|error| error.to_string())?;
    let value = store.get_kv_value(&instance_id, &key).await;
    let value = value.map_err(|error| format!("get_kv_value client error: {error}"))?;
    codec::to_json(&value).map_err(|error| error.to_string())
}
