//! Handlers are async.
use duroxide::{activity, durable, orchestration, OrchestrationContext};

#[activity]
fn charge() -> Result<(), String> {
    Ok(())
}

#[orchestration]
fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[durable]
fn settle(ctx: &OrchestrationContext) {}

fn main() {}
