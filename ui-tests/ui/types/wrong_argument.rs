//! A call is checked like the call of a function.
use duroxide::{activity, orchestration, Client, OrchestrationContext};

#[activity]
async fn charge(order: String, cents: u64) -> Result<u64, String> {
    Ok(cents + order.len() as u64)
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext, cents: u64) -> Result<u64, String> {
    let _ = charge::call(&ctx, "o-1".to_owned(), "1299").await?;
    let _ = charge::call(&ctx, "o-1".to_owned()).await?;
    let text: String = charge::call(&ctx, "o-1".to_owned(), cents).await?;
    Ok(text.len() as u64)
}

async fn outside(client: &Client) {
    let _ = checkout::start(client, "o-1", "twelve").await;
}

fn main() {}
