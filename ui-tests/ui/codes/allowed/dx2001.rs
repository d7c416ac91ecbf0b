//! DX2001 allowed: all that is durable, and what somebody vouches for.
use duroxide::{OrchestrationContext, durable, orchestration};

async fn pure(n: u64) -> u64 {
    n
}

#[durable]
pub async fn helper(n: u64) -> u64 {
    n
}

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
    let mut timer = ctx.timer("1s");
    let boxed: duroxide::BoxDurable<'_, u64> = Box::pin(helper(2));
    (&mut timer).await;
    let vouched = duroxide::assume_durable("it only adds", pure(1)).await;
    let block = async { helper(3).await + boxed.await };
    std::future::ready(()).await;
    Ok(vouched + block.await)
}
