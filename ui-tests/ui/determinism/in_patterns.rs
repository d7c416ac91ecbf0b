//! Conditions, guards and bounds are looked into.
use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    if std::env::var("A").is_ok() {}
    while std::env::var("B").is_ok() {}
    match 1 {
        n if std::env::args().count() == n => {}
        _ => {}
    }
    let Ok(_) = std::env::var("C") else { return Ok(()) };
    for _ in 0..std::process::id() {}
    let _ = [std::env::var("D"), std::env::var("E")];
    Ok(())
}

fn main() {}
