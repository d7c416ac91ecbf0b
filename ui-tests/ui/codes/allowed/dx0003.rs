//! DX0003 allowed: durable timers.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext) -> Result<bool, String> {
    ctx.timer("1s").await;
    let id = duroxide::select! {
        id = ctx.new_guid() => Some(id?),
        _ = ctx.timer("1h") => None,
    };
    #[duroxide::allow(DX0003, reason = "no time at all")]
    std::thread::sleep(std::time::Duration::ZERO);
    Ok(id.is_some())
}
