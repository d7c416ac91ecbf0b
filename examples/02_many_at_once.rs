//! Fan-out and fan-in: calls are placed where they are made, and awaited together.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::Runtime;
use duroxide::{Client, OrchestrationContext, activity, orchestration};

#[activity]
async fn count_words(page: String) -> Result<u64, String> {
    Ok(page.split_whitespace().count() as u64)
}

#[orchestration]
async fn book(ctx: OrchestrationContext, pages: Vec<String>) -> Result<u64, String> {
    let calls = pages.into_iter().map(|page| count_words::call(&ctx, page).into_future());
    let mut words = 0;
    for count in ctx.join(calls.collect()).await {
        words += count?;
    }
    Ok(words)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(MemoryProvider::new());
    let runtime = Runtime::builder(store.clone()).discover()?.start().await?;

    let pages = ["It was a bright cold day in April", "and the clocks were striking thirteen"];
    let pages = pages.map(str::to_owned).to_vec();
    let handle = book::start(&Client::new(store), "book-1", pages).await?;
    println!("{} words", handle.wait(Duration::from_secs(10)).await?);

    runtime.shutdown(None).await;
    Ok(())
}
