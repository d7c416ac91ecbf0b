//! DX1007 allowed: plain functions, and helpers that are methods.
use duroxide::{OrchestrationContext, activity, durable, orchestration};

#[activity]
pub async fn charge() -> Result<(), String> {
    Ok(())
}

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
    Ok(Shop { fee: 3 }.settle(&ctx).await)
}

pub struct Shop {
    pub fee: u64,
}

impl Shop {
    #[durable]
    pub async fn settle(&self, ctx: &OrchestrationContext) -> u64 {
        ctx.timer("1s").await;
        self.fee
    }
}
