//! Orchestrations that call orchestrations, and two versions of one side by side.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::Runtime;
use duroxide::{Client, OrchestrationContext, orchestration};

mod v1 {
    use super::*;

    #[orchestration(name = "Tax", version = "1.0.0")]
    pub(crate) async fn tax(_ctx: OrchestrationContext, cents: u64) -> Result<u64, String> {
        Ok(cents * 16 / 100)
    }
}

mod v2 {
    use super::*;

    #[orchestration(name = "Tax", version = "2.0.0")]
    pub(crate) async fn tax(_ctx: OrchestrationContext, cents: u64) -> Result<u64, String> {
        Ok(cents * 19 / 100)
    }
}

/// The child runs under an id of its own, and may be looked at from outside.
#[orchestration]
async fn invoice(ctx: OrchestrationContext, cents: u64) -> Result<String, String> {
    let before = v1::tax::call(&ctx, cents).await?;
    let now = v2::tax::call(&ctx, cents).id("tax-of-today").await?;
    Ok(format!("{before} cents of tax before, {now} now"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(MemoryProvider::new());
    let runtime = Runtime::builder(store.clone()).discover()?.start().await?;
    let client = Client::new(store);
    let patience = Duration::from_secs(10);

    let handle = invoice::start(&client, "invoice-1", 10_000).await?;
    println!("{}", handle.wait(patience).await?);
    println!("the child said {}", v2::tax::attach(&client, "tax-of-today").wait(patience).await?);

    runtime.shutdown(None).await;
    Ok(())
}
