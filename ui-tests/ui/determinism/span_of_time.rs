//! A span of time that nobody can read would fail the orchestration when it comes there.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn waits(ctx: OrchestrationContext) -> Result<(), String> {
    ctx.timer("24 hourz").await;
    duroxide::select! {
        _ = ctx.timer("soon") => Ok(()),
        _ = ctx.timer("1m 30s") => Ok(()),
    }
}

fn main() {}
