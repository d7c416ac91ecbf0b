//! DX0007 allowed: ours, by its path.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let (first, second) = duroxide::join!(ctx.new_guid(), ctx.new_guid());
    let _ = (first?, second?);
    duroxide::select! {
        _ = ctx.timer("1s") => (),
        _ = ctx.timer("2s") => (),
    }
    Ok(())
}
