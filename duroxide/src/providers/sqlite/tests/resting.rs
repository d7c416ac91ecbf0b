//! Messages that are stored with the turn of an execution that rests: nobody hears of them too soon.
//!
//! Whatever comes between finds them.

use super::carried::{answered, be_patient, patient, queued};
use super::*;
use crate::providers::express::{Committed, FetchedTurn};

/// What a runtime knows in whose memory one execution rests.
#[derive(Debug)]
struct Rests(&'static str, Head);

impl KnownHeads for Rests {
    fn head_of(&self, instance: &str) -> Option<Head> {
        (instance == self.0).then_some(self.1)
    }
}

fn knowing(head: Head) -> TurnRequest {
    TurnRequest { known: Arc::new(Rests("a", head)), ..asked(8) }
}

/// Instance `a` with its first turn, which asked for an activity; where its history ends.
async fn resting(store: &SqliteProvider) -> Head {
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    let turn = store.fetch_turns(asked(1)).await.unwrap().remove(0);
    let commit = first_turn("a", vec![activity("a", 2, None, None)]);
    store.commit_turn(&turn.token, turn.head, commit, Handover::default()).await.unwrap().head
}

/// Somebody in whose memory `a` rests waits for turns, and a message comes: not yet answered, and the turn, leased.
async fn under_way<S>(store: &SqliteProvider, head: Head, sending: &mut S) -> FetchedTurn
where
    S: Future + Unpin,
{
    let mut waiting = store.await_turns(knowing(head));
    assert!(poll_once(&mut waiting).is_none());
    assert!(poll_once(sending).is_none());
    waiting.await.unwrap().remove(0)
}

/// The same with an `a` of its own: what it was sent, and the turn.
async fn sent(
    store: &SqliteProvider,
    item: WorkItem,
) -> (impl Future<Output = Result<(), ProviderError>> + Unpin, FetchedTurn) {
    let head = resting(store).await;
    let mut sending = store.enqueue_for_orchestrator(item, None);
    let turn = under_way(store, head, &mut sending).await;
    (sending, turn)
}

fn next_turn() -> Commit {
    let heard = EventKind::ExternalEvent { name: "Paid".into(), data: "1".into() };
    Commit { delta: vec![Event::with_event_id(2, "a", 1, None, heard)], execution_id: 1, ..Commit::default() }
}

async fn commit(store: &SqliteProvider, turn: &FetchedTurn) -> Result<Committed, ProviderError> {
    store.commit_turn(&turn.token, turn.head, next_turn(), Handover::default()).await
}

async fn leases(store: &SqliteProvider) -> i64 {
    rows(store, "SELECT COUNT(*) FROM instance_locks").await
}

#[tokio::test]
async fn a_message_is_stored_with_its_turn_and_answered_then() {
    let dir = Dir::new();
    for store in [dir.open().await, SqliteProvider::new_in_memory().await.unwrap()] {
        let store = patient(store).await;
        let (mut sending, turn) = sent(&store, raised("a")).await;
        assert_eq!((turn.item.messages.as_slice(), turn.attempt, turn.known), ([raised("a")].as_slice(), 1, true));
        assert_eq!((turn.item.orchestration_name.as_str(), turn.item.version.as_str()), ("Order", "1.0.0"));
        assert_eq!((turn.head.last_event_id, turn.item.execution_id), (1, 1));
        assert!(poll_once(&mut sending).is_none(), "nothing of it is stored");
        assert_eq!((queued(&store).await, leases(&store).await), (0, 0));
        let committed = commit(&store, &turn).await.unwrap();
        answered(sending).await.unwrap();
        assert_eq!((committed.head.last_event_id, store.read("a").await.unwrap().len()), (2, 2));
        assert_eq!((queued(&store).await, leases(&store).await), (0, 0));
        assert!(commit(&store, &turn).await.is_err(), "its token is used up");
    }
}

#[tokio::test]
async fn a_message_for_what_rests_nowhere_or_elsewhere_is_queued() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let head = resting(&store).await;
    let stale = Head { last_event_id: 0, ..head };
    for known in [asked(8), knowing(stale), TurnRequest { known: Arc::new(Rests("b", head)), ..asked(8) }] {
        let mut waiting = store.await_turns(known);
        assert!(poll_once(&mut waiting).is_none());
        answered(store.enqueue_for_orchestrator(raised("a"), None)).await.unwrap();
        let turn = waiting.await.unwrap().remove(0);
        assert_eq!(rows(&store, "SELECT COUNT(*) FROM orchestrator_queue WHERE state = 2").await, 1);
        let nothing = Commit { execution_id: 1, ..Commit::default() };
        store.commit_turn(&turn.token, turn.head, nothing, Handover::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_message_comes_after_those_that_wait_already() {
    let dir = Dir::new();
    let (store, other) = (patient(dir.open().await).await, dir.open().await);
    let head = resting(&store).await;
    let mut waiting = store.await_turns(knowing(head));
    assert!(poll_once(&mut waiting).is_none());
    other.enqueue_for_orchestrator(message("a"), None).await.unwrap();
    answered(store.enqueue_for_orchestrator(raised("a"), None)).await.unwrap();
    assert_eq!(waiting.await.unwrap()[0].item.messages, [message("a"), raised("a")]);
}

#[tokio::test]
async fn a_message_comes_after_an_activity_that_has_ended() {
    let dir = Dir::new();
    let (store, other) = (patient(dir.open().await).await, dir.open().await);
    let head = resting(&store).await;
    let mut waiting = store.await_turns(knowing(head));
    assert!(poll_once(&mut waiting).is_none());
    let (_, work, _) = fetch_activity(&other).await.unwrap();
    other.ack_work_item(&work, Some(completed("a", 2))).await.unwrap();
    answered(store.enqueue_for_orchestrator(raised("a"), None)).await.unwrap();
    assert_eq!(waiting.await.unwrap()[0].item.messages, [completed("a", 2), raised("a")]);
}

#[tokio::test]
async fn a_message_for_later_is_queued() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let head = resting(&store).await;
    let mut waiting = store.await_turns(knowing(head));
    assert!(poll_once(&mut waiting).is_none());
    answered(store.enqueue_for_orchestrator(raised("a"), Some(LOCK))).await.unwrap();
    assert!(poll_once(&mut waiting).is_none());
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM orchestrator_queue WHERE state = 0").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_come_together_are_queued_together() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let head = resting(&store).await;
    let mut waiting = store.await_turns(knowing(head));
    assert!(poll_once(&mut waiting).is_none());
    let held = hold_writer(&store);
    let mut first = store.enqueue_for_orchestrator(message("a"), None);
    assert!(poll_once(&mut first).is_none());
    let mut second = store.enqueue_for_orchestrator(raised("a"), None);
    assert!(poll_once(&mut second).is_none());
    drop(held);
    answered(first).await.unwrap();
    answered(second).await.unwrap();
    assert_eq!(waiting.await.unwrap()[0].item.messages, [message("a"), raised("a")]);
}

#[tokio::test]
async fn a_message_that_whoever_knows_the_execution_does_not_take_goes_to_the_next() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let head = resting(&store).await;
    let unable = TurnRequest {
        filter: Some(DispatcherCapabilityFilter { supported_duroxide_versions: vec![] }),
        ..knowing(head)
    };
    let mut unable = store.await_turns(unable);
    let mut waiting = store.await_turns(asked(8));
    assert!(poll_once(&mut unable).is_none() && poll_once(&mut waiting).is_none());
    answered(store.enqueue_for_orchestrator(raised("a"), None)).await.unwrap();
    assert_eq!(unable.await.unwrap().len(), 0);
    let taken = tokio::time::timeout(LOCK, waiting).await.expect("it is served by the same commit").unwrap();
    assert_eq!(taken[0].item.messages, [raised("a")]);
}

#[tokio::test]
async fn a_turn_that_is_given_back_leaves_its_message_in_the_queue() {
    for (ignore_attempt, attempts) in [(true, 1), (false, 2)] {
        let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
        let (sending, turn) = sent(&store, raised("a")).await;
        store.abandon_orchestration_item(&turn.token, None, ignore_attempt).await.unwrap();
        answered(sending).await.unwrap();
        let (item, _, attempt) = fetch(&store).await.unwrap();
        assert_eq!((item.messages, item.history.len(), attempt), (vec![raised("a")], 1, attempts));
    }
}

#[tokio::test]
async fn a_turn_that_takes_long_keeps_its_lease_and_its_message_is_answered_before() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let (sending, turn) = sent(&store, raised("a")).await;
    be_patient(&store, NOW).await;
    answered(sending).await.unwrap();
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM orchestrator_queue WHERE state = 2").await, 1);
    store.renew_orchestration_item_lock(&turn.token, LOCK).await.unwrap();
    assert!(fetch(&store).await.is_none(), "leased");
    commit(&store, &turn).await.unwrap();
    assert_eq!((queued(&store).await, leases(&store).await), (0, 0));
}

