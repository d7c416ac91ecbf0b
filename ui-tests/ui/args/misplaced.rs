//! Keys and values where they do not belong: the message says where they do.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity("Charge")]
async fn unnamed() -> Result<(), String> {
    Ok(())
}

#[activity(retry(3))]
async fn uncounted() -> Result<(), String> {
    Ok(())
}

#[activity(max_attempts = 3, initial = "1s")]
async fn outside() -> Result<(), String> {
    Ok(())
}

#[activity(timeout = "30")]
async fn unitless() -> Result<(), String> {
    Ok(())
}

#[orchestration(version = "2")]
async fn short(_ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

fn main() {}
