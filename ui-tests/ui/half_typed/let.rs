//! Typing a statement.
#![allow(unused)]
use duroxide::{OrchestrationContext, activity, orchestration};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let id = ;
    Ok(())
}

fn main() {}
