//! DX2002: an await where nobody can look.
use duroxide::{OrchestrationContext, orchestration};

macro_rules! keyed {
    ($($key:literal => $value:expr);*) => { [$(($key, $value)),*] };
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let _ = keyed!("id" => ctx.new_guid().await?; "again" => ctx.new_guid().await?);
    let _ = matches!(ctx.new_guid().await, Ok(id) if id.is_empty());
    Ok(())
}

fn main() {}
