//! A signal from outside races a durable timer.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::Runtime;
use duroxide::{Client, OrchestrationContext, event, orchestration};
use serde::{Deserialize, Serialize};

#[event(name = "approved")]
#[derive(Debug, Serialize, Deserialize)]
struct Approved {
    by: String,
}

#[orchestration]
async fn approval(ctx: OrchestrationContext, patience_ms: u64) -> Result<String, String> {
    ctx.set_custom_status("waiting for approval");
    let patience = Duration::from_millis(patience_ms);
    duroxide::select! {
        approved = ctx.wait::<Approved>() => Ok(format!("approved by {}", approved.by)),
        _ = ctx.timer(patience) => Ok("nobody approved in time".to_owned()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(MemoryProvider::new());
    let runtime = Runtime::builder(store.clone()).discover()?.start().await?;
    let client = Client::new(store);
    let patience = Duration::from_secs(10);

    let approved = approval::start(&client, "approval-1", 3_600_000).await?;
    // A signal reaches whoever waits now, so wait until somebody does.
    client.wait_for_status_change(approved.id(), 0, Duration::from_millis(10), patience).await?;
    approved.raise(Approved { by: "Eve".to_owned() }).await?;
    println!("{}", approved.wait(patience).await?);

    let ignored = approval::start(&client, "approval-2", 100).await?;
    println!("{}", ignored.wait(patience).await?);

    runtime.shutdown(None).await;
    Ok(())
}
