//! DX0001 allowed: the recorded clock, and a reason.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
    let started = ctx.utc_now().await?;
    #[duroxide::allow(DX0001, reason = "only compared with itself")]
    let again = std::time::SystemTime::now();
    let _ = (started, again);
    // A name that only looks like it.
    Ok(clock::now())
}

mod clock {
    pub fn now() -> u64 {
        1
    }
}
