//! DX0010 allowed: locals, constants, and a reason.
use std::sync::atomic::{AtomicU64, Ordering};

use duroxide::{OrchestrationContext, orchestration};

static TURNS: AtomicU64 = AtomicU64::new(0);
const LIMIT: u64 = 3;

#[orchestration]
pub async fn checkout(_ctx: OrchestrationContext) -> Result<u64, String> {
    #[duroxide::allow(DX0010, reason = "a gauge, which nothing here reads")]
    TURNS.fetch_add(1, Ordering::Relaxed);
    let mut orders = 0;
    orders += LIMIT;
    Ok(orders.min(u64::MAX))
}
