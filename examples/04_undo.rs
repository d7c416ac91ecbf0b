//! A saga: what succeeded is undone in reverse when a later step fails.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::Runtime;
use duroxide::typed::Saga;
use duroxide::{Client, OrchestrationContext, activity, durable, orchestration};

#[activity]
async fn book(what: String) -> Result<String, String> {
    if what == "hotel" {
        return Err("the hotel is fully booked".to_owned());
    }
    println!("booked the {what}");
    Ok(what)
}

#[activity]
async fn unbook(what: String) -> Result<(), String> {
    println!("gave the {what} back");
    Ok(())
}

/// A helper that awaits durable things: `#[durable]` checks it as an orchestration is checked.
#[durable]
async fn book_all(ctx: &OrchestrationContext, saga: &mut Saga) -> Result<(), String> {
    for what in ["flight", "car", "hotel"] {
        saga.step(book::call(ctx, what.to_owned()), unbook::call).await?;
    }
    Ok(())
}

#[orchestration]
async fn trip(ctx: OrchestrationContext) -> Result<(), String> {
    let mut saga = Saga::new(&ctx);
    let booked = book_all(&ctx, &mut saga).await;
    Ok(saga.finish(booked).await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(MemoryProvider::new());
    let runtime = Runtime::builder(store.clone()).discover()?.start().await?;

    let handle = trip::start(&Client::new(store), "trip-1").await?;
    if let Err(error) = handle.wait(Duration::from_secs(10)).await {
        println!("no trip: {error}");
    }

    runtime.shutdown(None).await;
    Ok(())
}