#[tokio::test]
async fn what_is_said_meanwhile_waits_for_the_turn() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let (sending, turn) = sent(&store, raised("a")).await;
    let mut waiting = store.await_turns(knowing(turn.head));
    assert!(poll_once(&mut waiting).is_none());
    answered(store.enqueue_for_orchestrator(message("a"), None)).await.unwrap();
    answered(sending).await.unwrap();
    assert!(poll_once(&mut waiting).is_none(), "the instance is leased");
    commit(&store, &turn).await.unwrap();
    assert_eq!(waiting.await.unwrap()[0].item.messages, [message("a")]);
}

#[tokio::test]
async fn an_activity_that_ends_meanwhile_waits_for_the_turn() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let head = resting(&store).await;
    let (_, work, _) = fetch_activity(&store).await.unwrap();
    let mut sending = store.enqueue_for_orchestrator(raised("a"), None);
    let turn = under_way(&store, head, &mut sending).await;
    let own = [work.clone()];
    let with_turn = store.complete_with_turn(&own, "a", head, next_turn(), Handover::default());
    assert_eq!(with_turn.await.unwrap(), None, "the instance is held");
    store.ack_work_item(&work, Some(completed("a", 2))).await.unwrap();
    answered(sending).await.unwrap();
    assert!(fetch(&store).await.is_none(), "the instance is leased");
    commit(&store, &turn).await.unwrap();
    assert_eq!(fetch(&store).await.unwrap().0.messages, [completed("a", 2)]);
}

