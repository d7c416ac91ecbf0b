//! Starts that are stored with their first turn: whatever comes between finds them, and nobody hears of them too soon.

use super::*;
use crate::model::trace::TraceContext;
use crate::providers::express::FetchedTurn;

/// A store that waits for first turns as long as a test takes.
pub(super) async fn patient(store: SqliteProvider) -> SqliteProvider {
    be_patient(&store, 10 * LOCK).await;
    store
}

/// What whoever asked for a start is told, which must not take until the store loses patience.
pub(super) async fn answered<T>(starting: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
    tokio::time::timeout(LOCK, starting).await.expect("something else than patience leads to the answer")
}

pub(super) async fn be_patient(store: &SqliteProvider, patience: Duration) {
    let set = move |_: &Connection, wakes: &mut Wakes| {
        wakes.carried().be_patient(patience);
        Ok(())
    };
    store.writer.call("be_patient", Durability::Lease, set).await.unwrap();
}

/// Somebody waits for turns, and an instance is started: the start, not yet answered, and its first turn, leased.
async fn under_way<S>(store: &SqliteProvider, starting: &mut S) -> FetchedTurn
where
    S: Future + Unpin,
{
    let mut waiting = store.await_turns(asked(1));
    assert!(poll_once(&mut waiting).is_none());
    assert!(poll_once(starting).is_none());
    waiting.await.unwrap().remove(0)
}

async fn commit(store: &SqliteProvider, turn: &FetchedTurn, instance: &str) -> Result<(), ProviderError> {
    let work = vec![activity(instance, 2, None, None)];
    let committed =
        store.commit_turn(&turn.token, turn.head, first_turn(instance, work), hand(TagFilter::DefaultOnly)).await;
    committed.map(drop)
}

pub(super) async fn queued(store: &SqliteProvider) -> i64 {
    rows(store, "SELECT COUNT(*) FROM orchestrator_queue").await
}

#[tokio::test]
async fn a_start_is_stored_with_its_first_turn_and_answered_then() {
    let dir = Dir::new();
    for store in [dir.open().await, SqliteProvider::new_in_memory().await.unwrap()] {
        let store = patient(store).await;
        let mut starting = store.enqueue_for_orchestrator(start("a"), None);
        let turn = under_way(&store, &mut starting).await;
        assert_eq!((turn.item.messages.as_slice(), turn.attempt, turn.known), ([start("a")].as_slice(), 1, false));
        assert_eq!((turn.item.orchestration_name.as_str(), turn.item.version.as_str()), ("Order", "unknown"));
        assert!(poll_once(&mut starting).is_none(), "nothing of it is stored");
        assert_eq!(queued(&store).await, 0);
        commit(&store, &turn, "a").await.unwrap();
        answered(starting).await.unwrap();
        assert_eq!(store.read("a").await.unwrap().len(), 1);
        assert_eq!(rows(&store, "SELECT COUNT(*) FROM instance_locks").await + queued(&store).await, 0);
        assert!(commit(&store, &turn, "a").await.is_err(), "its token is used up");
    }
}

#[tokio::test]
async fn a_start_that_nobody_takes_is_queued_at_once() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    assert_eq!(fetch(&store).await.unwrap().0.messages, [start("a")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_beyond_what_was_asked_for_are_queued() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let mut waiting = store.await_turns(asked(1));
    assert!(poll_once(&mut waiting).is_none());
    let held = hold_writer(&store);
    let mut first = store.enqueue_for_orchestrator(start("a"), None);
    assert!(poll_once(&mut first).is_none());
    let mut second = store.enqueue_for_orchestrator(start("b"), None);
    assert!(poll_once(&mut second).is_none());
    drop(held);
    answered(second).await.unwrap();
    assert_eq!(waiting.await.unwrap()[0].item.instance, "a");
    assert_eq!(fetch(&store).await.unwrap().0.instance, "b");
}

#[tokio::test]
async fn a_first_turn_that_is_given_back_leaves_its_start_in_the_queue() {
    for (ignore_attempt, attempts) in [(true, 1), (false, 2)] {
        let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
        let mut starting = store.enqueue_for_orchestrator(start("a"), None);
        let turn = under_way(&store, &mut starting).await;
        store.abandon_orchestration_item(&turn.token, None, ignore_attempt).await.unwrap();
        answered(starting).await.unwrap();
        let (item, _, attempt) = fetch(&store).await.unwrap();
        assert_eq!((item.messages, attempt), (vec![start("a")], attempts));
    }
}

#[tokio::test]
async fn a_first_turn_that_reaches_nobody_leaves_its_start_in_the_queue() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let mut waiting = store.await_turns(asked(1));
    assert!(poll_once(&mut waiting).is_none());
    let mut starting = store.enqueue_for_orchestrator(start("a"), None);
    assert!(poll_once(&mut starting).is_none());
    // Both were served when this is.
    assert_eq!(pragma(&store, Durability::Lease, "user_version").await, "0");
    drop(waiting);
    answered(starting).await.unwrap();
    assert_eq!(fetch(&store).await.expect("given back").2, 1, "the attempt does not count");
}

