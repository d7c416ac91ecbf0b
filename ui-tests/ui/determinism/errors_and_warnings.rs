//! All findings of a function at once, errors and warnings, each with its way out.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let mut seen = std::collections::HashMap::new();
    println!("{:?}", std::time::SystemTime::now());
    let _ = seen.insert(1, 2);
    loop {
        ctx.timer("1h").await;
    }
}

fn main() {}
