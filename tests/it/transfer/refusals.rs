//! What a transfer refuses, on both kinds of stores; and what a store refuses that takes part in one.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::encoded::Encoded;
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{Provider, TagFilter, WorkItem};
use duroxide::runtime::Runtime;
use duroxide::transfer::TransferError;
use duroxide::typed::Problem;
use duroxide::{Client, cancel_transfer, transfer};

use super::{Place, flows, run};
use crate::encoded::Sealed;

/// Source and target, both ways. A path may hold anything, and stands in what a closed store says.
async fn both_ways(folder: &std::path::Path) -> [(Place, Place); 2] {
    [
        (Place::file(folder, "it's $guard$ from.db"), Place::schema()),
        (Place::schema(), Place::file(folder, "it's $guard$ to.db")),
    ]
}

fn raised(instance: &str) -> WorkItem {
    WorkItem::ExternalRaised { instance: instance.into(), name: "go".into(), data: "secret".into() }
}

fn activity(instance: &str) -> WorkItem {
    WorkItem::ActivityExecute {
        instance: instance.into(),
        execution_id: 1,
        id: 2,
        name: "Charge".into(),
        input: "secret".into(),
        session_id: None,
        tag: None,
    }
}

#[tokio::test]
async fn a_source_at_work_is_not_moved_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in both_ways(folder.path()).await {
        let (source, target) = (from.open().await, to.open().await);
        let neighbour = from.open().await;
        let error = transfer(&*source, &*target).await.expect_err("another store is open on it");
        assert!(matches!(error, TransferError::SourceBusy { stores: 1, leases: 0, .. }), "{error}");
        drop(neighbour);
        source.enqueue_for_worker(activity("i")).await.unwrap();
        let lease = Duration::from_secs(60);
        let taken = source.fetch_work_item(lease, Duration::ZERO, None, &TagFilter::DefaultOnly).await.unwrap();
        let (_, token, _) = taken.expect("it is ready");
        // The neighbour's session may take a moment to end.
        let error = loop {
            match transfer(&*source, &*target).await {
                Err(TransferError::SourceBusy { stores: 1, .. }) => tokio::task::yield_now().await,
                ended => break ended.expect_err("an activity is under way"),
            }
        };
        let TransferError::SourceBusy { stores: 0, leases: 1, ends_in, .. } = error else { panic!("{error}") };
        assert!(ends_in > Duration::from_secs(30) && ends_in <= lease, "{ends_in:?}");
        assert!(!error_text(&error).contains("secret"));
        // Nothing was closed.
        source.ack_work_item(&token, None).await.unwrap();
        transfer(&*source, &*target).await.unwrap();
    }
}

fn error_text(error: &TransferError) -> String {
    format!("{error} {error:?}")
}

#[tokio::test]
async fn a_target_that_holds_something_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in both_ways(folder.path()).await {
        let (source, target) = (from.open().await, to.open().await);
        source.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
        target.enqueue_for_orchestrator(raised("j"), None).await.unwrap();
        let error = transfer(&*source, &*target).await.expect_err("it is not empty");
        let TransferError::TargetNotEmpty { table, rows: 1, .. } = &error else { panic!("{error}") };
        assert_eq!(table.name(), "orchestrator_queue");
        assert!(!error_text(&error).contains("secret"));
        // Both go on as they were.
        source.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
        target.enqueue_for_orchestrator(raised("j"), None).await.unwrap();
    }
}

#[tokio::test]
async fn a_store_is_not_moved_to_itself_and_not_by_one_who_cannot() {
    let folder = tempfile::tempdir().unwrap();
    for place in [Place::file(folder.path(), "own.db"), Place::schema()] {
        let store = place.open().await;
        let error = transfer(&*store, &*store).await.expect_err("it is one store");
        assert!(matches!(error, TransferError::SameStore { .. }), "{error}");
        store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
        let error = transfer(&MemoryProvider::new(), &*store).await.expect_err("memory cannot");
        assert!(matches!(error, TransferError::Unsupported { .. }), "{error}");
        let error = cancel_transfer(&*store).await.expect_err("there is none");
        assert!(matches!(error, TransferError::NoTransfer { .. }), "{error}");
    }
}

/// Stops a transfer behind its first batch.
async fn interrupted(source: &dyn Provider, target: &dyn Provider) {
    let (told, mut batches) = tokio::sync::mpsc::unbounded_channel();
    let transfer = transfer(source, target).batch(1).progress(move |_| {
        let _ = told.send(());
    });
    tokio::select! {
        biased;
        Some(()) = batches.recv() => {}
        ended = transfer => panic!("it came to its end: {ended:?}"),
    }
}

