//! Typing an await.
#![allow(unused)]
use duroxide::{OrchestrationContext, activity, orchestration};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    ctx.timer("1s").aw
}

fn main() {}
