//! A task that was spawned.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    #[duroxide::allow(DX0004, reason = "to show the await")]
    let task = tokio::spawn(async { 1 });
    task.await.map_err(|error| error.to_string())?;
    Ok(())
}

fn main() {}
