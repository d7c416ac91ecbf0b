//! The arms of our own macros are looked into.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    duroxide::select! {
        _ = ctx.timer("1s") => drop(std::fs::read("x")),
        _ = { std::thread::sleep(std::time::Duration::ZERO); ctx.timer("2s") } => (),
    }
    let _ = duroxide::join!(ctx.new_guid(), async { std::env::var("HOME") });
    Ok(())
}

fn main() {}
