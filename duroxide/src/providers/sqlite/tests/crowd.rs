//! Many requests at once: what one of them does to its neighbours, and to the thread that serves all.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::jobs::{BatchError, Job, Turn};
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_run_again_only_when_a_neighbour_that_fails_had_changed_something() {
    let refused = || StoreError::Refused("no".into());
    for (spoils, runs_expected) in [(false, 1), (true, 2)] {
        let store = SqliteProvider::new_in_memory().await.unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let message = MessageRow::new(&start("a")).unwrap();
        let held = hold_writer(&store);
        let (first, failed, last, ()) = tokio::join!(
            store.write("first", move |conn, wakes| {
                counted.fetch_add(1, Ordering::Relaxed);
                ready::enqueue(conn, &message, 0, 0, wakes)
            }),
            store.write::<(), _>("fails", move |conn, _| {
                if spoils {
                    conn.execute("DELETE FROM orchestrator_queue", [])?;
                }
                Err(refused())
            }),
            store.enqueue_for_orchestrator(start("b"), None),
            async { drop(held) },
        );
        first.unwrap();
        last.unwrap();
        assert!(failed.unwrap_err().message.contains("no"));
        assert_eq!(rows(&store, "SELECT count(*) FROM orchestrator_queue").await, 2);
        assert_eq!(runs.load(Ordering::Relaxed), runs_expected);
    }
}

/// What changes tables may not be run again without the one who asked: it is not undone with its neighbours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guarded_request_is_run_once_though_a_neighbour_fails_that_had_changed_something() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let held = hold_writer(&store);
    let (guarded, failed, last, ()) = tokio::join!(
        store.writer.call_guarded("guarded", move |conn, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(conn.execute_batch("CREATE TABLE theirs (n)")?)
        }),
        store.write::<(), _>("fails", move |conn, _| {
            conn.execute("DELETE FROM instances", [])?;
            conn.execute("INSERT INTO theirs VALUES (1)", [])?;
            Err(StoreError::Refused("no".into()))
        }),
        store.enqueue_for_orchestrator(start("b"), None),
        async { drop(held) },
    );
    guarded.unwrap();
    last.unwrap();
    assert!(failed.unwrap_err().message.contains("no"));
    assert_eq!(rows(&store, "SELECT count(*) FROM theirs").await, 0, "its table is there, and what failed is undone");
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

/// Panics where it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a value may panic when it is dropped");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_the_writer_itself_loses_answers_and_nothing_else() {
    let dir = Dir::new();
    let store = dir.open().await;
    let signal = store.work_signal().unwrap();
    let held = hold_writer(&store);
    let (release, blocked) = mpsc::channel::<()>();
    let (entered, is_running) = mpsc::channel::<()>();
    let mut nobody_waits = Box::pin(store.writer.call("bomb", Durability::Flushed, move |_, _| {
        entered.send(()).unwrap();
        let _ = blocked.recv();
        Ok(Bomb)
    }));
    assert!(poll_once(&mut nobody_waits).is_none());
    let neighbour = store.enqueue_for_orchestrator(start("a"), None);
    let bomb = async {
        let ticket = signal.ticket(WorkQueue::Worker);
        drop(held);
        tokio::task::block_in_place(|| is_running.recv().unwrap());
        // Its answer finds nobody, and goes off in the hands of the writer.
        drop(nobody_waits);
        drop(release);
        ticket
    };
    let (lost, ticket) = tokio::join!(neighbour, bomb);
    let lost = lost.unwrap_err();
    assert!(lost.is_retryable() && lost.message.contains("panicked"), "{lost}");
    let told = signal.wait(WorkQueue::Worker, ticket, Duration::MAX);
    tokio::time::timeout(LOCK, told).await.expect("everybody looks again");
    store.enqueue_for_orchestrator(start("b"), None).await.unwrap();
    dir.foreign().execute("DELETE FROM orchestrator_queue WHERE instance_id = 'a'", []).expect("no lock is left");
    assert_eq!(fetch(&store).await.unwrap().0.instance, "b");
}

/// A request that ends the writer's transaction with a panic.
#[derive(PartialEq)]
pub(super) enum Exploding {
    /// Amid it, and after a change.
    Running,
    /// After its commit.
    Answering,
}

impl Job for Exploding {
    fn turn(&self) -> Turn {
        Turn::Next
    }

    fn durability(&self) -> Durability {
        Durability::Lease
    }

    fn is_wanted(&self) -> bool {
        true
    }

    fn run(&mut self, conn: &Connection, _: &mut Wakes) -> bool {
        conn.execute("DELETE FROM orchestrator_queue", []).unwrap();
        assert!(*self == Exploding::Answering, "nobody catches this but the thread itself");
        true
    }

    fn answer(self: Box<Self>, _: &Result<(), BatchError>) {
        panic!("nobody catches this but the thread itself");
    }
}

#[tokio::test]
async fn a_panic_amid_a_transaction_undoes_it_and_leaves_no_transaction_open() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    store.writer.downgrade().leave(Box::new(Exploding::Running));
    store.enqueue_for_orchestrator(start("b"), None).await.expect("it is no lease, and so no part of that transaction");
    assert_eq!(fetch(&store).await.unwrap().0.instance, "a");
    assert_eq!(fetch(&store).await.unwrap().0.instance, "b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_waits_with_its_callers() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let held = hold_writer(&store);
    let mut flood: Vec<_> =
        (0..writer::INBOX + 500).map(|n| store.enqueue_for_orchestrator(start(&format!("i-{n}")), None)).collect();
    for (n, enqueue) in flood.iter_mut().enumerate() {
        if n % 64 == 0 {
            // A task may do only so much at a time.
            tokio::task::yield_now().await;
        }
        assert!(poll_once(enqueue).is_none());
    }
    assert_eq!(store.writer.room(), 0, "the store holds so many and no more");
    let given_up = flood.split_off(writer::INBOX + 400);
    drop(given_up);
    drop(held);
    for enqueue in flood {
        enqueue.await.unwrap();
    }
    let queued = rows(&store, "SELECT count(*) FROM orchestrator_queue").await;
    assert_eq!(queued, writer::INBOX as i64 + 400, "whoever waited got in, and whoever gave up did not");
}
