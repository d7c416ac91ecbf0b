//! Versions are semantic.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration(version = "2")]
async fn two(ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[orchestration(version = 2.0)]
async fn number(ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[orchestration(version = "v2.0.0")]
async fn marked(ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

fn main() {}
