//! The value of the body has the type of the signature.
use duroxide::{OrchestrationContext, durable, orchestration};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
    ctx.timer("1s").await;
    Ok("done")
}

#[durable]
async fn settle(ctx: &OrchestrationContext) -> u64 {
    ctx.timer("1s").await;
    "done"
}

fn main() {}
