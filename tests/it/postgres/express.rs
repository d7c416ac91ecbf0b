//! The quick half of a store does what the required methods would, on every store that has it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duroxide::providers::express::{
    ActivityRequest, Commit, Committed, ExpressProvider, FetchedTurn, Handover, Head, KnownHeads, TurnRequest,
};
use duroxide::providers::{
    Event, EventKind, ExecutionMetadata, Provider, ScheduledActivityIdentifier, TagFilter, WorkItem,
};

const LEASE: Duration = Duration::from_secs(60);

/// Runs each test on SQLite and on PostgreSQL.
macro_rules! on_express_stores {
    ($($test:ident),* $(,)?) => {
        $(
            mod $test {
                #[tokio::test]
                async fn on_sqlite() {
                    let (store, _kept) = $crate::stores::sqlite_file().await;
                    super::$test(&*store).await;
                }

                #[tokio::test]
                async fn on_postgres() {
                    let (store, _kept) = $crate::stores::postgres().await;
                    super::$test(&*store).await;
                }
            }
        )*
    };
}

on_express_stores!(
    a_known_history_is_not_sent,
    a_history_that_went_on_is_sent,
    a_new_life_of_an_instance_is_not_known,
    activities_are_handed_over_unless_others_wait,
    activities_for_others_stay_between_those_handed_over,
    an_activity_asked_for_and_cancelled_is_handed_to_nobody,
    activities_end_with_their_turn,
    a_turn_is_not_committed_past_a_message,
    a_turn_is_not_committed_beside_a_holder,
    a_turn_of_an_old_head_is_not_committed,
    a_turn_of_a_lost_activity_is_refused,
    a_batch_is_shared_out_in_order,
);

/// What the caller knows.
#[derive(Debug, Default)]
struct Known(Mutex<HashMap<String, Head>>);

impl Known {
    fn of(heads: &[(&str, Head)]) -> Arc<Self> {
        Arc::new(Known(Mutex::new(heads.iter().map(|(id, head)| ((*id).to_owned(), *head)).collect())))
    }
}

impl KnownHeads for Known {
    fn head_of(&self, instance: &str) -> Option<Head> {
        self.0.lock().unwrap().get(instance).copied()
    }
}

fn express(store: &dyn Provider) -> &dyn ExpressProvider {
    store.as_express_capability().expect("the store is quick")
}

async fn turns(store: &dyn Provider, max: usize, known: Arc<Known>) -> Vec<FetchedTurn> {
    let request = TurnRequest { max, lock_timeout: LEASE, filter: None, known };
    express(store).fetch_turns(request).await.unwrap()
}

async fn turn(store: &dyn Provider, known: Arc<Known>) -> FetchedTurn {
    turns(store, 1, known).await.into_iter().next().expect("a turn is ready")
}

fn event(event_id: u64, kind: EventKind) -> Event {
    Event {
        event_id,
        source_event_id: None,
        instance_id: "i".into(),
        execution_id: 1,
        timestamp_ms: 7,
        duroxide_version: "0.2.0".into(),
        kind,
    }
}

fn started() -> Event {
    event(
        1,
        EventKind::OrchestrationStarted {
            name: "Order".into(),
            version: "1.0.0".into(),
            input: "{}".into(),
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            carry_forward_events: None,
            initial_custom_status: None,
        },
    )
}

fn start(instance: &str) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: instance.into(),
        orchestration: "Order".into(),
        input: "{}".into(),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}

fn raised(instance: &str) -> WorkItem {
    WorkItem::ExternalRaised { instance: instance.into(), name: "go".into(), data: "1".into() }
}

fn activity(instance: &str, id: u64) -> WorkItem {
    WorkItem::ActivityExecute {
        instance: instance.into(),
        execution_id: 1,
        id,
        name: "Charge".into(),
        input: "{}".into(),
        session_id: None,
        tag: None,
    }
}

fn done(event_id: u64) -> Event {
    event(event_id, EventKind::ActivityCompleted { result: "ok".into() })
}

fn named() -> ExecutionMetadata {
    ExecutionMetadata {
        orchestration_name: Some("Order".into()),
        orchestration_version: Some("1.0.0".into()),
        ..ExecutionMetadata::default()
    }
}

fn adds(delta: Vec<Event>) -> Commit {
    Commit {
        execution_id: 1,
        delta,
        worker_items: Vec::new(),
        orchestrator_items: Vec::new(),
        metadata: ExecutionMetadata::default(),
        cancelled_activities: Vec::new(),
    }
}

