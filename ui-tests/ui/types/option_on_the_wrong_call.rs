//! An activity has no id, a child has no tag.
use duroxide::{activity, orchestration, OrchestrationContext};

#[activity]
async fn charge() -> Result<(), String> {
    Ok(())
}

#[activity]
async fn elsewhere() -> Result<(), String>;

#[orchestration]
async fn child(_ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    charge::call(&ctx).id("c-1").await?;
    child::call(&ctx).tag("gpu").await?;
    is_handler::<elsewhere>();
    Ok(())
}

fn is_handler<H: duroxide::typed::Handler>() {}

fn main() {}
