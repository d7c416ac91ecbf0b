//! A function that is passed on is called by somebody.
use std::time::Instant;

use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    let clock: fn() -> Instant = Instant::now;
    let names: Vec<_> = ["A", "B"].into_iter().map(std::env::var).collect();
    let _ = (clock(), names);
    Ok(())
}

fn main() {}