fn hand(max: usize) -> Handover {
    Handover { max, lock_timeout: LEASE, tags: TagFilter::DefaultOnly }
}

/// An instance whose first turn asked for these activities.
async fn begun(store: &dyn Provider, activities: Vec<WorkItem>, handover: Handover) -> Committed {
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let turn = turn(store, Known::of(&[])).await;
    assert!(!turn.known);
    let commit = Commit { worker_items: activities, metadata: named(), ..adds(vec![started()]) };
    express(store).commit_turn(&turn.token, turn.head, commit, handover).await.unwrap()
}

async fn activities_for_others_stay_between_those_handed_over(store: &dyn Provider) {
    let (mut in_session, mut elsewhere) = (activity("i", 3), activity("i", 5));
    if let WorkItem::ActivityExecute { session_id, .. } = &mut in_session {
        *session_id = Some("s".into());
    }
    if let WorkItem::ActivityExecute { tag, .. } = &mut elsewhere {
        *tag = Some("gpu".into());
    }
    let asked = vec![activity("i", 2), in_session, activity("i", 4), elsewhere, activity("i", 6)];
    let committed = begun(store, asked, hand(5)).await;
    let handed: Vec<usize> = committed.leased.iter().map(|leased| leased.index).collect();
    assert_eq!(handed, [0, 2, 4]);
    for leased in committed.leased {
        store.renew_work_item_lock(&leased.token, LEASE).await.unwrap();
    }
}

async fn an_activity_asked_for_and_cancelled_is_handed_to_nobody(store: &dyn Provider) {
    store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
    let turn = turn(store, Known::of(&[])).await;
    let dropped = ScheduledActivityIdentifier { instance: "i".into(), execution_id: 1, activity_id: 2 };
    let commit = Commit {
        worker_items: vec![activity("i", 2), activity("i", 3)],
        cancelled_activities: vec![dropped],
        metadata: named(),
        ..adds(vec![started()])
    };
    let committed = express(store).commit_turn(&turn.token, turn.head, commit, hand(2)).await.unwrap();
    let handed: Vec<usize> = committed.leased.iter().map(|leased| leased.index).collect();
    assert_eq!(handed, [1]);
    assert_eq!(waiting_activities(store).await, 0);
}

async fn waiting_activities(store: &dyn Provider) -> usize {
    let request = ActivityRequest { max: 100, lock_timeout: LEASE, session: None, tags: TagFilter::DefaultOnly };
    express(store).fetch_activities(request).await.unwrap().len()
}

async fn a_known_history_is_not_sent(store: &dyn Provider) {
    let committed = begun(store, vec![], hand(0)).await;
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    let turn = turn(store, Known::of(&[("i", committed.head)])).await;
    assert!(turn.known && turn.item.history.is_empty());
    assert_eq!(turn.item.messages, [raised("i")]);
    assert_eq!(turn.head.last_event_id, 1);
}

async fn a_history_that_went_on_is_sent(store: &dyn Provider) {
    let committed = begun(store, vec![], hand(0)).await;
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    let other = turn(store, Known::of(&[])).await;
    express(store).commit_turn(&other.token, other.head, adds(vec![done(2)]), hand(0)).await.unwrap();
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    let turn = turn(store, Known::of(&[("i", committed.head)])).await;
    assert!(!turn.known);
    assert_eq!(turn.item.history.len(), 2);
}

async fn a_new_life_of_an_instance_is_not_known(store: &dyn Provider) {
    let committed = begun(store, vec![], hand(0)).await;
    store.as_management_capability().unwrap().delete_instance("i", true).await.unwrap();
    let other = begun(store, vec![], hand(0)).await;
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    let first = turn(store, Known::of(&[("i", committed.head)])).await;
    // SQLite compares what is written, and both lives wrote the same.
    assert!(!first.known || committed.head.digest == other.head.digest);
}

async fn activities_are_handed_over_unless_others_wait(store: &dyn Provider) {
    let committed = begun(store, vec![activity("i", 2), activity("i", 3)], hand(1)).await;
    assert_eq!(committed.leased.iter().map(|leased| leased.index).collect::<Vec<_>>(), [0]);
    store.renew_work_item_lock(&committed.leased[0].token, LEASE).await.unwrap();
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    let turn = turn(store, Known::of(&[])).await;
    let commit = Commit { worker_items: vec![activity("i", 5)], ..adds(vec![done(4)]) };
    let committed = express(store).commit_turn(&turn.token, turn.head, commit, hand(1)).await.unwrap();
    assert!(committed.leased.is_empty(), "it would overtake the one that waits");
    assert_eq!(waiting_activities(store).await, 2);
}

