//! Races and joins that cannot be.
use duroxide::{orchestration, OrchestrationContext};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<String, String> {
    duroxide::select! {
        _ = ctx.timer("1s") => (),
    }
    duroxide::select! {
        Ok(guid) = ctx.new_guid() => drop(guid),
        _ = ctx.timer("1s") => (),
    }
    duroxide::select! {
        guid = ctx.new_guid() -> guid,
        _ = ctx.timer("1s") => (),
    }
    duroxide::join!();
    duroxide::join!(5, ctx.timer("1s"));
    Ok(String::new())
}

fn main() {}
