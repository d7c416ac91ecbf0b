//! DX1010 allowed: an activity may be declared without a body.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
pub async fn render(order: u64) -> Result<String, String>;

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext, order: u64) -> Result<String, String> {
    Ok(render::call(&ctx, order).await?)
}
