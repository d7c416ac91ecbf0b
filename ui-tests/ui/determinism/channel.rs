//! A channel of the process is not there when the orchestration runs again.
use duroxide::{orchestration, OrchestrationContext};
use tokio::sync::oneshot;

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<u64, String> {
    let (sender, receiver) = oneshot::channel();
    sender.send(5).unwrap();
    receiver.await.map_err(|error| error.to_string())
}

fn main() {}
