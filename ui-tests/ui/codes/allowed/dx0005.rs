//! DX0005 allowed: in an activity, and with a reason.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
pub async fn load(path: String) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext) -> Result<String, String> {
    #[duroxide::allow(DX0005, reason = "part of the image, the same everywhere")]
    let terms = std::fs::read_to_string("terms.txt").unwrap_or_default();
    Ok(load::call(&ctx, "orders.json".to_owned()).await? + &terms)
}
