//! What a running activity learns of its lease, and says of its progress.

use std::sync::Mutex;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::*;
use crate::activity::HeartbeatError;
use crate::context::combinators::Either2;
use crate::model::limits::Limits;

/// Leases that are renewed once in 25 seconds: whoever learns of something sooner did not wait for a renewal.
fn patient() -> RuntimeOptions {
    RuntimeOptions { worker_lock_timeout: Duration::from_secs(30), ..RuntimeOptions::default() }
}

async fn run(
    store: &Arc<MemoryProvider>,
    activities: ActivityRegistry,
    orchestrations: OrchestrationRegistry,
) -> (Arc<Runtime>, Client) {
    let store: Arc<dyn Provider> = Arc::clone(store) as _;
    let runtime = Runtime::start_with_options(Arc::clone(&store), activities, orchestrations, patient()).await;
    (runtime, Client::new(store))
}

/// Starts the activity `Work`, and gives it up when the event `stop` comes.
fn races() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Races", |ctx, _| async move {
            match ctx.select2(ctx.schedule_activity("Work", ""), ctx.schedule_wait("stop")).await {
                Either2::First(result) => result,
                Either2::Second(why) => Ok(why),
            }
        })
        .build()
}

/// What activities of a test leave behind, and a bell for it.
#[derive(Clone, Default)]
struct Left {
    texts: Arc<Mutex<Vec<String>>>,
    bell: Arc<Notify>,
}

impl Left {
    fn leave(&self, text: impl ToString) {
        self.texts.lock().unwrap().push(text.to_string());
        self.bell.notify_one();
    }

