//! All mistakes of a function at once, with one that is allowed.
use std::time::{Duration, Instant, SystemTime};

use duroxide::{orchestration, OrchestrationContext};

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    let _ = SystemTime::now();
    std::thread::sleep(Duration::from_secs(1));
    let _ = std::fs::read("orders.json");
    println!("{:?}", std::env::var("HOME"));
    let _ = tokio::spawn(async {});
    #[duroxide::allow(DX0001, reason = "a measurement that goes nowhere")]
    let _ = Instant::now();
    ctx.schedule_timer(Duration::ZERO).await;
    Ok(())
}

fn main() {}
