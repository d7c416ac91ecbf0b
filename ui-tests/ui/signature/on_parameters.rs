//! What stands on parameters and can mean nothing there.
use duroxide::{ActivityContext, OrchestrationContext, activity, durable, orchestration};

#[derive(Clone)]
struct Gateway;

#[activity]
async fn alone(#[serde(default)] cents: u64) -> Result<(), String> {
    Ok(())
}

#[activity]
async fn charge(
    #[state]
    #[serde(default)]
    ctx: ActivityContext,
    #[state]
    #[serde(default)]
    gateway: Gateway,
    #[serde(default = "five")] cents: u64,
    #[serde(rename = "id")] order: u64,
    #[cfg(unix)] path: String,
) -> Result<(), String> {
    Ok(())
}

#[activity]
async fn lent(#[state] gateway: &Gateway) -> Result<(), String> {
    Ok(())
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext, #[serde(default)] cents: u64) -> Result<(), String> {
    Ok(())
}

#[durable]
async fn settle(#[state] gateway: Gateway, #[serde(default)] cents: u64) {}

#[durable]
async fn listed(count: u64) -> impl Iterator<Item = u64> {
    0..count
}

fn main() {}
