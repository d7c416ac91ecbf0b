//! A shop and a dashboard of it: open the address that is printed, and approve an order.

use std::sync::Arc;
use std::time::Duration;

use duroxide::dashboard::dashboard;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::Runtime;
use duroxide::{ActivityContext, Client, OrchestrationContext, activity, orchestration};

/// The bank is slow, and busy now and then.
#[activity(retry(max_attempts = 5, initial = "1s", factor = 2.0, max = "10s"))]
async fn charge(ctx: ActivityContext, cents: u64) -> Result<u64, String> {
    tokio::time::sleep(Duration::from_millis(400)).await;
    if cents.is_multiple_of(7) { Err(format!("{}: the line is busy", ctx.instance_id())) } else { Ok(cents) }
}

#[orchestration]
async fn order(ctx: OrchestrationContext, customer: String, cents: u64) -> Result<String, String> {
    charge::call(&ctx, cents).await?;
    ctx.set_custom_status(format!("{customer}'s order waits for approval"));
    let approved = ctx.schedule_wait("approved").await;
    Ok(format!("shipped to {customer}, approved by {approved}"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(SqliteProvider::open("shop.db").await?);
    let runtime = Runtime::builder(store.clone()).discover()?.start().await?;
    let client = Client::new(store);
    for (id, cents) in [("order-1", 1_299), ("order-2", 700), ("order-3", 4_900)] {
        order::start(&client, id, "Ada".to_owned(), cents).await?;
    }
    // Prints an address with a token; serves this machine alone. Without `read_only(false)` it could only look.
    dashboard(client).read_only(false).serve(([127, 0, 0, 1], 8181).into()).await?;
    runtime.shutdown(None).await;
    Ok(())
}
