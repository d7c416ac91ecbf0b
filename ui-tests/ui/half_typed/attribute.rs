//! Typing the attribute.
#![allow(unused)]
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity(name = )]
async fn charge(order: u64) -> Result<u64, String> {
    Ok(order)
}

#[activity(retry(max_attempts = ))]
async fn refund(order: u64) -> Result<u64, String> {
    Ok(order)
}

fn elsewhere(ctx: &OrchestrationContext) {
    let _ = charge::call(ctx, 5);
    let _ = refund::call(ctx, 5);
}

fn main() {}
