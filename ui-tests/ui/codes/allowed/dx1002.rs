//! DX1002 allowed: the context first and owned, or lent to a helper; an activity may do without.
use duroxide::{ActivityContext, OrchestrationContext, activity, durable, orchestration};

#[orchestration]
pub async fn checkout(context: OrchestrationContext, order: u64) -> Result<u64, String> {
    Ok(settle(&context, order).await)
}

#[activity]
pub async fn charge(_ctx: ActivityContext, order: u64) -> Result<u64, String> {
    Ok(order)
}

#[activity]
pub async fn refund(order: u64) -> Result<u64, String> {
    Ok(order)
}

#[durable]
pub async fn settle(ctx: &OrchestrationContext, order: u64) -> u64 {
    ctx.timer("1s").await;
    order
}
