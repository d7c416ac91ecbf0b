//! Closures are looked into, however they are passed.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    let times: Vec<_> = (0..3).map(|_| std::time::SystemTime::now()).collect();
    let lazy = move || { std::env::var("HOME") };
    let later = async move { std::fs::read("orders.json") };
    let nested = || async { if let Ok(id) = std::env::var("ID") { std::process::id() } else { 0 } };
    let _ = (times, lazy(), later.await, nested().await);
    Ok(())
}

fn main() {}
