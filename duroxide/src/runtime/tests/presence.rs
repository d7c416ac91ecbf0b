//! What the store knows of a runtime: from its start to its end, and of one that was killed.

use super::faulty::{Fault, Faulty, busy, refused};
use super::*;
use crate::model::filter::TagFilter;
use crate::model::insight::{HandlerSort, WorkerInfo};
use crate::providers::InsightProvider;

fn waits() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Waits", |ctx, _: String| async move { Ok(ctx.schedule_wait("go").await) })
        .register_versioned("Waits", "2.0.0", |ctx, _: String| async move { Ok(ctx.schedule_wait("go").await) })
        .build()
}

/// Virtual seconds.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

async fn workers(store: &impl InsightProvider) -> Vec<WorkerInfo> {
    store.list_workers().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_runtime_is_listed_from_its_start_to_its_shutdown() {
    let store = store();
    let options = RuntimeOptions {
        orchestration_concurrency: 3,
        worker_concurrency: 5,
        worker_node_id: Some("east".to_owned()),
        worker_tag_filter: TagFilter::default_and(["gpu", "fpga"]),
        ..RuntimeOptions::default()
    };
    let (runtime, client) = start_with(&store, waits(), options).await;
    pass(1).await;
    let found = client.list_workers().await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    let worker = &found[0];
    assert_eq!((worker.node.as_str(), worker.pid), ("east", std::process::id()));
    assert_eq!((worker.orchestration_slots, worker.activity_slots), (3, 5));
    assert!(worker.program.starts_with("duroxide") && worker.library_version == env!("CARGO_PKG_VERSION"));
    assert!(worker.tags.untagged && !worker.tags.any && worker.tags.tags == ["fpga", "gpu"]);
    let handlers: Vec<_> = worker.handlers.iter().map(|it| (it.kind, it.name.as_str(), it.version.as_str())).collect();
    let expected = [
        (HandlerSort::Activity, "Echo", "1.0.0"),
        (HandlerSort::Activity, "Fail", "1.0.0"),
        (HandlerSort::Activity, "Panic", "1.0.0"),
        (HandlerSort::Orchestration, "Waits", "1.0.0"),
        (HandlerSort::Orchestration, "Waits", "2.0.0"),
    ];
    assert_eq!(handlers, expected);
    let (second, _) = start_with(&store, waits(), RuntimeOptions::default()).await;
    pass(1).await;
    let handlers = client.list_handlers().await.unwrap();
    let handlers: Vec<_> = handlers.iter().map(|it| (it.kind, it.name.as_str(), it.version.as_str())).collect();
    assert_eq!(handlers, expected, "each once, whoever has them");
    second.shutdown(None).await;
    // However long it runs, it is alive.
    pass(3_600).await;
    let later = workers(&*store).await;
    assert!(later[0].is_alive && later[0].started_at == worker.started_at && later[0].seen_at > worker.seen_at);
    runtime.shutdown(None).await;
    assert_eq!(workers(&*store).await, []);
    drop(client);
    assert_eq!(Arc::strong_count(&store), 1, "nothing of the runtime holds the store");
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_must_end_at_once_is_forgotten_all_the_same() {
    let store = store();
    let (runtime, _client) = start(&store, waits()).await;
    pass(1).await;
    assert_eq!(workers(&*store).await.len(), 1);
    runtime.shutdown(Some(0)).await;
    assert_eq!(workers(&*store).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_the_store_forgot_announces_itself_again() {
    let store = store();
    let (runtime, _client) = start(&store, waits()).await;
    pass(1).await;
    let first = workers(&*store).await.remove(0);
    store.retire_worker(&first.worker_id).await.unwrap();
    pass(10).await;
    let again = workers(&*store).await.remove(0);
    assert_eq!((again.worker_id, again.handlers), (first.worker_id, first.handlers));
    runtime.shutdown(None).await;
}

/// What a kill leaves: nobody who refreshes it, and nobody who takes it back.
#[tokio::test(start_paused = true)]
async fn the_silence_of_a_killed_runtime_tells() {
    let store = store();
    let (runtime, client) = start(&store, waits()).await;
    pass(1).await;
    let before = workers(&*store).await.remove(0);
    runtime.kill_presence();
    pass(28).await;
    assert!(workers(&*store).await[0].is_alive);
    pass(3).await;
    let after = workers(&*store).await.remove(0);
    assert!(!after.is_alive && after.alive_until == before.seen_at + 30_000, "{after:?}");
    client.start_orchestration("i", "Waits", "").await.unwrap();
    pass(1).await;
    let unserved = client.list_unserved(0).await.unwrap();
    assert_eq!(unserved.iter().map(|it| (it.name.as_str(), it.instances)).collect::<Vec<_>>(), [("Waits", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_keeps_no_workers_disturbs_nothing() {
    let faults = || (0..5).map(|_| busy()).collect::<Vec<_>>();
    for store in [
        Faulty::new([("announce_worker", faults()), ("refresh_worker", faults()), ("retire_worker", vec![refused()])]),
        // Without the half that could.
        Faulty::quick(),
    ] {
        let (runtime, client) = start(&store, waits()).await;
        client.start_orchestration("i", "Waits", "").await.unwrap();
        pass(120).await;
        client.raise_event("i", "go", "\"on\"").await.unwrap();
        ended(&client, "i").await.unwrap();
        runtime.shutdown(None).await;
        drop(client);
        assert_eq!(Arc::strong_count(&store), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_about_workers_ends_with_the_runtime() {
    let slow = || Fault::Slow(LONG);
    let store = Faulty::new([("announce_worker", vec![slow()]), ("retire_worker", vec![slow()])]);
    let (runtime, client) = start(&store, waits()).await;
    pass(1).await;
    let began = tokio::time::Instant::now();
    runtime.shutdown(None).await;
    assert!(began.elapsed() <= Duration::from_secs(3), "took {:?}", began.elapsed());
    drop(client);
    assert_eq!(Arc::strong_count(&store), 1);
}

#[cfg(feature = "macros")]
mod written_by_macros {
    use super::*;
    use crate::runtime::Presence;

    /// Found by nobody but this test.
    #[crate::activity(name = "presence.charge")]
    async fn charge(order: String, cents: u64) -> Result<u64, String> {
        Ok(cents + order.len() as u64)
    }

    #[tokio::test(start_paused = true)]
    async fn handlers_tell_where_they_are_and_their_types() {
        let store = store();
        let presence = Presence { refreshed_every: Duration::ZERO, alive_for: Duration::from_millis(25) };
        let runtime = Runtime::builder(Arc::clone(&store) as _).register::<charge>().presence(presence);
        let runtime = runtime.start().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let worker = workers(&*store).await.remove(0);
        assert!(worker.is_alive && worker.alive_until == worker.seen_at + 25, "{worker:?}");
        let source = worker.handlers[0].source.clone().unwrap();
        assert_eq!(source.krate, "duroxide");
        assert!(source.file.ends_with("presence.rs") && source.line > 100, "{source:?}");
        let expected = [("order", "alloc::string::String"), ("cents", "u64")];
        let found: Vec<_> = source.arguments.iter().map(|(name, of)| (name.as_str(), of.as_str())).collect();
        assert_eq!(found, expected);
        assert_eq!((source.ok.as_str(), source.err.as_str()), ("u64", "alloc::string::String"));
        runtime.shutdown(None).await;
    }
}
