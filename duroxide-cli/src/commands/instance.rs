//! What several commands ask of one instance.

use duroxide::Client;
use duroxide::insight::Standing;

use crate::failure::Failure;

/// Refuses an instance that has had no turn.
pub(crate) async fn known(client: &Client, instance: &str) -> Result<(), Failure> {
    // Without what it returned, which may be large.
    if !client.list_executions(instance).await?.is_empty() {
        return Ok(());
    }
    match client.standing(instance).await? {
        Standing::NotStarted => Err(Failure::not_so(format!(
            "instance `{instance}` has not begun: its start waits in the queue (`duroxide explain {instance}`)"
        ))),
        Standing::Running | Standing::BetweenExecutions | Standing::Completed | Standing::Failed => Ok(()),
        Standing::Unknown => Err(Failure::unknown(instance)),
    }
}

/// Refuses an instance that nobody started, or that has ended: whatever is sent there changes nothing.
pub(crate) async fn reachable(client: &Client, instance: &str) -> Result<(), Failure> {
    match client.standing(instance).await? {
        Standing::NotStarted | Standing::Running | Standing::BetweenExecutions => Ok(()),
        Standing::Unknown => Err(Failure::unknown(instance)),
        Standing::Completed => Err(ended(instance, "has completed")),
        Standing::Failed => Err(ended(instance, "has failed")),
    }
}

fn ended(instance: &str, how: &str) -> Failure {
    Failure::not_so(format!("instance `{instance}` {how}; what is sent to it now changes nothing"))
}