#[tokio::test]
async fn what_another_process_sends_meanwhile_waits_for_the_turn() {
    let dir = Dir::new();
    let (store, other) = (patient(dir.open().await).await, dir.open().await);
    let (sending, turn) = sent(&store, raised("a")).await;
    other.enqueue_for_orchestrator(message("a"), None).await.unwrap();
    assert!(fetch(&store).await.is_none(), "the instance is held");
    answered(sending).await.unwrap();
    commit(&store, &turn).await.unwrap();
    assert_eq!(fetch(&store).await.unwrap().0.messages, [message("a")]);
}

#[tokio::test]
async fn a_turn_that_another_process_committed_meanwhile_comes_first() {
    let dir = Dir::new();
    let (store, other) = (patient(dir.open().await).await, dir.open().await);
    let (sending, turn) = sent(&store, raised("a")).await;
    other.enqueue_for_orchestrator(message("a"), None).await.unwrap();
    let theirs = other.fetch_turns(asked(1)).await.unwrap().remove(0);
    assert_eq!(theirs.item.messages, [message("a")], "another process knows nothing of what is under way here");
    commit(&other, &theirs).await.unwrap();
    assert!(!commit(&store, &turn).await.unwrap_err().is_retryable(), "the lease is lost");
    be_patient(&store, NOW).await;
    answered(sending).await.unwrap();
    let (item, _, _) = fetch(&store).await.unwrap();
    assert_eq!((item.messages, item.history.len()), (vec![raised("a")], 2));
}

