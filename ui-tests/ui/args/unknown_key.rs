//! A misspelled key, and one that another attribute has.
use duroxide::{activity, orchestration, OrchestrationContext};

#[activity(nam = "Charge")]
async fn charge() -> Result<(), String> {
    Ok(())
}

#[activity(version = "2.0.0")]
async fn refund() -> Result<(), String> {
    Ok(())
}

#[orchestration(nmae = "Checkout", versoin = "2.0.0", zebra)]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    charge::call(&ctx).await?;
    Ok(())
}

fn main() {}
