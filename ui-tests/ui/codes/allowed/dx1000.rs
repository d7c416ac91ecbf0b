//! DX1000 allowed: every attribute on what it is for.
use duroxide::{OrchestrationContext, activity, durable, event, orchestration};

#[activity]
pub async fn charge() -> Result<(), String> {
    Ok(())
}

#[orchestration]
pub async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[durable]
pub async fn settle() {}

#[event]
#[derive(serde::Serialize, serde::Deserialize)]
pub enum Decided {
    Approved,
    Refused(String),
}
