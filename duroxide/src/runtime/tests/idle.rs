//! How often a runtime that has nothing to do looks at its store.

use super::faulty::Faulty;
use super::*;
use crate::providers::signal::{Reach, WorkQueue, WorkSignal};

/// A runtime of one slot each, on a store that says what it tells of.
async fn told_by(signal: WorkSignal) -> (Arc<Faulty>, Arc<WorkSignal>, Arc<Runtime>) {
    let signal = Arc::new(signal);
    let store = Faulty::told_by(Arc::clone(&signal));
    let one = RuntimeOptions { orchestration_concurrency: 1, worker_concurrency: 1, ..RuntimeOptions::default() };
    let (runtime, _client) = start_with(&store, OrchestrationRegistry::builder().build(), one).await;
    (store, signal, runtime)
}

fn looks(store: &Faulty) -> usize {
    store.calls("fetch_orchestration_item").len()
}

#[tokio::test(start_paused = true)]
async fn who_is_told_of_all_that_comes_with_time_too_looks_once_a_second() {
    for (signal, expected) in [
        (WorkSignal::new(), 590..=610),
        (WorkSignal::reaching(Reach::All), 590..=610),
        (WorkSignal::reaching(Reach::All).foreseeing(), 60..=70),
    ] {
        let what = format!("{signal:?}");
        let (store, _signal, runtime) = told_by(signal).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(expected.contains(&looks(&store)), "{} looks by {what}", looks(&store));
        runtime.shutdown(None).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_looks_seldom_looks_at_once_when_told_and_then_as_often_as_in_the_beginning() {
    let (store, signal, runtime) = told_by(WorkSignal::reaching(Reach::All).foreseeing()).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = looks(&store);
    signal.ready(WorkQueue::Orchestrator);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(looks(&store), before + 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(looks(&store), before + 2);
    runtime.shutdown(None).await;
}
