//! What lives over an await must be `Send`: the next turn may run on another thread.
use std::rc::Rc;
use std::time::Duration;

use duroxide::{orchestration, OrchestrationContext};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
    let shared = Rc::new(5);
    ctx.schedule_timer(Duration::ZERO).await;
    Ok(*shared)
}

fn main() {}
