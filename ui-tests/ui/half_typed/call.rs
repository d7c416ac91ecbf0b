//! Typing the arguments of a call.
#![allow(unused)]
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
async fn charge(order: u64, cents: u64) -> Result<u64, String> {
    Ok(order + cents)
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
    charge::call(&ctx, 5, ).await
}

fn main() {}
