//! Orchestrations from start to result.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::faulty::Faulty;
use super::*;
use crate::context::orchestration::OrchestrationContext;
use crate::model::event::EventKind;
use crate::providers::TagFilter;

fn one<F, Fut>(name: &str, f: F) -> OrchestrationRegistry
where
    F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    OrchestrationRegistry::builder().register(name, f).build()
}

#[tokio::test(start_paused = true)]
async fn an_orchestration_calls_activities_and_returns() {
    let orchestrations = one("Hello", |ctx, input| async move {
        let hello = ctx.schedule_activity("Echo", format!("Hello, {input}")).await?;
        let all = (0..5).map(|i| ctx.schedule_activity("Echo", i.to_string())).collect();
        let all: Result<Vec<String>, String> = ctx.join(all).await.into_iter().collect();
        Ok(format!("{hello}! {}", all?.concat()))
    });
    let (runtime, client) = start(&store(), orchestrations).await;
    client.start_orchestration("i", "Hello", "Rust").await.unwrap();
    assert_eq!(ended(&client, "i").await.unwrap(), "Hello, Rust! 01234");
    let seen = runtime.metrics_snapshot().expect("metrics are always there");
    assert_eq!((seen.orch_starts, seen.orch_completions, seen.activity_success), (1, 1, 6));
    let named = runtime.get_orchestration_descriptor("i").await.unwrap();
    assert_eq!((named.name.as_str(), named.version.as_str()), ("Hello", "1.0.0"));
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn within_one_process_nobody_waits_for_a_poll() {
    let orchestrations = one("Chain", |ctx, _| async move {
        for i in 0..20 {
            ctx.schedule_activity("Echo", i.to_string()).await?;
        }
        Ok("done".to_owned())
    });
    let options = RuntimeOptions { dispatcher_min_poll_interval: Duration::from_secs(60), ..RuntimeOptions::default() };
    let (runtime, client) = start_with(&store(), orchestrations, options).await;
    let began = Instant::now();
    client.start_orchestration("i", "Chain", "").await.unwrap();
    ended(&client, "i").await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(5), "took {:?} of virtual time", began.elapsed());
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn times_without_end_are_long_ones() {
    let orchestrations = one("Order", |ctx, input: String| async move { ctx.schedule_activity("Echo", input).await });
    let options = RuntimeOptions {
        worker_lock_timeout: Duration::MAX,
        orchestrator_lock_timeout: Duration::MAX,
        session_lock_timeout: Duration::MAX,
        session_idle_timeout: Duration::MAX,
        session_cleanup_interval: Duration::MAX,
        activity_cancellation_grace_period: Duration::MAX,
        worker_lock_renewal_buffer: Duration::from_secs(1),
        ..RuntimeOptions::default()
    };
    let (runtime, client) = start_with(&store(), orchestrations, options).await;
    client.start_orchestration("i", "Order", "done").await.unwrap();
    assert_eq!(ended(&client, "i").await.as_deref(), Ok("done"));
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn an_activity_that_fails_or_panics_is_an_error_that_code_may_handle() {
    let orchestrations = one("Handles", |ctx, _| async move {
        let failed = ctx.schedule_activity("Fail", "no").await.unwrap_err();
        let panicked = ctx.schedule_activity("Panic", "boom").await.unwrap_err();
        Ok(format!("{failed}; {panicked}"))
    });
    let (runtime, client) = start(&store(), orchestrations).await;
    client.start_orchestration("i", "Handles", "").await.unwrap();
    let output = ended(&client, "i").await.unwrap();
    assert!(output.starts_with("no; ") && output.contains("panicked") && output.contains("boom"), "{output}");
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn an_orchestration_that_panics_fails_and_the_next_one_runs() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Panics", |_, input: String| async move { panic!("{input}") })
        .register("Fine", |_, _| async move { Ok("fine".to_owned()) })
        .build();
    let (runtime, client) = start(&store(), orchestrations).await;
    client.start_orchestration("p", "Panics", "boom").await.unwrap();
    assert_eq!(ended(&client, "p").await.unwrap_err(), "orchestration panicked: boom");
    client.start_orchestration("f", "Fine", "").await.unwrap();
    assert_eq!(ended(&client, "f").await.unwrap(), "fine");
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn awaiting_a_foreign_future_fails_at_once_instead_of_hanging() {
    let orchestrations = one("Sleeps", |_, _| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(String::new())
    });
    let (runtime, client) = start(&store(), orchestrations).await;
    client.start_orchestration("i", "Sleeps", "").await.unwrap();
    let error = ended(&client, "i").await.unwrap_err();
    assert!(error.contains("'Sleeps' awaits a future that is not durable"), "{error}");
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn system_calls_are_answered_where_no_worker_runs() {
    let store = store();
    let orchestrations = one("Asks", |ctx, _| async move {
        ctx.set_kv_value("k", "v");
        let guid = ctx.new_guid().await?;
        let again = ctx.new_guid().await?;
        ctx.utc_now().await?;
        let remote = ctx.get_kv_value_from_instance("other", "k").await?;
        Ok(format!("{} {} {remote:?}", guid.len(), guid == again))
    });
    let options =
        RuntimeOptions { worker_concurrency: 0, worker_tag_filter: TagFilter::None, ..RuntimeOptions::default() };
    let (runtime, client) = start_with(&store, orchestrations, options).await;
    client.start_orchestration("i", "Asks", "").await.unwrap();
    assert_eq!(ended(&client, "i").await.unwrap(), "36 false None");
    let rows = store.read("i").await.unwrap();
    let scheduled = rows.iter().filter(|row| matches!(row.kind, EventKind::ActivityScheduled { .. }));
    assert_eq!(scheduled.count(), 4, "system calls stand in history as activities");
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn timers_children_events_and_continue_as_new_work_together() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Parent", |ctx, input: String| async move {
            if input == "first" {
                ctx.schedule_timer(Duration::from_millis(20)).await;
                return ctx.continue_as_new("second").await;
            }
            let child = ctx.schedule_sub_orchestration("Child", "c").await?;
            let event = ctx.schedule_wait("go").await;
            Ok(format!("{child} {event}"))
        })
        .register("Child", |ctx, input: String| async move { ctx.schedule_activity("Echo", input).await })
        .build();
    let store = store();
    let (runtime, client) = start(&store, orchestrations).await;
    client.start_orchestration("i", "Parent", "first").await.unwrap();
    // The event counts only when somebody waits for it.
    while !store.read("i").await.unwrap().iter().any(|row| matches!(row.kind, EventKind::ExternalSubscribed { .. })) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client.raise_event("i", "go", "now").await.unwrap();
    assert_eq!(ended(&client, "i").await.unwrap(), "c now");
    let seen = runtime.metrics_snapshot().unwrap();
    assert_eq!((seen.orch_starts, seen.orch_completions, seen.orch_continue_as_new), (3, 3, 1));
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn child_id_collision_fails_the_parent_fast() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Parent", |ctx, _| async move { ctx.schedule_sub_orchestration_with_id("Fine", "taken", "").await })
        .register("Fine", |_, _| async move { Ok("fine".to_owned()) })
        .build();
    let (runtime, client) = start(&store(), orchestrations).await;
    client.start_orchestration("taken", "Fine", "").await.unwrap();
    ended(&client, "taken").await.unwrap();
    client.start_orchestration("p", "Parent", "").await.unwrap();
    assert_eq!(
        ended(&client, "p").await.unwrap_err(),
        "sub-orchestration instance id 'taken' already exists and is terminal"
    );
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn cancelling_an_orchestration_reaches_its_running_activity_at_once() {
    let stopped = Arc::new(tokio::sync::Notify::new());
    let began = Arc::new(tokio::sync::Notify::new());
    let (tell_began, tell_stopped) = (Arc::clone(&began), Arc::clone(&stopped));
    let activities = ActivityRegistry::builder()
        .register("Endless", move |ctx: ActivityContext, _| {
            let (began, stopped) = (Arc::clone(&tell_began), Arc::clone(&tell_stopped));
            async move {
                began.notify_one();
                ctx.cancelled().await;
                stopped.notify_one();
                Ok(String::new())
            }
        })
        .build();
    let orchestrations = one("Waits", |ctx, _| async move { ctx.schedule_activity("Endless", "").await });
    let store = store();
    let runtime = Runtime::start_with_store(Arc::clone(&store) as _, activities, orchestrations).await;
    let client = Client::new(store);
    client.start_orchestration("i", "Waits", "").await.unwrap();
    began.notified().await;
    let asked = Instant::now();
    client.cancel_instance("i", "enough").await.unwrap();
    assert_eq!(ended(&client, "i").await.unwrap_err(), "canceled: enough");
    stopped.notified().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "it did not wait for the renewal");
    runtime.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn activities_that_were_leased_ahead_and_cancelled_never_run() {
    let runs = Arc::new(AtomicUsize::new(0));
    let began = Arc::new(tokio::sync::Semaphore::new(0));
    let (counted, tell_began) = (Arc::clone(&runs), Arc::clone(&began));
    let activities = ActivityRegistry::builder()
        .register("Step", move |ctx: ActivityContext, step: String| {
            counted.fetch_add(1, Ordering::Relaxed);
            let began = Arc::clone(&tell_began);
            async move {
                // Two are over at once, so that more is leased than slots wait; then both slots are taken.
                if step == "1" || step == "4" {
                    began.add_permits(1);
                    ctx.cancelled().await;
                }
                Ok(String::new())
            }
        })
        .build();
    let orchestrations = one("Fans", |ctx, _| async move {
        let all = (1..=8).map(|step| ctx.schedule_activity("Step", step.to_string())).collect();
        Ok(ctx.join(all).await.len().to_string())
    });
    let store = Faulty::quick();
    let runtime = Runtime::start_with_store(Arc::clone(&store) as _, activities, orchestrations).await;
    let client = Client::new(store);
    client.start_orchestration("i", "Fans", "").await.unwrap();
    let _both = began.acquire_many(2).await.unwrap();
    client.cancel_instance("i", "enough").await.unwrap();
    assert_eq!(ended(&client, "i").await.unwrap_err(), "canceled: enough");
    runtime.shutdown(None).await;
    assert_eq!(runs.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn an_activity_knows_who_asked_for_it() {
    let activities = ActivityRegistry::builder()
        .register("Who", |ctx: ActivityContext, _| async move {
            assert!(!format!("{ctx:?}").contains("store"));
            Ok(format!(
                "{} {} {} {} {} {} {:?} {:?}",
                ctx.instance_id(),
                ctx.execution_id(),
                ctx.orchestration_name(),
                ctx.orchestration_version(),
                ctx.activity_name(),
                ctx.attempt(),
                ctx.session_id(),
                ctx.tag(),
            ))
        })
        .build();
    let orchestrations = one("Asks", |ctx, _| async move { ctx.schedule_activity_on_session("Who", "", "s").await });
    let store = store();
    let runtime = Runtime::start_with_store(Arc::clone(&store) as _, activities, orchestrations).await;
    let client = Client::new(store);
    client.start_orchestration("i", "Asks", "").await.unwrap();
    assert_eq!(ended(&client, "i").await.unwrap(), r#"i 1 Asks 1.0.0 Who 1 Some("s") None"#);
    runtime.shutdown(None).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn the_embedded_database_serves_as_well() {
    let orchestrations = one("Hello", |ctx, input| async move {
        let guid = ctx.new_guid().await?;
        ctx.schedule_timer(Duration::from_millis(5)).await;
        let all = (0..5).map(|_| ctx.schedule_activity("Echo", input.clone())).collect();
        let all: Result<Vec<String>, String> = ctx.join(all).await.into_iter().collect();
        Ok(format!("{} {}", all?.concat(), guid.len()))
    });
    let store = Arc::new(crate::providers::sqlite::SqliteProvider::new_in_memory().await.unwrap());
    let (runtime, client) = start(&store, orchestrations).await;
    for i in 0..20 {
        client.start_orchestration(format!("i-{i}"), "Hello", i.to_string()).await.unwrap();
    }
    for i in 0..20 {
        assert_eq!(ended(&client, &format!("i-{i}")).await.unwrap(), format!("{} 36", i.to_string().repeat(5)));
    }
    runtime.shutdown(None).await;
    drop(client);
    assert_eq!(Arc::strong_count(&store), 1);
}
