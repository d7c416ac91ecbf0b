//! Arguments are owned, named and of a concrete type.
use duroxide::{activity, orchestration, OrchestrationContext};

#[activity]
async fn borrowed(name: &str, list: &[u64]) -> Result<(), String> {
    Ok(())
}

#[activity]
async fn unnamed((a, b): (u64, u64), _: u64) -> Result<(), String> {
    Ok(())
}

#[activity]
async fn open(name: impl Into<String>) -> Result<(), String> {
    Ok(())
}

#[orchestration]
async fn stateful(ctx: OrchestrationContext, #[state] bank: String) -> Result<(), String> {
    Ok(())
}

fn main() {}