#[tokio::test]
async fn a_turn_that_another_process_works_on_comes_first() {
    let dir = Dir::new();
    let (store, other) = (patient(dir.open().await).await, dir.open().await);
    let (sending, turn) = sent(&store, raised("a")).await;
    other.enqueue_for_orchestrator(message("a"), None).await.unwrap();
    let theirs = other.fetch_turns(asked(1)).await.unwrap().remove(0);
    assert!(!commit(&store, &turn).await.unwrap_err().is_retryable(), "the lease is lost");
    commit(&other, &theirs).await.expect("nothing was taken from it");
    be_patient(&store, NOW).await;
    answered(sending).await.unwrap();
    assert_eq!(fetch(&store).await.unwrap().0.messages, [raised("a")]);
}

#[tokio::test]
async fn a_history_that_another_program_changed_meanwhile_is_read_again() {
    let dir = Dir::new();
    let store = patient(dir.open().await).await;
    let (sending, turn) = sent(&store, raised("a")).await;
    dir.foreign().execute("UPDATE history SET event_data = replace(event_data, '{}', '[]')", []).unwrap();
    assert!(!commit(&store, &turn).await.unwrap_err().is_retryable(), "it is based on what is no more");
    be_patient(&store, NOW).await;
    answered(sending).await.unwrap();
    assert_eq!(fetch(&store).await.unwrap().0.messages, [raised("a")]);
}

#[tokio::test]
async fn a_message_for_an_instance_that_is_deleted_meanwhile_does_not_bring_it_back() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let (sending, turn) = sent(&store, message("a")).await;
    store.as_management_capability().unwrap().delete_instance("a", true).await.unwrap();
    assert!(!commit(&store, &turn).await.unwrap_err().is_retryable(), "the lease is lost");
    be_patient(&store, NOW).await;
    answered(sending).await.unwrap();
    assert!(fetch(&store).await.is_none());
    assert_eq!(rows(&store, "SELECT COUNT(*) FROM instances").await + leases(&store).await, 0);
}

#[tokio::test]
async fn a_message_for_which_nobody_waits_any_more_stands_in_nobodys_way() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let (sending, turn) = sent(&store, raised("a")).await;
    drop(sending);
    answered(store.enqueue_for_orchestrator(message("a"), None)).await.unwrap();
    assert!(!commit(&store, &turn).await.unwrap_err().is_retryable(), "its message is gone");
    assert_eq!(fetch(&store).await.unwrap().0.messages, [message("a")]);
}

#[tokio::test]
async fn a_message_for_an_instance_with_no_room_is_refused_at_once() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let head = resting(&store).await;
    let mut waiting = store.await_turns(knowing(head));
    assert!(poll_once(&mut waiting).is_none());
    let refused = answered(store.enqueue_if_room(raised("a"), None, 0)).await.unwrap_err();
    assert_eq!(refused.message, ProviderError::queue_full("a", 0).message);
    assert!(poll_once(&mut waiting).is_none(), "nothing came");
}

#[tokio::test]
async fn a_message_on_its_way_takes_room() {
    let store = patient(SqliteProvider::new_in_memory().await.unwrap()).await;
    let head = resting(&store).await;
    let mut sending = store.enqueue_if_room(raised("a"), None, 1);
    let turn = under_way(&store, head, &mut sending).await;
    let refused = answered(store.enqueue_if_room(message("a"), None, 1)).await.unwrap_err();
    assert_eq!(refused.message, ProviderError::queue_full("a", 1).message);
    commit(&store, &turn).await.unwrap();
    answered(sending).await.unwrap();
    answered(store.enqueue_if_room(message("a"), None, 1)).await.unwrap();
}

#[tokio::test]
async fn what_is_asked_for_each_message_reads_no_table_through() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let explained = |sql: &'static str| {
        let explain = move |conn: &Connection| {
            let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let steps = statement.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<Result<Vec<_>, _>>()?;
            Ok(steps.join("; "))
        };
        store.read_with("explain", explain)
    };
    for sql in basis::LOOKUPS {
        let plan = explained(sql).await.unwrap();
        assert!(plan.contains("SEARCH") && !plan.contains("SCAN"), "{plan} of {sql}");
    }
    assert!(explained("SELECT 1 FROM history WHERE event_data = ?1").await.unwrap().contains("SCAN"));
}
