//! Programs as orchestrations and activities of the product.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use duroxide::runtime::OrchestrationRegistry;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, BackoffStrategy, Either2, OrchestrationContext, RetryPolicy};
use serde_json::{Value, json};

use crate::program::{Act, End, How, ORCHESTRATION, Op, Program, VERSIONS};
use crate::truth::Truth;

/// The activity of every call.
pub(crate) const ACTIVITY: &str = "Act";
/// The activity of a retry.
pub(crate) const FLAKY: &str = "Flaky";
/// An event that nobody raises.
const NEVER: &str = "never";

/// The orchestration in the first versions.
pub(crate) fn orchestrations(versions: usize) -> OrchestrationRegistry {
    VERSIONS[..versions]
        .iter()
        .fold(OrchestrationRegistry::builder(), |builder, version| {
            builder.register_versioned(ORCHESTRATION, version, |ctx, input: String| async move {
                let program: Program = serde_json::from_str(&input).map_err(|error| error.to_string())?;
                run(&ctx, program).await
            })
        })
        .build()
}

/// Activities that tell the truth of what ran where.
pub(crate) fn activities(truth: &Arc<Truth>, node: usize) -> ActivityRegistry {
    let (for_act, for_flaky) = (Arc::clone(truth), Arc::clone(truth));
    ActivityRegistry::builder()
        .register(ACTIVITY, move |ctx: ActivityContext, input: String| {
            let truth = Arc::clone(&for_act);
            async move {
                let _running = truth.activity_begins(&ctx, node);
                let act: Act = serde_json::from_str(&input).map_err(|error| error.to_string())?;
                act_out(&ctx, &act).await
            }
        })
        .register(FLAKY, move |ctx: ActivityContext, input: String| {
            let truth = Arc::clone(&for_flaky);
            async move {
                let _running = truth.activity_begins(&ctx, node);
                let (key, fails): (String, u32) = serde_json::from_str(&input).map_err(|error| error.to_string())?;
                // Each attempt of the policy is an activity of its own; a repeated delivery of one is not another.
                if truth.attempt_of(&ctx, &key) <= fails { Err(format!("fail {key}")) } else { Ok(key) }
            }
        })
        .build()
}

async fn act_out(ctx: &ActivityContext, act: &Act) -> Result<String, String> {
    match act.how {
        How::Echo => Ok(act.key.clone()),
        How::Fail => Err(format!("fail {}", act.key)),
        How::Panic => panic!("planned"),
        How::Sleep(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(act.key.clone())
        }
        How::Hang => {
            ctx.cancelled().await;
            Err("stopped".to_owned())
        }
        How::HangHard => std::future::pending().await,
    }
}

async fn run(ctx: &OrchestrationContext, mut program: Program) -> Result<String, String> {
    program.said.push(json!(ctx.orchestration_version()));
    if program.generations.is_empty() {
        return end(ctx, program).await;
    }
    for op in program.generations.remove(0) {
        let said = perform(ctx, op).await;
        program.said.push(said);
    }
    if program.generations.is_empty() {
        return end(ctx, program).await;
    }
    ctx.continue_as_new(serde_json::to_string(&program).map_err(|error| error.to_string())?).await
}

async fn end(ctx: &OrchestrationContext, program: Program) -> Result<String, String> {
    let said = json!({ "said": program.said, "status": ctx.get_custom_status() }).to_string();
    match program.end {
        End::Return => Ok(said),
        End::Fail => Err(said),
        End::Panic => panic!("{said}"),
        End::Never => Ok(ctx.schedule_wait(NEVER).await),
    }
}

/// Does one thing and says how it went.
async fn perform(ctx: &OrchestrationContext, op: Op) -> Value {
    match op {
        Op::Join(branches) => {
            let branches = branches.into_iter().map(|op| Box::pin(one(ctx, op)));
            Value::Array(ctx.join(branches.collect::<Vec<_>>()).await)
        }
        other => one(ctx, other).await,
    }
}

