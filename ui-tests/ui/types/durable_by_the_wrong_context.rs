//! A helper by reference, called by value, and the other way round.
use duroxide::{OrchestrationContext, durable, orchestration};

#[durable]
async fn by_reference(ctx: &OrchestrationContext) {
    ctx.timer("1s").await;
}

#[durable]
async fn by_value(ctx: OrchestrationContext) {
    ctx.timer("1s").await;
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    by_reference(ctx.clone()).await;
    by_value(&ctx).await;
    Ok(())
}

fn main() {}
