//! DX1001: handlers are async.
use duroxide::{ActivityContext, OrchestrationContext, activity, durable, orchestration};

#[activity]
fn charge(_ctx: ActivityContext) -> Result<(), String> {
    Ok(())
}

#[orchestration]
fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[durable]
fn settle(_ctx: &OrchestrationContext) {}

fn main() {}