async fn one(ctx: &OrchestrationContext, op: Op) -> Value {
    match op {
        Op::Call(act) => outcome(call(ctx, &act).await),
        Op::Join(_) => json!("joins do not nest"),
        Op::Race(act, ms) => match ctx.select2(call(ctx, &act), ctx.schedule_timer(Duration::from_millis(ms))).await {
            Either2::First(result) => outcome(result),
            Either2::Second(()) => json!("late"),
        },
        Op::Retry { key, fails, attempts, pause_ms, on_session } => {
            let pause = BackoffStrategy::Fixed { delay: Duration::from_millis(pause_ms) };
            let policy = RetryPolicy::new(attempts).with_backoff(pause);
            let input = json!([key, fails]).to_string();
            outcome(match on_session {
                None => ctx.schedule_activity_with_retry(FLAKY, input, policy).await,
                Some(id) => ctx.schedule_activity_with_retry_on_session(FLAKY, input, policy, id).await,
            })
        }
        Op::Deadline { key, timeout_ms } => {
            let policy = RetryPolicy::new(3).with_timeout(Duration::from_millis(timeout_ms));
            let act = Act { key, how: How::Hang, session: None, tag: None };
            outcome(ctx.schedule_activity_with_retry(ACTIVITY, json!(act).to_string(), policy).await)
        }
        Op::Timer(ms) => {
            ctx.schedule_timer(Duration::from_millis(ms)).await;
            json!("time")
        }
        Op::Event(name) => json!(ctx.schedule_wait(name).await),
        Op::Dequeue(queue) => json!({ "read": ctx.dequeue_event(queue).await }),
        Op::DequeueOrTimer(queue, ms) => {
            let timer = ctx.schedule_timer(Duration::from_millis(ms));
            match ctx.select2(ctx.dequeue_event(queue), timer).await {
                Either2::First(message) => json!({ "read": message }),
                Either2::Second(()) => json!("none"),
            }
        }
        Op::Set(key, value) => {
            ctx.set_kv_value(key, value);
            json!("set")
        }
        Op::Get(key) => json!({ "get": ctx.get_kv_value(&key) }),
        Op::Clear(key) => {
            ctx.clear_kv_value(key);
            json!("clear")
        }
        Op::Prune => prune(ctx).await,
        Op::Status(status) => {
            ctx.set_custom_status(status);
            json!("status")
        }
        Op::Child { id, version, program } => {
            let input = json!(program).to_string();
            outcome(match id {
                None => ctx.schedule_sub_orchestration_versioned(ORCHESTRATION, version, input).await,
                Some(id) => ctx.schedule_sub_orchestration_versioned_with_id(ORCHESTRATION, version, id, input).await,
            })
        }
        Op::DroppedChild(program, ms) => {
            let child = ctx.schedule_sub_orchestration(ORCHESTRATION, json!(program).to_string());
            let said = match ctx.select2(child, ctx.schedule_timer(Duration::from_millis(ms))).await {
                Either2::First(result) => outcome(result),
                Either2::Second(()) => json!("dropped"),
            };
            // An execution that continues as new or panics leaves its children running, those it dropped in that very
            // turn included.
            ctx.schedule_timer(Duration::ZERO).await;
            said
        }
        Op::CancelledChild { id, program } => {
            let input = json!(program).to_string();
            outcome(ctx.schedule_sub_orchestration_with_id(ORCHESTRATION, id, input).await)
        }
        Op::Detached { id, program } => {
            ctx.schedule_orchestration(ORCHESTRATION, id, json!(program).to_string());
            json!("detached")
        }
        Op::Collision(taken) => {
            outcome(ctx.schedule_sub_orchestration_with_id(ORCHESTRATION, taken, "no program").await)
        }
        Op::Guid => guid(ctx).await,
    }
}

fn call(ctx: &OrchestrationContext, act: &Act) -> impl Future<Output = Result<String, String>> + Send + use<> {
    let input = json!(act).to_string();
    let call = match &act.session {
        None => ctx.schedule_activity(ACTIVITY, input),
        Some(session) => ctx.schedule_activity_on_session(ACTIVITY, input, session),
    };
    match &act.tag {
        None => call,
        Some(tag) => call.with_tag(tag),
    }
}

/// A key-value that is older than a recorded time goes: the same in each replay, whatever the clock says then.
async fn prune(ctx: &OrchestrationContext) -> Value {
    ctx.set_kv_value("old", "old");
    ctx.schedule_timer(Duration::from_millis(50)).await;
    let now = match ctx.utc_now().await {
        Ok(now) => now,
        Err(error) => return json!({ "err": error }),
    };
    let now_ms = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let pruned = ctx.prune_kv_values_updated_before(now_ms);
    // A round through the queue, so that all of this is replayed at least once.
    ctx.schedule_timer(Duration::from_millis(50)).await;
    ctx.clear_kv_value("old");
    json!({ "pruned": pruned })
}

/// The same guid in each replay, or the activity's input would differ from the recorded one.
async fn guid(ctx: &OrchestrationContext) -> Value {
    let guid = match ctx.new_guid().await {
        Ok(guid) => guid,
        Err(error) => return json!({ "err": error }),
    };
    let act = Act { key: guid.clone(), how: How::Echo, session: None, tag: None };
    if call(ctx, &act).await == Ok(guid) { json!("guid") } else { json!("another guid") }
}

fn outcome(result: Result<String, String>) -> Value {
    match result {
        Ok(text) => json!({ "ok": text }),
        Err(text) if text.contains("panicked with message") || text.starts_with("task ") => {
            json!({ "err": "panicked" })
        }
        Err(text) => json!({ "err": text }),
    }
}
