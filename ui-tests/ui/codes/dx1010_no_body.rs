//! DX1010: only an activity may be declared without a body.
use duroxide::{OrchestrationContext, durable, orchestration};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String>;

#[durable]
async fn settle(ctx: &OrchestrationContext);

fn main() {}
