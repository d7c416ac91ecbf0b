//! A dispatcher that waits in the store is handed what a commit makes ready: once, whole, and nothing that is another's.

use std::collections::HashMap;
use std::future::ready;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duroxide::providers::express::{Commit, ExpressProvider, FetchedTurn, Handover, Head, KnownHeads, TurnRequest};
use duroxide::providers::postgres::PostgresProvider;
use duroxide::providers::signal::WorkQueue;
use duroxide::providers::{ExecutionMetadata, Provider, ProviderError, StartOutcome, WorkItem};

use super::contention::start;
use super::proxy::{Network, Proxy};
use super::server::{Server, fresh_schema};
use super::stage::{PATIENCE, number, run, store, store_at, until};

const LEASE: Duration = Duration::from_secs(600);

/// What the caller knows.
#[derive(Debug, Default)]
struct Known(Mutex<HashMap<String, Head>>);

impl KnownHeads for Known {
    fn head_of(&self, instance: &str) -> Option<Head> {
        self.0.lock().unwrap().get(instance).copied()
    }
}

fn asked(max: usize, known: &[(&str, Head)]) -> TurnRequest {
    let known = known.iter().map(|(id, head)| ((*id).to_owned(), *head)).collect();
    TurnRequest { max, lock_timeout: LEASE, filter: None, known: Arc::new(Known(Mutex::new(known))) }
}

fn express(store: &PostgresProvider) -> &dyn ExpressProvider {
    store.as_express_capability().expect("the store is quick")
}

