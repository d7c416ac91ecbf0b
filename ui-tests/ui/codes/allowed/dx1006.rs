//! DX1006 allowed: a `Result` by whatever name; a helper returns what it likes.
use duroxide::{OrchestrationContext, activity, durable, orchestration};

pub type Paid<T> = Result<T, String>;

#[activity]
pub async fn charge() -> Paid<()> {
    Ok(())
}

#[orchestration]
pub async fn checkout(_ctx: OrchestrationContext) -> std::result::Result<Option<u64>, String> {
    Ok(None)
}

#[durable]
pub async fn settle() -> u64 {
    3
}
