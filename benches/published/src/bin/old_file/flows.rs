//! The same handlers for the published crate and for ours: what one leaves in flight the other ends.

use std::time::{Duration, UNIX_EPOCH};

use duroxide::runtime::registry::{ActivityRegistry, OrchestrationRegistry};
use duroxide::{ActivityContext, BackoffStrategy, Either2, OrchestrationContext, RetryPolicy};

/// What is tagged like this waits in the worker queue, because the runtime that fills the file does not serve it.
const LATER: &str = "later";

/// Ends neither in this process nor because of it.
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

/// `Echo`, `Fails`, and `Hangs`, which does so only where the file is made.
pub(crate) fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move { Ok(input) })
        .register("Fails", |_: ActivityContext, _: String| async move { Err("not today".to_string()) })
        .register("Hangs", |_: ActivityContext, input: String| async move {
            if cfg!(test) { Ok(input) } else { std::future::pending().await }
        })
        .build()
}

/// One orchestration for each thing that can be in flight.
pub(crate) fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Finished", finished)
        .register("Failed", |_: OrchestrationContext, input: String| async move { Err(input) })
        .register("Activity", activity)
        .register("Running", |ctx: OrchestrationContext, input: String| async move {
            ctx.schedule_activity("Hangs", input).await
        })
        .register("Timer", timer)
        .register("Event", event)
        .register("Queue", queue)
        .register("Parent", parent)
        .register("Chain", chain)
        .register("Session", session)
        .register("System", system)
        .register("Retries", retries)
        .register("Race", race)
        .build()
}

async fn finished(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    ctx.set_custom_status("nearly there");
    ctx.set_kv_value("left", "behind");
    ctx.schedule_orchestration("Failed", "detached", "on its own");
    ctx.schedule_activity("Echo", input).await
}

async fn activity(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    ctx.set_kv_value("before", "1");
    ctx.set_kv_value("gone", "1");
    ctx.clear_kv_value("gone");
    ctx.set_custom_status("asked");
    let first = ctx.schedule_activity("Echo", input).await?;
    let second = ctx.schedule_activity("Echo", format!("{first}, later")).with_tag(LATER).await?;
    Ok(format!("{second} {:?}", ctx.get_kv_all_keys()))
}

async fn timer(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    ctx.schedule_timer(Duration::from_secs(3)).await;
    Ok("rang".to_string())
}

async fn event(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    ctx.set_custom_status("waiting");
    Ok(ctx.schedule_wait("go").await)
}

async fn queue(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    let mut read = Vec::new();
    for _ in 0..4 {
        read.push(ctx.dequeue_event("inbox").await);
    }
    Ok(read.join(" "))
}

async fn parent(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    let generated = ctx.schedule_sub_orchestration("Event", "");
    let chosen = ctx.schedule_sub_orchestration_with_id("Event", "chosen", "");
    let (generated, chosen) = ctx.join2(generated, chosen).await;
    Ok(format!("{} {}", generated?, chosen?))
}

/// Leaves a key-value in each execution; what is not read goes on to the next one.
async fn chain(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    ctx.set_kv_value(format!("link {input}"), "forged");
    ctx.set_custom_status(format!("link {input}"));
    if input != "3" {
        ctx.schedule_timer(Duration::from_millis(300)).await;
        let next = if input == "1" { "2" } else { "3" };
        return ctx.continue_as_new(next).await;
    }
    let go = ctx.schedule_wait("go").await;
    let (a, b) = (ctx.dequeue_event("steps").await, ctx.dequeue_event("steps").await);
    Ok(format!("{go} {a} {b} {:?}", ctx.get_kv_all_keys()))
}

async fn session(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    let first = ctx.schedule_activity_on_session("Echo", "one", "desk").await?;
    let second = ctx.schedule_activity_on_session("Echo", "two", "desk").with_tag(LATER).await?;
    Ok(format!("{first} {second}"))
}

async fn system(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    let guid = ctx.new_guid().await?;
    let now = ctx.utc_now().await?;
    let go = ctx.schedule_wait("go").await;
    Ok(format!("{go} {} {}", guid.len(), now > UNIX_EPOCH))
}

async fn retries(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    let policy = RetryPolicy::new(2).with_backoff(BackoffStrategy::Fixed { delay: Duration::from_secs(3) });
    let error = ctx.schedule_activity_with_retry("Fails", "", policy).await;
    Ok(format!("gave up: {error:?}"))
}

/// A loser of a race is in history; the next race has a timer that never rings.
async fn race(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    let lost = ctx.schedule_wait("never");
    match ctx.select2(lost, ctx.schedule_timer(Duration::ZERO)).await {
        Either2::First(_) => return Err("nobody raised it".to_string()),
        Either2::Second(()) => {}
    }
    match ctx.select2(ctx.schedule_wait("go"), ctx.schedule_timer(TEN_YEARS)).await {
        Either2::First(go) => Ok(go),
        Either2::Second(()) => Err("ten years went by".to_string()),
    }
}
