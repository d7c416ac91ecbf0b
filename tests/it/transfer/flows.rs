//! What is in flight while it is moved: everything an orchestration can wait for, and what it must come to.

use std::time::Duration;

use duroxide::{Client, OrchestrationContext, OrchestrationStatus, activity, orchestration};
use serde::{Deserialize, Serialize};

use super::PATIENCE;

#[activity]
async fn move_step(n: u64) -> Result<u64, String> {
    tokio::task::yield_now().await;
    Ok(3 * n + 1)
}

#[activity]
async fn move_fails(n: u64) -> Result<u64, String> {
    Err(format!("{n} is refused"))
}

#[orchestration]
async fn move_child(ctx: OrchestrationContext, n: u64) -> Result<u64, String> {
    ctx.schedule_timer(Duration::from_millis(10 * (n % 13))).await;
    Ok(move_step::call(&ctx, n).await? + 1)
}

/// Which one, in which of its executions, and what it came to so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Leg {
    pub(super) n: u64,
    pub(super) leg: u64,
    pub(super) sum: u64,
}

/// Executions of one.
pub(super) const LEGS: u64 = 2;

/// Fans out, keeps values, says where it is, sleeps, calls a child, works in a session, fails and recovers, takes a message
/// from its queue, begins again; and waits for an event at its end.
#[orchestration]
pub(super) async fn move_sink(ctx: OrchestrationContext, at: Leg) -> Result<u64, String> {
    let Leg { n, leg, mut sum } = at;
    ctx.set_custom_status(format!("leg {leg}"));
    let calls = (0..3).map(|i| move_step::call(&ctx, n + i).into_future()).collect();
    for step in ctx.join(calls).await {
        sum += step?;
    }
    ctx.set_kv_value(format!("leg {leg}"), sum.to_string());
    ctx.schedule_timer(Duration::from_millis(if n % 10 == 0 { 1_500 } else { 10 * (n % 7) })).await;
    sum += move_child::call(&ctx, n).await?;
    sum += move_step::call(&ctx, n).session(format!("session {}", n % 8)).await?;
    if move_fails::call(&ctx, n).await.is_ok() {
        return Err("an activity that always fails worked".to_owned());
    }
    let message: u64 = ctx.dequeue_event("inbox").await.parse().map_err(|_| "not a number".to_owned())?;
    sum += message;
    if leg + 1 < LEGS {
        ctx.continue_as_new_typed(&Leg { n, leg: leg + 1, sum }).await?;
    }
    let kept = ctx.get_kv_value("leg 0").ok_or("what the first execution kept is lost")?;
    let event = if n % 3 == 1 {
        ctx.dequeue_event("last").await
    } else {
        ctx.set_custom_status("waits");
        ctx.schedule_wait("go").await
    };
    let event: u64 = event.parse().map_err(|_| "not a number".to_owned())?;
    Ok(sum + event + u64::from(kept.parse::<u64>().is_ok()))
}

/// What [`move_sink`] comes to.
pub(super) fn model(n: u64) -> u64 {
    let step = |n: u64| 3 * n + 1;
    let steps: u64 = (0..3).map(|i| step(n + i)).sum();
    let legs: u64 = (0..LEGS).map(|leg| steps + step(n) + 1 + step(n) + message(n, leg)).sum();
    legs + event(n) + 1
}

/// A message for each leg; were one doubled or lost, the sums would tell.
fn message(n: u64, leg: u64) -> u64 {
    1_000 * (n + 1) + 7u64.pow(u32::try_from(leg).expect("a few legs"))
}

fn event(n: u64) -> u64 {
    1_000_000 + n
}

pub(super) fn id(n: u64) -> String {
    format!("move-{n}")
}

pub(super) async fn start(client: &Client, n: u64) {
    move_sink::start(client, id(n), Leg { n, leg: 0, sum: 0 }).await.expect("it is started");
}

/// All that it waits for from outside, but for its last event.
pub(super) async fn feed(client: &Client, n: u64) {
    for leg in 0..LEGS {
        client.enqueue_event(&id(n), "inbox", message(n, leg).to_string()).await.expect("it is taken");
    }
}

/// The last event: one that waits in a queue, or one that is lost unless it is waited for.
pub(super) async fn let_go(client: &Client, n: u64) {
    if n % 3 == 1 {
        client.enqueue_event(&id(n), "last", event(n).to_string()).await.expect("it is taken");
        return;
    }
    let mut seen = 0;
    loop {
        let changed = client.wait_for_status_change(&id(n), seen, Duration::from_millis(10), PATIENCE).await;
        match changed.unwrap_or_else(|error| panic!("move-{n}: {error}")) {
            OrchestrationStatus::Running { custom_status: Some(said), .. } if said == "waits" => break,
            status => seen = version(&status),
        }
    }
    client.raise_event(&id(n), "go", event(n).to_string()).await.expect("it is taken");
}

fn version(status: &OrchestrationStatus) -> u64 {
    match status {
        OrchestrationStatus::Running { custom_status_version, .. } => *custom_status_version,
        other => panic!("it has ended too soon: {other:?}"),
    }
}
