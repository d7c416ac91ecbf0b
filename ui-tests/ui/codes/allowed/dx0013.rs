//! DX0013 allowed: the recorded clock, twice.
use std::time::{Duration, SystemTime};

use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext, started: SystemTime) -> Result<Duration, String> {
    let since = ctx.utc_now().await?.duration_since(started).unwrap_or_default();
    #[duroxide::allow(DX0013, reason = "not used")]
    let _ = started.elapsed();
    Ok(since)
}
