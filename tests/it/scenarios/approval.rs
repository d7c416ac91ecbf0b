//! A human decides, or time does.

use std::time::Duration;

use duroxide::{Either2, OrchestrationContext, event, orchestration};
use serde::{Deserialize, Serialize};

use super::{PATIENCE, World, on_every_store};

#[event(name = "approved")]
#[derive(Debug, Serialize, Deserialize)]
struct Approved {
    by: String,
}

#[orchestration]
async fn approval(ctx: OrchestrationContext, patience_ms: u64) -> Result<String, String> {
    ctx.set_custom_status("waiting");
    let timeout = ctx.schedule_timer(Duration::from_millis(patience_ms));
    match ctx.select2(ctx.wait::<Approved>(), timeout).await {
        Either2::First(approved) => Ok(format!("approved by {}", approved.by)),
        Either2::Second(()) => Ok("expired".to_owned()),
    }
}

on_every_store!(a_person_approves_in_time, nobody_approves);

async fn a_person_approves_in_time(world: &World) {
    let handle = approval::start(&world.client, "a-1", 3_600_000).await.unwrap();
    // An event that nobody waits for is not kept, so wait until somebody does.
    world.client.wait_for_status_change("a-1", 0, Duration::from_millis(1), PATIENCE).await.unwrap();
    handle.raise(Approved { by: "eve".to_owned() }).await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), "approved by eve");
}

async fn nobody_approves(world: &World) {
    let handle = approval::start(&world.client, "a-1", 20).await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), "expired");
}
