//! DX1012 allowed: an allow that is needed.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration(allow(DX0006, reason = "part of the image"))]
pub async fn checkout(_ctx: OrchestrationContext) -> Result<bool, String> {
    Ok(std::env::var("HOME").is_ok())
}
