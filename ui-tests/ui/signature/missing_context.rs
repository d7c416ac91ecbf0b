//! An orchestration has its context first, by value.
use duroxide::{orchestration, OrchestrationContext};

#[orchestration]
async fn without(order: u64) -> Result<u64, String> {
    Ok(order)
}

#[orchestration]
async fn second(order: u64, ctx: OrchestrationContext) -> Result<u64, String> {
    Ok(order)
}

#[orchestration]
async fn borrowed(ctx: &OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[orchestration]
async fn nothing() -> Result<(), String> {
    Ok(())
}

fn main() {}