fn raised(instance: &str) -> WorkItem {
    WorkItem::ExternalRaised { instance: instance.into(), name: "go".into(), data: "1".into() }
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Vec<FetchedTurn>, ProviderError>> + Send + 'a>>;

/// Whether it goes on waiting. Also how it begins to.
async fn waits(waiting: &mut Waiting<'_>) -> bool {
    tokio::select! {
        biased;
        _ = waiting => false,
        () = ready(()) => true,
    }
}

async fn arrived(waiting: Waiting<'_>) -> Vec<FetchedTurn> {
    tokio::time::timeout(PATIENCE, waiting).await.expect("it was handed over").unwrap()
}

async fn fetched(store: &PostgresProvider) -> Vec<FetchedTurn> {
    express(store).fetch_turns(asked(10, &[])).await.unwrap()
}

async fn commit_first(store: &PostgresProvider, turn: &FetchedTurn) -> Head {
    let metadata = ExecutionMetadata {
        orchestration_name: Some("Order".into()),
        orchestration_version: Some("1.0.0".into()),
        ..ExecutionMetadata::default()
    };
    let commit = Commit { execution_id: 1, metadata, ..Commit::default() };
    express(store).commit_turn(&turn.token, turn.head, commit, Handover::default()).await.unwrap().head
}

#[tokio::test]
async fn what_a_commit_makes_ready_is_leased_by_it_to_whoever_waits() {
    let store = store().await;
    let signal = store.work_signal().unwrap();
    let mut waiting: Waiting<'_> = express(&store).await_turns(asked(1, &[]));
    assert!(waits(&mut waiting).await);
    let ticket = signal.ticket(WorkQueue::Orchestrator);
    let before = number(&store, "SELECT count(*) FROM @.commits").await;
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    let turns = arrived(waiting).await;
    assert_eq!((turns[0].item.instance.as_str(), turns[0].attempt), ("a", 1));
    assert_eq!(turns[0].item.messages, [start("a")]);
    assert_eq!(number(&store, "SELECT count(*) FROM @.commits").await - before, 1, "in the same commit");
    assert!(signal.is_quiet(WorkQueue::Orchestrator, ticket), "nothing was left to look for");
    assert!(fetched(&store).await.is_empty());
    commit_first(&store, &turns[0]).await;
    assert_eq!(number(&store, "SELECT count(*) FROM @.orchestrator_queue").await, 0);
    store.enqueue_for_orchestrator(raised("a"), None).await.unwrap();
    assert!(!signal.is_quiet(WorkQueue::Orchestrator, ticket), "nobody waits in the store any more");
}

#[tokio::test]
async fn whoever_waits_takes_no_more_than_it_asked_for_and_nothing_when_it_is_gone() {
    let store = store().await;
    let (mut gone, mut waiting): (Waiting<'_>, Waiting<'_>) =
        (express(&store).await_turns(asked(8, &[])), express(&store).await_turns(asked(1, &[])));
    assert!(waits(&mut gone).await && waits(&mut waiting).await);
    drop(gone);
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    store.enqueue_for_orchestrator(start("b"), None).await.unwrap();
    assert_eq!(arrived(waiting).await[0].item.instance, "a");
    assert_eq!(fetched(&store).await[0].item.instance, "b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_leased_to_whoever_does_not_wait_any_more_goes_back() {
    let store = store().await;
    let mut waiting: Waiting<'_> = express(&store).await_turns(asked(1, &[]));
    assert!(waits(&mut waiting).await);
    store.enqueue_for_orchestrator(start("a"), None).await.unwrap();
    assert!(fetched(&store).await.is_empty());
    drop(waiting);
    until(&store, "SELECT count(*) FROM @.instance_locks", 0).await;
    assert_eq!(fetched(&store).await[0].attempt, 1, "the attempt does not count");
}

/// A history that is not known has to be sent, and its reader may not be able to replay it: that is for a fetch.
#[tokio::test]
async fn only_what_is_new_or_known_is_handed_over() {
    let store = store().await;
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let head = commit_first(&store, &fetched(&store).await[0]).await;
    let mut waiting: Waiting<'_> = express(&store).await_turns(asked(1, &[]));
    assert!(waits(&mut waiting).await);
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    assert!(waits(&mut waiting).await);
    drop(waiting);
    let turn = fetched(&store).await.remove(0);
    assert_eq!(turn.item.messages, [raised("i")]);
    store.abandon_orchestration_item(&turn.token, None, true).await.unwrap();

    let mut waiting: Waiting<'_> = express(&store).await_turns(asked(1, &[("i", head)]));
    assert!(waits(&mut waiting).await);
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    let turn = arrived(waiting).await.remove(0);
    assert!(turn.known && turn.item.history.is_empty());
    assert_eq!(turn.item.messages, [raised("i"), raised("i")], "all that waits for it comes along");
}

#[tokio::test]
async fn what_another_holds_or_is_delayed_is_handed_to_nobody() {
    let store = store().await;
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let held = fetched(&store).await.remove(0);
    let mut waiting: Waiting<'_> = express(&store).await_turns(asked(1, &[]));
    assert!(waits(&mut waiting).await);
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    store.enqueue_for_orchestrator(start("j"), Some(LEASE)).await.unwrap();
    assert!(waits(&mut waiting).await);
    commit_first(&store, &held).await;
    assert!(fetched(&store).await[0].item.messages == [raised("i")], "the holder's lease was left alone");
    store.enqueue_for_orchestrator(start("k"), None).await.unwrap();
    assert_eq!(arrived(waiting).await[0].item.instance, "k", "it was still waited for");
}

#[tokio::test]
async fn a_start_is_compared_and_handed_over_once() {
    let store = store().await;
    let mut waiting: Waiting<'_> = express(&store).await_turns(asked(1, &[]));
    assert!(waits(&mut waiting).await);
    assert_eq!(store.enqueue_start(start("a")).await.unwrap(), StartOutcome::Queued);
    let turn = arrived(waiting).await.remove(0);
    assert_eq!(turn.item.messages, [start("a")]);
    let mut waiting: Waiting<'_> = express(&store).await_turns(asked(1, &[]));
    assert!(waits(&mut waiting).await);
    assert_ne!(store.enqueue_start(start("a")).await.unwrap(), StartOutcome::Queued);
    assert!(waits(&mut waiting).await);
    commit_first(&store, &turn).await;
    assert_ne!(store.enqueue_start(start("a")).await.unwrap(), StartOutcome::Queued);
    assert_eq!(number(&store, "SELECT count(*) FROM @.instance_locks").await, 0, "undone with the start");
    // What waited for its start goes along with it.
    store.enqueue_for_orchestrator(raised("b"), None).await.unwrap();
    assert!(waits(&mut waiting).await);
    assert_eq!(store.enqueue_start(start("b")).await.unwrap(), StartOutcome::Queued);
    assert_eq!(arrived(waiting).await[0].item.messages, [raised("b"), start("b")]);
}

/// The connection is lost at the commit, which takes place in spite of that: nothing is handed over twice, or to nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_handed_over_by_a_commit_that_was_not_answered_arrives_once() {
    let schema = fresh_schema();
    let direct = Arc::new(crate::stores::postgres_in(&schema).await);
    let proxy = Proxy::before(Server::shared().port()).await;
    let store = store_at(proxy.port(), &schema).await;
    let wait = format!(
        "CREATE FUNCTION @.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_advisory_xact_lock_shared(hashtext('{schema}')); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON @.orchestrator_queue DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION @.wait();"
    );
    run(&direct, &wait).await;
    let mut other = direct.get_pool().begin().await.unwrap();
    let lock = format!("SELECT pg_advisory_xact_lock(hashtext('{schema}'))");
    sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *other).await.unwrap();

    let mut waiting: Waiting<'_> = express(&store).await_turns(asked(1, &[]));
    assert!(waits(&mut waiting).await);
    let own = Arc::clone(&store);
    let posting = tokio::spawn(async move { own.enqueue_for_orchestrator(start("a"), None).await });
    let blocked = format!(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'
             AND ((classid::bigint << 32) | objid::bigint) = hashtext('{schema}')::bigint"
    );
    until(&direct, &blocked, 1).await;
    proxy.set(Network::Cut);
    proxy.set(Network::Well);
    other.rollback().await.unwrap();
    posting.await.unwrap().expect("its fate was found out");
    let turns = arrived(waiting).await;
    assert_eq!(turns[0].item.messages, [start("a")]);
    assert!(fetched(&store).await.is_empty());
    commit_first(&store, &turns[0]).await;
    assert_eq!(number(&direct, "SELECT count(*) FROM @.orchestrator_queue").await, 0);
}