#[tokio::test]
async fn a_first_turn_that_takes_long_keeps_its_lease_and_its_start_is_answered_before() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let mut starting = store.enqueue_for_orchestrator(start("a"), None);
    let turn = under_way(&store, &mut starting).await;
    be_patient(&store, NOW).await;
    answered(starting).await.unwrap();
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM orchestrator_queue WHERE state = 2").await, 1);
    store.renew_orchestration_item_lock(&turn.token, LOCK).await.unwrap();
    assert!(fetch(&store).await.is_none(), "leased");
    commit(&store, &turn, "a").await.unwrap();
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM instance_locks").await + queued(&store).await, 0);
}

#[tokio::test]
async fn what_is_said_to_an_instance_whose_start_is_under_way_is_kept_for_it() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let mut starting = store.enqueue_for_orchestrator(start("a"), None);
    let turn = under_way(&store, &mut starting).await;
    store.enqueue_for_orchestrator(message("a"), None).await.unwrap();
    answered(starting).await.unwrap();
    assert!(fetch(&store).await.is_none(), "the instance is leased");
    commit(&store, &turn, "a").await.unwrap();
    assert_eq!(fetch(&store).await.unwrap().0.messages, [message("a")]);
}

#[tokio::test]
async fn what_waited_for_an_instance_is_no_part_of_the_turn_that_did_not_see_it() {
    let dir = Dir::new();
    let (store, other) = (patient(dir.open().await).await, dir.open().await);
    let mut starting = store.enqueue_for_orchestrator(start("a"), None);
    let turn = under_way(&store, &mut starting).await;
    // Another process knows nothing of a start under way here.
    other.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    commit(&store, &turn, "a").await.unwrap();
    answered(starting).await.unwrap();
    assert_eq!(fetch(&store).await.unwrap().0.messages, [raised("a")]);
}

#[tokio::test]
async fn a_second_start_finds_the_first_that_is_under_way() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let mut starting = store.enqueue_start(start("a"));
    let turn = under_way(&store, &mut starting).await;
    let mut waiting = store.await_turns(asked(1));
    assert!(poll_once(&mut waiting).is_none());
    assert_eq!(store.enqueue_start(start("a")).await.unwrap(), StartOutcome::Exists);
    assert_eq!(answered(starting).await.unwrap(), StartOutcome::Queued);
    commit(&store, &turn, "a").await.unwrap();
    assert_eq!(queued(&store).await, 0);
}

#[tokio::test]
async fn of_two_starts_in_two_processes_one_is_told_of_the_other() {
    let dir = Dir::new();
    let (store, other) = (dir.open().await, dir.open().await);
    be_patient(&store, 10 * LOCK).await;
    let mut starting = store.enqueue_start(start("a"));
    let turn = under_way(&store, &mut starting).await;
    assert_eq!(other.enqueue_start(start("a")).await.unwrap(), StartOutcome::Queued);
    assert!(!commit(&store, &turn, "a").await.unwrap_err().is_retryable(), "the lease is lost");
    be_patient(&store, NOW).await;
    assert_eq!(answered(starting).await.unwrap(), StartOutcome::Exists);
    assert_eq!(fetch(&other).await.unwrap().0.messages, [start("a")]);
}

#[tokio::test]
async fn a_start_that_was_answered_in_another_process_is_not_overtaken_by_one_under_way() {
    let dir = Dir::new();
    let (store, other) = (patient(dir.open().await).await, dir.open().await);
    // Nothing is compared here.
    let mut starting = store.enqueue_for_orchestrator(start("a"), None);
    let turn = under_way(&store, &mut starting).await;
    assert_eq!(other.enqueue_start(start_with("a", "[]")).await.unwrap(), StartOutcome::Queued);
    assert!(!commit(&store, &turn, "a").await.unwrap_err().is_retryable(), "the lease is lost");
    be_patient(&store, NOW).await;
    answered(starting).await.unwrap();
    assert_eq!(fetch(&store).await.unwrap().0.messages, [start_with("a", "[]"), start("a")]);
}

