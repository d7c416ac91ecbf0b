//! `?` needs a way from the activity's error to the orchestration's.
use duroxide::{activity, orchestration, OrchestrationContext};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
enum ShopError {
    Pay,
}

#[activity]
async fn charge() -> Result<(), String> {
    Ok(())
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), ShopError> {
    charge::call(&ctx).await?;
    Ok(())
}

fn main() {}
