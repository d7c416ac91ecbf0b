//! DX1001 allowed: async, whether or not there is anything to await.
use duroxide::{OrchestrationContext, activity, durable, orchestration};

#[activity]
pub async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

#[orchestration]
pub async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[durable]
pub async fn settle(cents: u64) -> u64 {
    cents
}
