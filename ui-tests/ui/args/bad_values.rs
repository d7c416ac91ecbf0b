//! Keys whose values cannot be right.
use duroxide::{activity, orchestration, OrchestrationContext};

#[activity(name = "", tag = "")]
async fn nameless() -> Result<(), String> {
    Ok(())
}

#[activity(name = "__duroxide_syscall:mine")]
async fn reserved() -> Result<(), String> {
    Ok(())
}

#[activity(name = 5, name = "five")]
async fn number() -> Result<(), String> {
    Ok(())
}

#[orchestration(version = "2.0", name = "a", name = "b")]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    nameless::call(&ctx).await?;
    Ok(())
}

fn main() {}
