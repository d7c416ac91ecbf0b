//! An async helper must be `#[durable]`, or its awaits would go unchecked.
use duroxide::{durable, orchestration, OrchestrationContext};

async fn helper(ctx: &OrchestrationContext) {
    ctx.new_guid().await.ok();
}

#[durable]
async fn checked(ctx: &OrchestrationContext) {
    helper(ctx).await;
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    helper(&ctx).await;
    checked(&ctx).await;
    Ok(())
}

fn main() {}
