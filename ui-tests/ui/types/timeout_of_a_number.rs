//! A span of time is a `Duration` or a text.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    charge::call(&ctx, 5).timeout(30).await?;
    charge::call(&ctx, 5).retry(3).await?;
    ctx.timer(5).await;
    Ok(())
}

fn main() {}
