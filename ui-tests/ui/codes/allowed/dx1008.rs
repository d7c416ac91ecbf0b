//! DX1008 allowed: every key there is.
use duroxide::{OrchestrationContext, activity, durable, event, orchestration};

#[activity(
    name = "Charge",
    tag = "bank",
    session = "till",
    retry(max_attempts = 5, initial = "1s", factor = 2.0, max = "1m"),
    timeout = "1m 30s",
    crate = duroxide,
)]
pub async fn charge() -> Result<(), String> {
    Ok(())
}

#[activity(retry(max_attempts = 2), timeout = "1ms")]
pub async fn render(order: u64) -> Result<String, String>;

#[activity(retry(initial = "5m", factor = 1))]
pub async fn steady() -> Result<(), String> {
    Ok(())
}

#[orchestration(name = "Checkout", version = "2.0.0", allow(DX0006, reason = "shown"), crate = ::duroxide)]
pub async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let _ = std::env::var("HOME");
    let policy = duroxide::RetryPolicy::new(2);
    charge::call(&ctx).retry(policy).timeout("30s").tag("shop").session("one").await?;
    render::call(&ctx, 1).timeout(std::time::Duration::from_secs(3)).await?;
    steady::call(&ctx).await?;
    Ok(())
}

#[durable(crate = duroxide)]
pub async fn settle() {}

#[event(name = "approved", crate = duroxide)]
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Approved;
