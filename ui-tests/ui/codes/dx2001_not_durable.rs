//! DX2001: only what replays is awaited.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    std::future::ready(()).await;
    tokio::task::yield_now().await;
    Ok(())
}

fn main() {}
