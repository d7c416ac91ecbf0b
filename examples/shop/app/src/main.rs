//! A shop in three crates: `billing` has the activities, `flows` the workflows, and this binary runs them.
//!
//! `cargo run -p shop-app [database]`; without a database everything is forgotten at the end.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use billing::{Bank, Order};
use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::Runtime;
use duroxide::{CallError, Client};
use flows::{Approved, checkout, sell_all};

// Both crates register what they have; that they are linked at all is said here.
duroxide::link!(billing, flows);

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store: Arc<dyn Provider> = match std::env::args().nth(1) {
        Some(path) => Arc::new(SqliteProvider::open(path).await?),
        None => Arc::new(SqliteProvider::new_in_memory().await?),
    };
    let runtime = Runtime::builder(store.clone()).state(Bank { limit: 100_000 }).discover()?.start().await?;
    let client = Client::new(store);
    let order = |customer: &str, cents| Order { customer: customer.to_owned(), cents };

    let small = checkout::start(&client, "small", order("ann", 1_299), "1h".to_owned()).await?;
    println!("small: {:?}", small.wait(PATIENCE).await);

    let large = checkout::start(&client, "large", order("bob", 50_000), "1h".to_owned()).await?;
    // An event that nobody waits for yet is not kept, so it is raised until it is heard.
    while let Err(CallError::TimedOut) = large.wait(Duration::from_millis(50)).await {
        large.raise(Approved { by: "eve".to_owned() }).await?;
    }
    println!("large: {:?}", large.wait(PATIENCE).await);

    let greedy = checkout::start(&client, "greedy", order("carl", 200_000), "1h".to_owned()).await?;
    println!("greedy: {:?}", greedy.wait(PATIENCE).await);

    let orders = vec![order("dan", 500), order("eli", 700), order("fay", 20_000)];
    let all = sell_all::start(&client, "all", orders).await?;
    println!("all: {:?} of 3 sold", all.wait(PATIENCE).await);

    runtime.shutdown(None).await;
    Ok(())
}
