//! The smallest workflow: one activity, one orchestration, one handle.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::Runtime;
use duroxide::{Client, OrchestrationContext, activity, orchestration};

/// Side effects belong into activities; this one has none.
#[activity]
async fn greet(name: String) -> Result<String, String> {
    Ok(format!("Hello, {name}!"))
}

/// Runs from the top whenever it is replayed, and is given the recorded answers.
#[orchestration]
async fn welcome(ctx: OrchestrationContext, name: String) -> Result<String, String> {
    let greeting = greet::call(&ctx, name).await?;
    Ok(greeting.to_uppercase())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(MemoryProvider::new());
    let runtime = Runtime::builder(store.clone()).discover()?.start().await?;

    let handle = welcome::start(&Client::new(store), "welcome-1", "Ada".to_owned()).await?;
    println!("{}", handle.wait(Duration::from_secs(10)).await?);

    runtime.shutdown(None).await;
    Ok(())
}
