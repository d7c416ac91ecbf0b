//! Other races poll in an order of their own.
use std::time::Duration;

use duroxide::{orchestration, OrchestrationContext};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    tokio::select! {
        _ = ctx.schedule_timer(Duration::ZERO) => (),
        _ = ctx.schedule_timer(Duration::ZERO) => (),
    }
    let _ = tokio::join!(ctx.new_guid(), ctx.new_guid());
    Ok(())
}

fn main() {}
