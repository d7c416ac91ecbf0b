//! A typed error is not turned into another by itself.
use duroxide::{OrchestrationContext, activity, orchestration};

#[derive(Debug, serde::Serialize, serde::Deserialize)]
enum PayError {
    Declined,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
enum ShopError {
    Pay,
}

#[activity]
async fn charge() -> Result<u64, PayError> {
    Err(PayError::Declined)
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<u64, ShopError> {
    let _ = ShopError::Pay;
    Ok(charge::call(&ctx).await?)
}

fn main() {}
