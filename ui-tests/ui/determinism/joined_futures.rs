//! A list with a future that does not replay.
use duroxide::{OrchestrationContext, orchestration};

async fn nap() {}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let naps = (0..3).map(|_| nap()).collect();
    ctx.join(naps).await;
    ctx.select2(ctx.timer("1s"), nap()).await;
    Ok(())
}

fn main() {}
