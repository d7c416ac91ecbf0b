//! An async closure: write a closure that returns an `async` block.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let nap = async || ctx.timer("1s").await;
    nap().await;
    Ok(())
}

fn main() {}
