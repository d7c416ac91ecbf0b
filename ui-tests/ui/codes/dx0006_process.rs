//! DX0006: what this process was started with. `env!` is fine.

use std::env;

use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    let home = std::env::var("HOME");
    let words = env::args().count();
    let pid = std::process::id();
    let thread = std::thread::current().id();
    let built = env!("CARGO_PKG_NAME");
    let _ = (home, words, pid, thread, built);
    Ok(())
}

fn main() {}
