//! DX0011: a loop that is never left. The `break` inside belongs to another loop, and `?` only leaves it in trouble.
#![deny(warnings)]
#![allow(while_true)]

use duroxide::{OrchestrationContext, durable, orchestration};

#[orchestration]
async fn watch(ctx: OrchestrationContext) -> Result<(), String> {
    loop {
        ctx.timer("1h").await;
        for _ in 0..3 {
            ctx.new_guid().await?;
            break;
        }
    }
}

#[durable]
async fn poll(ctx: &OrchestrationContext) {
    while true {
        ctx.timer("1h").await;
    }
}

fn main() {
    let _ = poll;
}
