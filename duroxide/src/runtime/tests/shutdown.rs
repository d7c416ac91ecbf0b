//! What a shutdown finishes, aborts and leaves behind.

use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::*;

/// Tells when it has begun.
fn slow(began: Arc<Notify>) -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Slow", move |_: ActivityContext, input: String| {
            began.notify_one();
            async move {
                tokio::time::sleep(Duration::from_millis(500)).await;
                Ok(input)
            }
        })
        .build()
}

fn calls_slow() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Calls", |ctx, input: String| async move { ctx.schedule_activity("Slow", input).await })
        .build()
}

/// A runtime whose one activity is at work.
async fn started(store: &Arc<MemoryProvider>) -> Arc<Runtime> {
    let began = Arc::new(Notify::new());
    let runtime = Runtime::start_with_store(Arc::clone(store) as _, slow(Arc::clone(&began)), calls_slow()).await;
    let client = Client::new(Arc::clone(store) as _);
    client.start_orchestration("i", "Calls", "x").await.unwrap();
    began.notified().await;
    runtime
}

#[tokio::test(start_paused = true)]
async fn after_shutdown_nothing_of_the_runtime_holds_the_store() {
    for grace in [None, Some(0), Some(60_000)] {
        let store = store();
        let runtime = started(&store).await;
        runtime.shutdown(grace).await;
        assert_eq!(Arc::strong_count(&store), 1, "{grace:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn running_work_is_finished_within_the_grace_and_no_longer_waited_for() {
    let store = store();
    let runtime = started(&store).await;
    let began = Instant::now();
    runtime.shutdown(Some(60_000)).await;
    assert!(began.elapsed() < Duration::from_secs(1), "took {:?}", began.elapsed());
    let depths = store.as_management_capability().unwrap().get_queue_depths().await.unwrap();
    assert_eq!((depths.orchestrator_queue, depths.worker_queue), (1, 0), "the activity was acknowledged");
}

#[tokio::test(start_paused = true)]
async fn a_shorter_second_call_shortens_the_first() {
    let store = store();
    let runtime = started(&store).await;
    let began = Instant::now();
    tokio::join!(Arc::clone(&runtime).shutdown(Some(60_000)), Arc::clone(&runtime).shutdown(Some(10)),);
    runtime.shutdown(None).await;
    assert!(began.elapsed() < Duration::from_millis(100), "took {:?}", began.elapsed());
    assert_eq!(Arc::strong_count(&store), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_aborted_is_done_by_the_next_runtime() {
    let store = store();
    started(&store).await.shutdown(Some(0)).await;
    let runtime = Runtime::start_with_store(Arc::clone(&store) as _, slow(Arc::default()), calls_slow()).await;
    let client = Client::new(Arc::clone(&store) as _);
    assert_eq!(ended(&client, "i").await.unwrap(), "x");
    runtime.shutdown(None).await;
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn without_grace_it_works_outside_of_tokio() {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let store = Arc::new(MemoryProvider::new());
    let runtime = tokio.block_on(started(&store));
    block_on(runtime.shutdown(Some(0)));
    assert_eq!(Arc::strong_count(&store), 1);
}

#[tokio::test]
#[should_panic(expected = "must be greater than worker lock renewal interval")]
async fn sessions_that_end_under_their_activities_are_refused() {
    let options = RuntimeOptions { session_idle_timeout: Duration::from_secs(25), ..RuntimeOptions::default() };
    start_with(&Arc::new(MemoryProvider::new()), OrchestrationRegistry::default(), options).await;
}
