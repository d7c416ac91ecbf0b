//! `select!` and `join!` are known by their path.
use duroxide::{join, orchestration, select, OrchestrationContext};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    select! {
        _ = ctx.timer("1s") => (),
        _ = ctx.timer("2s") => (),
    }
    join!(ctx.timer("1s"), ctx.timer("2s"));
    Ok(())
}

fn main() {}
