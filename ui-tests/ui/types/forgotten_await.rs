//! A call that nobody awaits.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
    let receipt: u64 = charge::call(&ctx, 5)?;
    Ok(receipt)
}

fn main() {}
