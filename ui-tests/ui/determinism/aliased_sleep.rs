//! The check is by type: an alias hides nothing.
use std::time::Duration;

use duroxide::{orchestration, OrchestrationContext};
use tokio::time as hidden;

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    hidden::sleep(Duration::from_secs(1)).await;
    ctx.schedule_timer(Duration::from_secs(1)).await;
    Ok(())
}

fn main() {}
