//! DX0002 allowed: the recorded id, and a reason.
use duroxide::{OrchestrationContext, orchestration};

mod fastrand {
    pub fn u8() -> u8 {
        4
    }
}

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext) -> Result<u8, String> {
    let id = ctx.new_guid().await?;
    let dice = #[duroxide::allow(DX0002, reason = "always four")]
    fastrand::u8();
    Ok(dice + id.len() as u8)
}
