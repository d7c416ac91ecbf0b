//! A call that is dropped where it stands.
#![deny(warnings)]
use duroxide::{OrchestrationContext, orchestration};

#[duroxide::activity]
async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    charge::call(&ctx, 5);
    ctx.timer("1s");
    charge::call(&ctx, 5).tag("bank");
    Ok(())
}

fn main() {}
