//! Only events are waited for by type.
use std::time::Duration;

use duroxide::{orchestration, OrchestrationContext};

struct Approved;

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    ctx.wait::<Approved>().await;
    ctx.timer(5).await;
    ctx.schedule_timer(Duration::ZERO).await;
    Ok(())
}

fn main() {}
