//! Ending an orchestration from outside, with everything it has under way.

use std::time::Duration;

use duroxide::{CallError, Either2, OrchestrationContext, activity, event, orchestration};
use serde::{Deserialize, Serialize};

use super::{PATIENCE, World, on_every_store};

#[event(name = "never")]
#[derive(Debug, Serialize, Deserialize)]
struct Never;

#[orchestration]
async fn patient(ctx: OrchestrationContext) -> Result<(), String> {
    ctx.set_custom_status("waiting");
    ctx.wait::<Never>().await;
    Ok(())
}

#[orchestration]
async fn guardian(ctx: OrchestrationContext) -> Result<(), String> {
    Ok(patient::call(&ctx).id("ward").await?)
}

#[activity]
async fn quick() -> Result<String, String> {
    Ok("quick".to_owned())
}

#[orchestration]
async fn impatient(ctx: OrchestrationContext) -> Result<String, String> {
    match ctx.select2(patient::call(&ctx).id("loser").into_future(), quick::call(&ctx).into_future()).await {
        Either2::First(_) => Err("the child ended".to_owned()),
        Either2::Second(result) => Ok(result?),
    }
}

on_every_store!(
    a_cancelled_parent_cancels_its_child,
    the_loser_of_a_race_is_cancelled,
    an_event_for_nobody_stops_nobody
);

async fn a_cancelled_parent_cancels_its_child(world: &World) {
    let parent = guardian::start(&world.client, "g-1").await.unwrap();
    world.client.wait_for_status_change("ward", 0, Duration::from_millis(1), PATIENCE).await.unwrap();
    parent.cancel("closing time").await.unwrap();
    let error = parent.wait(PATIENCE).await.unwrap_err();
    assert!(matches!(&error, CallError::Cancelled { reason } if reason == "closing time"), "{error:?}");
    let error = patient::attach(&world.client, "ward").wait(PATIENCE).await.unwrap_err();
    assert!(matches!(&error, CallError::Cancelled { reason } if reason == "parent canceled"), "{error:?}");
}

async fn the_loser_of_a_race_is_cancelled(world: &World) {
    let handle = impatient::start(&world.client, "i-1").await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), "quick");
    let error = patient::attach(&world.client, "loser").wait(PATIENCE).await.unwrap_err();
    assert!(matches!(error, CallError::Cancelled { .. }), "{error:?}");
}

async fn an_event_for_nobody_stops_nobody(world: &World) {
    world.client.raise_event("no-such-instance", "never", "null").await.unwrap();
    world.client.cancel_instance("no-such-instance", "why not").await.unwrap();
    let handle = impatient::start(&world.client, "i-1").await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), "quick");
}
