//! Only activities can be run by another binary.
use duroxide::{durable, orchestration, OrchestrationContext};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String>;

#[durable]
async fn settle(ctx: &OrchestrationContext);

fn main() {}
