//! DX1011 allowed: activities have states, whatever their parameters are called.
use duroxide::{OrchestrationContext, activity, orchestration};

#[derive(Clone)]
pub struct Bank;

#[activity]
pub async fn charge(#[state] ctx: Bank, cents: u64) -> Result<u64, String> {
    let Bank = ctx;
    Ok(cents)
}

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext, cents: u64) -> Result<u64, String> {
    Ok(charge::call(&ctx, cents).await?)
}
