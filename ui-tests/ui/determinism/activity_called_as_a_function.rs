//! The function itself is not a call: it would run here, again on every replay.
use duroxide::{OrchestrationContext, orchestration};

#[duroxide::activity]
async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    charge(5).await?;
    Ok(())
}

fn main() {}
