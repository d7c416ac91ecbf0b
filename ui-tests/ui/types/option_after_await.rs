//! Options come before the await.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
    Ok(charge::call(&ctx, 5).await?.tag("bank"))
}

fn main() {}
