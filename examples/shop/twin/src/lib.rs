//! A crate that takes a name which another has: what the start-up check is for.

use duroxide::{durable, orchestration, OrchestrationContext};

/// Says that it charges.
#[duroxide::activity(name = "charge")]
pub async fn charge_again(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

/// Charges each.
#[orchestration]
pub async fn charge_all(ctx: OrchestrationContext, cents: Vec<u64>) -> Result<u64, String> {
    sum(&ctx, &cents, "all").await
}

#[durable]
async fn sum(ctx: &OrchestrationContext, cents: &[u64], what: &str) -> Result<u64, String> {
    let mut sum = 0;
    for &cents in cents {
        sum += charge_again::call(ctx, cents).await?;
    }
    ctx.trace_info(format!("{what}: {sum}"));
    Ok(sum)
}
