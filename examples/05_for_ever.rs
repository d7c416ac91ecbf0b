//! A loop without end: messages wait in a queue, and continue-as-new keeps the history short.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::Runtime;
use duroxide::{Client, OrchestrationContext, event, orchestration};
use serde::{Deserialize, Serialize};

#[event(name = "deposit")]
#[derive(Debug, Serialize, Deserialize)]
struct Deposit {
    cents: u64,
}

/// Ends only when a deposit of nothing arrives.
#[orchestration]
async fn account(ctx: OrchestrationContext, balance: u64) -> Result<u64, String> {
    let deposit = ctx.queue::<Deposit>().await;
    if deposit.cents == 0 {
        return Ok(balance);
    }
    ctx.continue_as_new_typed(&(balance + deposit.cents)).await?;
    Ok(balance)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(MemoryProvider::new());
    let runtime = Runtime::builder(store.clone()).discover()?.start().await?;
    let client = Client::new(store);

    let handle = account::start(&client, "account-1", 0).await?;
    for cents in [1_000, 250, 99, 0] {
        handle.enqueue(Deposit { cents }).await?;
    }
    println!("{} cents", handle.wait(Duration::from_secs(10)).await?);
    println!("executions {:?}", client.list_executions("account-1").await?);

    runtime.shutdown(None).await;
    Ok(())
}
