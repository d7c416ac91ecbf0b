//! The names of the parameters are in the message.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
async fn charge(order: u64, cents: u64, currency: String) -> Result<u64, String> {
    Ok(order + cents + currency.len() as u64)
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext, order: u64) -> Result<u64, String> {
    charge::call(&ctx, order).await?;
    charge::call(order, 5, "EUR".to_owned()).await?;
    Ok(0)
}

fn outside(client: &duroxide::Client) {
    checkout::start(client, "o-1");
}

fn main() {}
