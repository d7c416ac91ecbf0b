//! DX1011: an orchestration has no state of the process.
use duroxide::{OrchestrationContext, orchestration};

#[derive(Clone)]
struct Bank;

#[orchestration]
async fn checkout(ctx: OrchestrationContext, #[state] bank: Bank) -> Result<(), String> {
    Ok(())
}

fn main() {}
