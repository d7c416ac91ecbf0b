//! DX1003: what is registered has one type.
use duroxide::{OrchestrationContext, activity, event, orchestration};

#[activity]
async fn charge<T: serde::Serialize>(order: T) -> Result<(), String> {
    Ok(())
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext, order: impl Send) -> Result<(), String> {
    Ok(())
}

#[event]
struct Approved<T>(T);

fn main() {}
