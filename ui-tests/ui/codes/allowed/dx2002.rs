//! DX2002 allowed: awaits in macros that can be read, and macros without awaits.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext) -> Result<String, String> {
    let ids = vec![ctx.new_guid().await?, ctx.new_guid().await?];
    assert!(!ctx.new_guid().await?.is_empty(), "{}", ctx.new_guid().await?);
    let zeros = vec![ctx.new_guid().await?.len(); 2];
    if matches!(ids.first(), Some(id) if id.is_empty()) {
        return Ok(String::new());
    }
    Ok(format!("{ids:?} {zeros:?} {last}", last = ctx.new_guid().await?))
}
