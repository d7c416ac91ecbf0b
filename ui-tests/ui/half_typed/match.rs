//! Typing a match.
#![allow(unused)]
use duroxide::{OrchestrationContext, activity, orchestration};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    match ctx.new_guid().await {
        Ok(id) =>
    }
    Ok(())
}

fn main() {}
