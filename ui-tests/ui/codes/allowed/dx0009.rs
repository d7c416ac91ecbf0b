//! DX0009 allowed: the log that is silent in replay.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration(allow(DX0009, reason = "debugging this one"))]
pub async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    ctx.trace_info("started");
    println!("started");
    Ok(())
}
