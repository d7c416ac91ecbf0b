//! The next execution has the type that the orchestration returns, and its options are its own.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn counts(ctx: OrchestrationContext, round: u64) -> Result<u64, String> {
    counts::continue_as_new(&ctx, "two").await
}

#[orchestration]
async fn names(ctx: OrchestrationContext) -> Result<String, String> {
    counts::continue_as_new(&ctx, 2).latest("2.0.0").await
}

fn main() {}