#[tokio::test]
async fn a_start_that_fails_in_the_end_fails_for_whoever_asked_alone() {
    let dir = Dir::new();
    let (store, other) = (patient(dir.open().await).await, dir.open().await);
    let mut starting = store.enqueue_if_room(start("a"), None, 1);
    let _turn = under_way(&store, &mut starting).await;
    other.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    store.enqueue_for_orchestrator(message("a"), None).await.expect("there is room for it");
    let told = answered(starting).await.expect_err("there was none left for the start");
    assert_eq!(told.message, ProviderError::queue_full("a", 1).message);
    assert_eq!(queued(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_starts_of_one_transaction_are_one_instance() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let mut waiting = store.await_turns(asked(8));
    assert!(poll_once(&mut waiting).is_none());
    let held = hold_writer(&store);
    let (mut one, mut other) = (store.enqueue_start(start("a")), store.enqueue_start(start("a")));
    assert!(poll_once(&mut one).is_none() && poll_once(&mut other).is_none());
    drop(held);
    let turns = waiting.await.unwrap();
    assert_eq!(turns.len(), 1);
    let _ = commit(&store, &turns[0], "a").await;
    be_patient(&store, NOW).await;
    let outcomes = [answered(one).await.unwrap(), answered(other).await.unwrap()];
    assert!(outcomes.contains(&StartOutcome::Queued), "{outcomes:?}");
    assert!(outcomes.contains(&StartOutcome::Exists), "{outcomes:?}");
}

#[tokio::test]
async fn a_start_for_which_nobody_waits_any_more_stands_in_nobodys_way() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let mut starting = store.enqueue_start(start("a"));
    let turn = under_way(&store, &mut starting).await;
    drop(starting);
    store.abandon_orchestration_item(&turn.token, None, true).await.unwrap_err();
    assert_eq!(queued(&store).await, 0, "as if nobody had asked");
    assert_eq!(store.enqueue_start(start("a")).await.unwrap(), StartOutcome::Queued);
}

#[tokio::test]
async fn a_start_that_takes_the_place_of_one_for_which_nobody_waits_is_answered_when_it_is_stored() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let mut given_up = store.enqueue_start(start("a"));
    let old = under_way(&store, &mut given_up).await;
    drop(given_up);
    let mut starting = store.enqueue_start(start("a"));
    let turn = under_way(&store, &mut starting).await;
    assert!(poll_once(&mut starting).is_none(), "nothing of it is stored");
    assert!(!commit(&store, &old, "a").await.unwrap_err().is_retryable(), "its start is gone");
    commit(&store, &turn, "a").await.unwrap();
    assert_eq!(answered(starting).await.unwrap(), StartOutcome::Queued);
}

#[tokio::test]
async fn a_start_in_a_trace_finds_the_one_that_is_under_way() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let mut starting = store.enqueue_start(start("a"));
    let turn = under_way(&store, &mut starting).await;
    let trace = TraceContext::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None).unwrap();
    assert_eq!(store.start_traced(start("a"), None, &trace).await.unwrap(), StartOutcome::Exists);
    assert_eq!(answered(starting).await.unwrap(), StartOutcome::Queued);
    commit(&store, &turn, "a").await.unwrap();
}

#[tokio::test]
async fn a_start_that_is_lost_with_the_writer_is_told_so() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let mut starting = store.enqueue_start(start("a"));
    let turn = under_way(&store, &mut starting).await;
    store.writer.downgrade().leave(Box::new(crowd::Exploding::Answering));
    assert!(answered(starting).await.unwrap_err().is_retryable());
    assert!(!commit(&store, &turn, "a").await.unwrap_err().is_retryable(), "the lease is lost");
    assert_eq!(store.enqueue_start(start("a")).await.unwrap(), StartOutcome::Queued);
}

#[tokio::test]
async fn whatever_may_store_a_start_is_flushed() {
    let dir = Dir::new();
    let store = patient(dir.open().await).await;
    assert_eq!(pragma(&store, Durability::Lease, "synchronous").await, "1");
    let mut starting = store.enqueue_for_orchestrator(start("a"), None);
    let turn = under_way(&store, &mut starting).await;
    assert_eq!(pragma(&store, Durability::Lease, "synchronous").await, "2");
    commit(&store, &turn, "a").await.unwrap();
    answered(starting).await.unwrap();
    assert_eq!(pragma(&store, Durability::Lease, "synchronous").await, "1");
}
