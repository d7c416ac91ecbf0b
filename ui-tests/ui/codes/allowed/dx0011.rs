//! DX0011 allowed: loops that are left, each in its way.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
pub async fn watch(ctx: OrchestrationContext, round: u64) -> Result<u64, String> {
    'rounds: loop {
        ctx.timer("1h").await;
        for step in 0..3 {
            if step == round {
                break 'rounds;
            }
        }
    }
    loop {
        if round > 10 {
            return Ok(round);
        }
        duroxide::select! {
            _ = ctx.timer("1s") => break,
            _ = ctx.timer("2s") => (),
        }
    }
    loop {
        ctx.timer("1h").await;
        if round == 0 {
            watch::continue_as_new(&ctx, round + 1).await?;
        }
    }
}

#[orchestration(allow(DX0011, reason = "cancelled from outside within a day"))]
pub async fn beat(ctx: OrchestrationContext) -> Result<(), String> {
    loop {
        ctx.timer("1h").await;
    }
}
