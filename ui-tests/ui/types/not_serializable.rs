//! What goes through history is serialized.
use duroxide::{activity, orchestration, OrchestrationContext};

struct Order;

#[activity]
async fn charge(order: Order) -> Result<(), String> {
    let _ = order;
    Ok(())
}

#[activity]
async fn find(id: u64) -> Result<Order, String> {
    let _ = id;
    Ok(Order)
}

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), Order> {
    Ok(())
}

fn main() {}
