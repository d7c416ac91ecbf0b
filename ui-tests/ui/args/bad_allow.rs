//! An allow without a reason, of a code that does not exist, with an empty reason.
use duroxide::{orchestration, OrchestrationContext};

#[orchestration(allow(DX0001))]
async fn without_reason(_ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[orchestration(allow(DX0009999, reason = ""))]
async fn unknown_code(_ctx: OrchestrationContext) -> Result<(), String> {
    #[duroxide::allow(DX0006)]
    let _home = std::env::var("HOME");
    Ok(())
}

fn main() {}
