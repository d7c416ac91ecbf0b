//! A channel and a lock.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    let (_sender, mut receiver) = tokio::sync::mpsc::channel::<u8>(1);
    receiver.recv().await;
    let lock = tokio::sync::Semaphore::new(1);
    let _ = lock.acquire().await;
    Ok(())
}

fn main() {}
