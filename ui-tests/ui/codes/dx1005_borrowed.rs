//! DX1005: an argument is owned, and the message says by what.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
async fn charge(card: &str, items: &[u64], order: &Order) -> Result<(), String> {
    Ok(())
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext, order: &mut Order) -> Result<(), String> {
    Ok(())
}

struct Order;

fn main() {}
