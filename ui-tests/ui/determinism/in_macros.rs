//! Macros are looked into where they can be parsed.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    let times = vec![std::time::SystemTime::now(); 2];
    assert!(std::env::var("HOME").is_ok(), "{:?}", std::fs::read("why"));
    let text = format!("{pid}", pid = std::process::id());
    let _ = (times, text, vec![vec![std::fs::read("x")]]);
    Ok(())
}

fn main() {}
