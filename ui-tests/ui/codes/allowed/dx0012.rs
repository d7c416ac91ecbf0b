//! DX0012 allowed: awaited, kept, or started for good.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
pub async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let _ = charge::call(&ctx, 1).await;
    let kept = charge::call(&ctx, 2);
    let _ = kept.await?;
    checkout::start_detached(&ctx, "other");
    #[duroxide::allow(DX0012, reason = "shows that nothing happens")]
    let _ = charge::call(&ctx, 3);
    Ok(())
}
