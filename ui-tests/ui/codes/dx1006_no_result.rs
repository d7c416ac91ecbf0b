//! DX1006: a handler returns a `Result`, under whatever alias. (Of equal messages cargo shows one.)
use duroxide::{OrchestrationContext, activity, orchestration};

type Outcome = u64;

#[activity]
async fn nothing() {}

#[activity]
async fn plain() -> u64 {
    1
}

#[activity]
async fn maybe() -> Option<String> {
    None
}

#[orchestration]
async fn aliased(_ctx: OrchestrationContext) -> Outcome {
    1
}

fn main() {}