#[tokio::test]
async fn a_store_that_takes_part_refuses_everybody_until_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in both_ways(folder.path()).await {
        let (source, target) = (from.open().await, to.open().await);
        for n in 0..3 {
            source.enqueue_for_orchestrator(raised(&format!("i{n}")), None).await.unwrap();
        }
        interrupted(&*source, &*target).await;
        for store in [&source, &target] {
            let error = store.enqueue_for_orchestrator(raised("i"), None).await.expect_err("it is closed");
            assert!(error.is_retryable() && error.message.contains("this store is closed"), "{error}");
            let lease = Duration::from_secs(5);
            let fetched = store.fetch_orchestration_item(lease, Duration::ZERO, None).await;
            assert!(!matches!(fetched, Ok(Some(_))), "nobody may work on it");
            let builder = Runtime::builder(store.clone()).discover().expect("the handlers fit together");
            let problems = builder.start().await.err().expect("it is closed");
            assert!(matches!(&problems.0[..], [Problem::StoreClosed { .. }]), "{problems}");
        }
        let third = Place::file(folder.path(), "third.db").open().await;
        for (from, to) in [(&source, &third), (&third, &target)] {
            let error = transfer(&**from, &**to).await.expect_err("it takes part in another one");
            assert!(matches!(error, TransferError::OtherTransfer { .. }), "{error}");
            let _ = cancel_transfer(&*third).await;
        }
        cancel_transfer(&*target).await.unwrap();
        cancel_transfer(&*source).await.unwrap();
        for store in [&source, &target] {
            store.enqueue_for_orchestrator(raised("again"), None).await.unwrap();
        }
        drop(third);
        std::fs::remove_file(folder.path().join("third.db")).unwrap();
    }
}

#[tokio::test]
async fn a_source_that_is_left_goes_on_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in both_ways(folder.path()).await {
        let (source, target) = (from.open().await, to.open().await);
        source.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
        transfer(&*source, &*target).leave_source().await.unwrap();
        for store in [&source, &target] {
            store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
            let admin = store.as_management_capability().expect("it is manageable");
            assert_eq!(admin.get_queue_depths().await.unwrap().orchestrator_queue, 2);
        }
        drop(source);
        from.open().await;
    }
}

/// Leases, parked and delayed messages, unreadable rows, odd names: what a transfer finds after years.
#[tokio::test]
async fn attempts_stay_counted_and_fences_grow() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in both_ways(folder.path()).await {
        let (source, target) = (from.open().await, to.open().await);
        let odd = "an id\0with \u{fffe} in it";
        source.enqueue_for_worker(activity(odd)).await.unwrap();
        source.enqueue_for_orchestrator(raised(odd), None).await.unwrap();
        let lease = Duration::from_millis(1);
        let mut last_fence = 0;
        for attempt in 1..=3 {
            let fetch =
                || source.fetch_work_item(Duration::from_secs(60), Duration::ZERO, None, &TagFilter::DefaultOnly);
            let (_, token, attempts) = fetch().await.unwrap().expect("it is ready");
            assert_eq!(attempts, attempt);
            last_fence = source.activity_fence(&token).await.unwrap().expect("it can tell");
            source.abandon_work_item(&token, None, false).await.unwrap();
            source.heartbeat_work_item(&token, "half").await.unwrap_err();
        }
        // An orphan is parked, not lost.
        let found = source.fetch_orchestration_item(lease, Duration::ZERO, None).await.unwrap();
        assert!(found.is_none_or(|(item, ..)| item.instance == odd));
        loop {
            match transfer(&*source, &*target).await {
                Err(TransferError::SourceBusy { .. }) => tokio::task::yield_now().await,
                ended => break drop(ended.unwrap()),
            }
        }
        let fetch = target.fetch_work_item(Duration::from_secs(60), Duration::ZERO, None, &TagFilter::DefaultOnly);
        let (item, token, attempts) = fetch.await.unwrap().expect("it was carried");
        assert_eq!((item, attempts), (activity(odd), 4));
        assert!(target.activity_fence(&token).await.unwrap().expect("it can tell") > last_fence);
        let depths = target.as_management_capability().unwrap().get_queue_depths().await.unwrap();
        assert_eq!(depths.orchestrator_queue, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_encoded_is_carried_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (Place::file(folder.path(), "from.db"), Place::schema());
    let sealed = |store| Arc::new(Encoded::new(store, Sealed::default())) as Arc<dyn Provider>;
    let (source, target) = (sealed(from.open().await), sealed(to.open().await));
    let client = Client::new(source.clone());
    let runtime = run(&source).await;
    for n in 1..4 {
        flows::start(&client, n).await;
        flows::feed(&client, n).await;
    }
    runtime.shutdown(None).await;
    transfer(&*source, &*target).await.unwrap();
    let client = Client::new(target.clone());
    let runtime = run(&target).await;
    for n in 1..4 {
        flows::let_go(&client, n).await;
        let ended = client.wait_for_orchestration_typed::<u64>(&flows::id(n), super::PATIENCE).await.unwrap();
        assert_eq!(ended, Ok(flows::model(n)));
    }
    runtime.shutdown(None).await;
}
