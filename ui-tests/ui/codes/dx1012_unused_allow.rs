//! DX1012: an allow that nothing needs.
#![deny(warnings)]

use duroxide::{OrchestrationContext, orchestration};

#[orchestration(allow(DX0001, DX0006, reason = "the home folder is only logged"))]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let _ = std::env::var("HOME");
    #[duroxide::allow(DX0011, reason = "left over from before")]
    ctx.timer("1h").await;
    let total = #[duroxide::allow(DX0005, reason = "left over from before")] {
        1 + 1
    };
    let _ = total;
    Ok(())
}

fn main() {}
