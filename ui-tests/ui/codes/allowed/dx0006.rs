//! DX0006 allowed: what is fixed when it is built, and a reason.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
pub async fn checkout(_ctx: OrchestrationContext) -> Result<String, String> {
    if #[duroxide::allow(DX0006, reason = "never set outside of tests")]
    std::env::var("SHOP_TEST").is_ok()
    {
        return Ok(String::new());
    }
    Ok(env!("CARGO_PKG_NAME").to_owned())
}
