//! DX0001: the clock, by every path it is known under.

use std::time::{self, Instant};
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let started = std::time::SystemTime::now();
    let again = Instant::now();
    let times: Vec<_> = (0..3).map(|_| time::Instant::now()).collect();
    let lazily = ctx.is_replaying().then(Instant::now);
    let _ = (started, again, times, lazily);
    Ok(())
}

fn main() {}
