//! An activity cannot call another.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

#[activity]
async fn refund(ctx: duroxide::ActivityContext) -> Result<u64, String> {
    Ok(charge::call(&ctx, 5).await?)
}

fn main() {}
