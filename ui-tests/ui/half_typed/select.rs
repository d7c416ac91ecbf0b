//! Typing an arm of a race.
#![allow(unused)]
use duroxide::{OrchestrationContext, activity, orchestration};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    duroxide::select! {
        _ = ctx.timer("1s") =>
    }
    Ok(())
}

fn main() {}
