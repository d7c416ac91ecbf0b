//! A block that was made where nobody looked.
use duroxide::{OrchestrationContext, orchestration};

fn block() -> impl Future<Output = ()> + Send {
    async { tokio::task::yield_now().await }
}

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    block().await;
    Ok(())
}

fn main() {}
