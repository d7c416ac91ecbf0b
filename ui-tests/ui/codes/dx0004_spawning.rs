//! DX0004: work that history does not know.

use std::thread;

use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    tokio::spawn(async {});
    tokio::task::spawn_blocking(|| ());
    std::thread::spawn(|| ());
    thread::scope(|_| ());
    Ok(())
}

fn main() {}