    /// All that was left, once there are so many.
    async fn all(&self, count: usize) -> Vec<String> {
        loop {
            let texts = self.texts.lock().unwrap().clone();
            if texts.len() >= count {
                return texts;
            }
            self.bell.notified().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_reaches_a_running_activity_of_the_same_process_at_once() {
    let left = Left::default();
    let work = left.clone();
    let activities = ActivityRegistry::builder()
        .register("Work", move |ctx: ActivityContext, _| {
            let left = work.clone();
            async move {
                left.leave("began");
                ctx.cancelled().await;
                left.leave(format!("cancelled {}", ctx.is_cancelled()));
                Ok(String::new())
            }
        })
        .build();
    let (runtime, client) = run(&store(), activities, races()).await;
    client.start_orchestration("i", "Races", "").await.unwrap();
    left.all(1).await;
    let began = Instant::now();
    client.raise_event("i", "stop", "enough").await.unwrap();
    assert_eq!(left.all(2).await[1], "cancelled true");
    assert!(began.elapsed() < Duration::from_millis(10), "took {:?}", began.elapsed());
    assert_eq!(ended(&client, "i").await.unwrap(), "enough");
    runtime.shutdown(None).await;
}

/// One runtime runs orchestrations only, the other one activities only.
#[tokio::test(start_paused = true)]
async fn a_cancellation_reaches_an_activity_that_another_runtime_of_the_process_runs() {
    let left = Left::default();
    let work = left.clone();
    let activities = ActivityRegistry::builder()
        .register("Work", move |ctx: ActivityContext, _| {
            let left = work.clone();
            async move {
                left.leave("began");
                ctx.cancelled().await;
                left.leave("cancelled");
                Ok(String::new())
            }
        })
        .build();
    let store: Arc<dyn Provider> = store();
    let none = (ActivityRegistry::default(), OrchestrationRegistry::default());
    let decides = RuntimeOptions { worker_concurrency: 0, ..patient() };
    let decides = Runtime::start_with_options(Arc::clone(&store), none.0, races(), decides).await;
    let works = RuntimeOptions { orchestration_concurrency: 0, ..patient() };
    let works = Runtime::start_with_options(Arc::clone(&store), activities, none.1, works).await;
    let client = Client::new(store);
    client.start_orchestration("i", "Races", "").await.unwrap();
    left.all(1).await;
    let began = Instant::now();
    client.raise_event("i", "stop", "").await.unwrap();
    assert_eq!(left.all(2).await[1], "cancelled");
    assert!(began.elapsed() < Duration::from_millis(10), "took {:?}", began.elapsed());
    decides.shutdown(None).await;
    works.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn progress_is_read_by_clients_while_the_activity_runs() {
    let left = Left::default();
    let work = left.clone();
    let activities = ActivityRegistry::builder()
        .register("Work", move |ctx: ActivityContext, _| {
            let left = work.clone();
            async move {
                ctx.heartbeat("1 of 3").await.unwrap();
                ctx.heartbeat("2 of 3").await.unwrap();
                left.leave("said");
                ctx.get_client().get_kv_value("i", "k").await.unwrap();
                ctx.cancelled().await;
                Ok(String::new())
            }
        })
        .build();
    let (runtime, client) = run(&store(), activities, races()).await;
    client.start_orchestration("i", "Races", "").await.unwrap();
    left.all(1).await;
    let said = client.get_activity_progress("i").await.unwrap();
    let [said] = &said[..] else { panic!("expected one, found {said:?}") };
    assert_eq!((said.activity_name.as_str(), said.activity_id, said.attempt), ("Work", 2, 1));
    assert_eq!(said.progress, "2 of 3");
    assert_eq!(client.get_activity_progress("nobody").await.unwrap(), []);
    client.raise_event("i", "stop", "").await.unwrap();
    ended(&client, "i").await.unwrap();
    assert_eq!(client.get_activity_progress("i").await.unwrap(), []);
    runtime.shutdown(None).await;
}

/// An activity that fails its first delivery, by its lease, and tells of each what it knew.
#[tokio::test(start_paused = true)]
async fn at_least_once_the_next_delivery_has_the_same_key_a_greater_fence_and_the_last_progress() {
    let left = Left::default();
    let work = left.clone();
    let activities = ActivityRegistry::builder()
        .register("Work", move |ctx: ActivityContext, _| {
            let left = work.clone();
            async move {
                let fence = ctx.fencing_token().await.unwrap().expect("the memory store can tell");
                assert_eq!(ctx.fencing_token().await.unwrap(), Some(fence));
                let last = ctx.last_progress().await.unwrap();
                left.leave(format!("{} {} {fence} {last:?}", ctx.attempt(), ctx.idempotency_key()));
                ctx.heartbeat(format!("by {}", ctx.attempt())).await.unwrap();
                if ctx.attempt() == 1 { std::future::pending().await } else { Ok("done".to_owned()) }
            }
        })
        .build();
    let store = store();
    let (runtime, client) = run(&store, activities.clone(), races()).await;
    client.start_orchestration("i", "Races", "").await.unwrap();
    left.all(1).await;
    // It dies in the middle of the first delivery.
    runtime.shutdown(Some(0)).await;
    let (runtime, client) = run(&store, activities, races()).await;
    assert_eq!(ended(&client, "i").await.unwrap(), "done");
    let texts = left.all(2).await;
    let words: Vec<Vec<&str>> = texts.iter().map(|text| text.splitn(4, ' ').collect()).collect();
    assert_eq!((words[0][0], words[0][1], words[0][3]), ("1", "i/1/2", "None"));
    assert_eq!((words[1][0], words[1][1], words[1][3]), ("2", "i/1/2", "Some(\"by 1\")"));
    let fences: Vec<u64> = words.iter().map(|words| words[2].parse().unwrap()).collect();
    assert!(fences[0] < fences[1], "{fences:?}");
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_finds_out_that_another_process_cancelled_the_activity() {
    let left = Left::default();
    let (work, go) = (left.clone(), Arc::new(Notify::new()));
    let gone = Arc::clone(&go);
    let activities = ActivityRegistry::builder()
        .register("Work", move |ctx: ActivityContext, _| {
            let (left, gone) = (work.clone(), Arc::clone(&gone));
            async move {
                ctx.heartbeat("here").await.unwrap();
                left.leave("began");
                gone.notified().await;
                assert!(!ctx.is_cancelled(), "nobody told it yet");
                left.leave(ctx.heartbeat("still here").await.unwrap_err());
                left.leave(ctx.is_cancelled());
                left.leave(ctx.heartbeat("not any more").await.unwrap_err());
                Ok(String::new())
            }
        })
        .build();
    let store = store();
    let (runtime, client) = run(&store, activities, races()).await;
    client.start_orchestration("i", "Races", "").await.unwrap();
    left.all(1).await;
    // As another process would: this runtime is not told.
    client.delete_instance("i", true).await.unwrap();
    go.notify_one();
    let text = HeartbeatError::Cancelled.to_string();
    assert_eq!(left.all(4).await[1..], [text.clone(), "true".to_owned(), text]);
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn limits_of_the_builder_reach_activities_and_orchestrations() {
    let limits = Limits { progress_bytes: 4, payload_bytes: 200, ..Limits::default() };
    let activities = ActivityRegistry::builder()
        .register("Says", |ctx: ActivityContext, _| async move {
            ctx.heartbeat("four").await.unwrap();
            let error = ctx.heartbeat("fives").await.unwrap_err();
            assert!(matches!(error, HeartbeatError::TooLarge(_)));
            let sent = ctx.get_client().raise_event("i", "e", "x".repeat(201)).await;
            Ok(format!("{error}; {}", sent.unwrap_err()))
        })
        .register("Returns", |_, _| async move { Ok("x".repeat(201)) })
        .register("Fails", |_, _| async move { Err("x".repeat(201)) })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Tries", |ctx, name: String| async move { ctx.schedule_activity(name, "").await })
        .register("Asks", |ctx, _| async move { ctx.schedule_activity("Says", "x".repeat(201)).await })
        .build();
    let store: Arc<dyn Provider> = store();
    let builder = Runtime::builder(Arc::clone(&store)).activities(activities).orchestrations(orchestrations);
    let runtime = builder.limits(limits).start().await.unwrap();
    let client = Client::new(store);
    for (instance, orchestration, input, expected) in [
        (
            "says",
            "Tries",
            "Says",
            Ok("progress of an activity: expected at most 4 bytes, found 5; \
                Invalid input: data of the event: expected at most 200 bytes, found 201"),
        ),
        ("returns", "Tries", "Returns", Err("result of the activity: expected at most 200 bytes, found 201")),
        ("fails", "Tries", "Fails", Err("error of the activity: expected at most 200 bytes, found 201")),
        ("asks", "Asks", "", Err("input of an activity: expected at most 200 bytes, found 201")),
    ] {
        client.start_orchestration(instance, orchestration, input).await.unwrap();
        let found = ended(&client, instance).await;
        assert_eq!(found.as_deref().map_err(String::as_str), expected);
    }
    // Two failed because an activity did; a broken limit is no error of the application.
    let seen = runtime.metrics_snapshot().expect("metrics are always there");
    assert_eq!((seen.orch_failures, seen.orch_application_errors), (3, 2));
    runtime.shutdown(None).await;
}
