//! DX0012: a call that is made and dropped.
#![deny(warnings)]

use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let _ = charge::call(&ctx, 5);
    let _ = self::charge::call(&ctx, 5).tag("bank");
    let _ = ctx.schedule_timer(std::time::Duration::ZERO);
    charge::call(&ctx, 5);
    Ok(())
}

fn main() {}
