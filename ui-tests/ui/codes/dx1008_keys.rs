//! DX1008: keys, known and near.
use duroxide::{OrchestrationContext, activity, durable, event, orchestration};

#[activity(nam = "Charge", timout = "30s", retries(max_attempts = 3), zebra)]
async fn charge() -> Result<(), String> {
    Ok(())
}

#[orchestration(Version = "2.0.0", timeout = "30s", retry(max_attempts = 3))]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[durable(name = "settle")]
async fn settle() {}

#[event(tag = "x")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Approved;

fn main() {}
