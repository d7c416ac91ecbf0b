//! Handlers return a `Result`, by whatever name.
use duroxide::{activity, orchestration, OrchestrationContext};

#[activity]
async fn nothing(order: u64) {}

#[activity]
async fn plain(order: u64) -> u64 {
    order
}

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Option<u64> {
    None
}

fn main() {}
