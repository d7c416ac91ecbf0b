//! Retries are for activities.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn refund(_ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    refund::call(&ctx).retry(duroxide::RetryPolicy::new(3)).await?;
    refund::call(&ctx).timeout("30s").await?;
    Ok(())
}

fn main() {}
