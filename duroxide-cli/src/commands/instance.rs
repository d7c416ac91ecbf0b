//! What several commands ask of one instance.

use duroxide::Client;
use duroxide::OrchestrationStatus;

use crate::failure::Failure;

/// Where an instance is, for whoever wants to do something with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stand {
    /// It has had a turn.
    There,
    /// Something waits for it in the queue, its start perhaps.
    Asked,
    /// Nobody knows it.
    Unknown,
}

/// Whether an instance is there, without reading its history.
pub(crate) async fn stand(client: &Client, instance: &str) -> Result<Stand, Failure> {
    if !client.list_executions(instance).await?.is_empty() {
        return Ok(Stand::There);
    }
    if client.has_insight_capability() && !client.list_rows_of(instance).await?.is_empty() {
        return Ok(Stand::Asked);
    }
    Ok(Stand::Unknown)
}

/// Refuses an instance that is not there.
pub(crate) async fn known(client: &Client, instance: &str) -> Result<(), Failure> {
    match stand(client, instance).await? {
        Stand::There => Ok(()),
        Stand::Asked => Err(Failure::not_so(format!(
            "instance `{instance}` has not begun: what was sent to it waits in the queue (`duroxide explain {instance}`)"
        ))),
        Stand::Unknown => Err(Failure::unknown(instance)),
    }
}

/// Refuses an instance that nobody started, or that has ended: whatever is sent there changes nothing.
pub(crate) async fn reachable(client: &Client, instance: &str) -> Result<(), Failure> {
    if stand(client, instance).await? == Stand::Unknown {
        return Err(Failure::unknown(instance));
    }
    match client.get_orchestration_status(instance).await? {
        OrchestrationStatus::NotFound | OrchestrationStatus::Running { .. } => Ok(()),
        OrchestrationStatus::Completed { .. } => Err(ended(instance, "has completed")),
        OrchestrationStatus::Failed { .. } => Err(ended(instance, "has failed")),
    }
}

fn ended(instance: &str, how: &str) -> Failure {
    Failure::not_so(format!("instance `{instance}` {how}; what is sent to it now changes nothing"))
}
