//! An await where nobody can check it.
use duroxide::{orchestration, OrchestrationContext};

macro_rules! arrow {
    ($future:expr => $name:ident) => {
        let $name = $future;
    };
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<String, String> {
    arrow!(ctx.new_guid().await => guid);
    guid
}

fn main() {}