async fn activities_end_with_their_turn(store: &dyn Provider) {
    let committed = begun(store, vec![activity("i", 2), activity("i", 3)], hand(2)).await;
    let tokens: Vec<String> = committed.leased.iter().map(|leased| leased.token.clone()).collect();
    let commit = Commit { worker_items: vec![activity("i", 6)], ..adds(vec![done(4), done(5)]) };
    let next = express(store).complete_with_turn(&tokens, "i", committed.head, commit, hand(1)).await.unwrap();
    let next = next.expect("nothing is in the way");
    assert_eq!(store.read("i").await.unwrap().len(), 3);
    assert!(store.renew_work_item_lock(&tokens[0], LEASE).await.is_err(), "they are done");
    assert_eq!(next.leased.len(), 1);
    let tokens = [next.leased[0].token.clone()];
    let last = Commit {
        metadata: ExecutionMetadata { status: Some("Completed".into()), ..ExecutionMetadata::default() },
        ..adds(vec![done(7)])
    };
    let ended = express(store).complete_with_turn(&tokens, "i", next.head, last, hand(0)).await.unwrap();
    assert!(ended.is_some());
    let info = store.as_management_capability().unwrap().get_instance_info("i").await.unwrap();
    assert_eq!(info.status, "Completed");
    assert!(turns(store, 1, Known::of(&[])).await.is_empty());
}

/// A completion that comes to nothing: it changed nothing, and works the ordinary way.
async fn comes_to_nothing(store: &dyn Provider, token: &str, head: Head) {
    let tokens = [token.to_owned()];
    let done = express(store).complete_with_turn(&tokens, "i", head, adds(vec![done(9)]), hand(0)).await.unwrap();
    assert!(done.is_none());
    assert!(store.read("i").await.unwrap().iter().all(|event| event.event_id != 9));
    let completion = WorkItem::ActivityCompleted { instance: "i".into(), execution_id: 1, id: 2, result: "ok".into() };
    store.ack_work_item(token, Some(completion)).await.unwrap();
}

async fn a_turn_is_not_committed_past_a_message(store: &dyn Provider) {
    let committed = begun(store, vec![activity("i", 2)], hand(1)).await;
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    comes_to_nothing(store, &committed.leased[0].token, committed.head).await;
    assert_eq!(turn(store, Known::of(&[])).await.item.messages.len(), 2);
}

async fn a_turn_is_not_committed_beside_a_holder(store: &dyn Provider) {
    let committed = begun(store, vec![activity("i", 2)], hand(1)).await;
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    let held = turn(store, Known::of(&[])).await;
    comes_to_nothing(store, &committed.leased[0].token, committed.head).await;
    express(store).commit_turn(&held.token, held.head, adds(vec![done(3)]), hand(0)).await.unwrap();
}

async fn a_turn_of_an_old_head_is_not_committed(store: &dyn Provider) {
    let committed = begun(store, vec![activity("i", 2)], hand(1)).await;
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    let other = turn(store, Known::of(&[])).await;
    express(store).commit_turn(&other.token, other.head, adds(vec![done(3)]), hand(0)).await.unwrap();
    comes_to_nothing(store, &committed.leased[0].token, committed.head).await;
}

async fn a_turn_of_a_lost_activity_is_refused(store: &dyn Provider) {
    let committed = begun(store, vec![activity("i", 2)], hand(1)).await;
    let tokens = [committed.leased[0].token.clone()];
    store.abandon_work_item(&tokens[0], None, true).await.unwrap();
    let refused = express(store).complete_with_turn(&tokens, "i", committed.head, adds(vec![done(3)]), hand(0)).await;
    assert!(!refused.expect_err("the lease is gone").is_retryable());
    assert_eq!(store.read("i").await.unwrap(), [started()]);
    assert_eq!(waiting_activities(store).await, 1);
}

async fn a_batch_is_shared_out_in_order(store: &dyn Provider) {
    for instance in ["c", "a", "b"] {
        store.enqueue_for_orchestrator(start(instance), None).await.unwrap();
    }
    let instances = |turns: Vec<FetchedTurn>| turns.into_iter().map(|turn| turn.item.instance).collect::<Vec<_>>();
    assert_eq!(instances(turns(store, 2, Known::of(&[])).await), ["c", "a"]);
    assert_eq!(instances(turns(store, 2, Known::of(&[])).await), ["b"]);
}
