//! Typing a method: one error, and the function is still known elsewhere.
#![allow(unused)]
use duroxide::{OrchestrationContext, activity, orchestration};

#[orchestration]
async fn checkout(ctx: OrchestrationContext, order: u64) -> Result<u64, String> {
    let id = ctx.
    Ok(order)
}

fn elsewhere(client: &duroxide::Client) {
    let _ = checkout;
}

fn main() {}
