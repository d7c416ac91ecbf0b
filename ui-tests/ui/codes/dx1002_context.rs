//! DX1002: the context is there, first, and owned.
use duroxide::{ActivityContext, OrchestrationContext, activity, orchestration};

#[orchestration]
async fn without() -> Result<(), String> {
    Ok(())
}

#[orchestration]
async fn last(order: u64, ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[orchestration]
async fn borrowed(ctx: &OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[activity]
async fn charge(order: u64, ctx: ActivityContext) -> Result<(), String> {
    Ok(())
}

fn main() {}
