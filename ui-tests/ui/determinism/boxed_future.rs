//! A future whose type nobody knows.
use std::pin::Pin;

use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    let hidden: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(std::future::ready(()));
    hidden.await;
    Ok(())
}

fn main() {}
