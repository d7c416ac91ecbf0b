//! An event has a JSON form.
use duroxide::{OrchestrationContext, event, orchestration};

#[event]
struct Approved {
    by: String,
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<String, String> {
    Ok(ctx.wait::<Approved>().await.by)
}

fn main() {}
