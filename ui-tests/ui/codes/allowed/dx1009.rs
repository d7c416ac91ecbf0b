//! DX1009 allowed: a code that is known and a reason that says something.
use duroxide::{OrchestrationContext, durable, orchestration};

#[orchestration(allow(DX0001, DX0006, reason = "only the count is kept, which is one"))]
pub async fn checkout(_ctx: OrchestrationContext) -> Result<usize, String> {
    Ok([std::env::var("HOME").is_ok(), std::time::SystemTime::now() > std::time::UNIX_EPOCH].len())
}

#[durable]
pub async fn settle() -> bool {
    #[duroxide::allow(DX0006, reason = "part of the image")]
    let home = std::env::var("HOME");
    home.is_ok()
}
