//! DX1003 allowed: one handler for each type, sharing what is generic.
use duroxide::{OrchestrationContext, durable, orchestration};

#[durable]
pub async fn settle<T: Clone + Into<u64>, const N: usize>(ctx: &OrchestrationContext, orders: [T; N]) -> u64
where
    T: Send,
{
    ctx.timer("1s").await;
    orders.into_iter().map(Into::into).sum()
}

#[durable]
pub async fn by_value(ctx: OrchestrationContext, name: &str) -> Result<String, String> {
    Ok(format!("{name} {}", ctx.new_guid().await?))
}

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
    let name = by_value(ctx.clone(), "order").await?;
    Ok(settle::<u8, 2>(&ctx, [1, 2]).await + settle(&ctx, [name.len() as u64]).await)
}
