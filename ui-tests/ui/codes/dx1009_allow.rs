//! DX1009: an allow names a code and says why.
use duroxide::{OrchestrationContext, durable, orchestration};

#[orchestration(allow(DX0001))]
async fn without_reason(ctx: OrchestrationContext) -> Result<(), String> {
    let _ = std::time::SystemTime::now();
    Ok(())
}

#[orchestration(allow(DX0006, reason = "  "), allow)]
async fn without_words(ctx: OrchestrationContext) -> Result<(), String> {
    let _ = std::env::var("HOME");
    Ok(())
}

#[durable(allow(DX2001, DX00001, clippy, "DX0002", reason = 5))]
async fn without_code(ctx: OrchestrationContext) {
    #[duroxide::allow]
    let _ = ctx;
}

fn main() {}
