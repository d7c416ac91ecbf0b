//! A child is called through its type.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn refund(_ctx: OrchestrationContext, cents: u64) -> Result<u64, String> {
    Ok(cents)
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    refund(ctx.clone(), 5).await?;
    Ok(())
}

fn main() {}
