//! Transactions that are in each other's way: nobody waits in a circle, and what the database undoes is done again.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::express::{ActivityRequest, Head, KnownHeads, TurnRequest};
use duroxide::providers::postgres::PostgresProvider;
use duroxide::providers::{ExecutionMetadata, Provider, TagFilter, WorkItem};
use sqlx::{AssertSqlSafe, PgTransaction};

use super::stage::{PATIENCE, number, run, store, trip, until_waited_for};

const LEASE: Duration = Duration::from_secs(60);

pub(super) fn start(instance: &str) -> WorkItem {
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

pub(super) fn activity(instance: &str, id: u64) -> WorkItem {
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

fn message(instance: &str) -> WorkItem {
    WorkItem::QueueMessage { instance: instance.into(), name: "inbox".into(), data: "1".into() }
}

/// Nothing is known.
#[derive(Debug)]
struct Nothing;

impl KnownHeads for Nothing {
    fn head_of(&self, _: &str) -> Option<Head> {
        None
    }
}

pub(super) async fn turns(store: &PostgresProvider, max: usize) -> Vec<(String, String)> {
    let request = TurnRequest { max, lock_timeout: LEASE, filter: None, known: Arc::new(Nothing) };
    let express = store.as_express_capability().unwrap();
    express.fetch_turns(request).await.unwrap().into_iter().map(|turn| (turn.item.instance, turn.token)).collect()
}

async fn activities(store: &PostgresProvider, max: usize) -> Vec<String> {
    let request = ActivityRequest { max, lock_timeout: LEASE, session: None, tags: TagFilter::DefaultOnly };
    let express = store.as_express_capability().unwrap();
    express.fetch_activities(request).await.unwrap().into_iter().map(|activity| activity.token).collect()
}

async fn commit(store: &PostgresProvider, token: &str) {
    let metadata = ExecutionMetadata::default();
    store.ack_orchestration_item(token, 1, vec![], vec![], vec![], metadata, vec![]).await.unwrap();
}

/// Somebody else who holds the first row of several, as whoever goes in the order of keys would.
async fn holder<'a>(store: &'a PostgresProvider, rows: &str) -> PgTransaction<'a> {
    let mut other = store.get_pool().begin().await.unwrap();
    lock(store, &mut other, rows, "").await;
    other
}

async fn lock(store: &PostgresProvider, other: &mut PgTransaction<'_>, rows: &str, how: &str) {
    let sql = format!("SELECT 1 FROM {}.{rows} FOR UPDATE {how}", store.schema());
    let locked = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut **other).await;
    assert_eq!(locked.expect("nobody holds it before its turn").len(), 1, "{rows}");
}

/// `work` locks two rows. While it waits for the first one in the order of keys, it does not hold the second.
async fn goes_in_order(store: &PostgresProvider, first: &str, second: &str, work: impl Future<Output = ()>) {
    let mut other = holder(store, first).await;
    let meanwhile = async {
        until_waited_for(store, &mut other).await;
        lock(store, &mut other, second, "NOWAIT").await;
        other.rollback().await.unwrap();
    };
    let both = async { tokio::join!(work, meanwhile) };
    tokio::time::timeout(PATIENCE, both).await.expect("it ends");
}

#[tokio::test]
async fn leases_are_taken_in_the_order_of_instances() {
    let store = store().await;
    for instance in ["b", "a"] {
        store.enqueue_for_orchestrator(start(instance), None).await.unwrap();
    }
    run(&store, "INSERT INTO @.instance_locks SELECT i, 'old', 0, 0, 'gone', 1 FROM unnest('{a,b}'::text[]) i").await;
    let [a, b] = ["a", "b"].map(|i| format!("instance_locks WHERE instance_id = '{i}'"));
    let fetch = async {
        let instances: Vec<String> = turns(&store, 2).await.into_iter().map(|(instance, _)| instance).collect();
        assert_eq!(instances, ["b", "a"], "the earliest message first");
    };
    goes_in_order(&store, &a, &b, fetch).await;
}

#[tokio::test]
async fn turns_are_committed_in_the_order_of_instances() {
    let store = store().await;
    for instance in ["b", "a"] {
        store.enqueue_for_orchestrator(start(instance), None).await.unwrap();
    }
    let leased = turns(&store, 2).await;
    let [a, b] = ["a", "b"].map(|i| format!("instance_locks WHERE instance_id = '{i}'"));
    let commit = async { _ = tokio::join!(commit(&store, &leased[0].1), commit(&store, &leased[1].1)) };
    goes_in_order(&store, &a, &b, commit).await;
    assert_eq!(number(&store, "SELECT count(*) FROM @.instance_locks").await, 0);
}

#[tokio::test]
async fn activities_end_in_the_order_of_their_keys() {
    let store = store().await;
    for id in [3, 2] {
        store.enqueue_for_worker(activity("i", id)).await.unwrap();
    }
    let tokens = activities(&store, 2).await;
    let [two, three] = [2, 3].map(|id| format!("worker_queue WHERE activity_id = {id}"));
    let end = async {
        let (one, other) = tokio::join!(store.ack_work_item(&tokens[0], None), store.ack_work_item(&tokens[1], None));
        one.and(other).unwrap();
    };
    goes_in_order(&store, &two, &three, end).await;
    assert_eq!(number(&store, "SELECT count(*) FROM @.worker_queue").await, 0);
}

/// Whoever looks at a message may wait for the lease of its instance; who has the lease must not wait for the message.
#[tokio::test]
async fn who_has_a_lease_waits_for_no_message_that_others_look_at() {
    let store = store().await;
    for item in [start("i"), message("i"), message("nobody"), message("nobody")] {
        store.enqueue_for_orchestrator(item, None).await.unwrap();
    }
    // The lease of the one before ended by itself, in the middle of a batch.
    run(
        &store,
        "INSERT INTO @.instance_locks (instance_id, lock_token, locked_until, locked_at, owner, fence, batch)
         SELECT 'i', 'old', 0, 0, 'gone', 1, array_agg(id) FROM @.orchestrator_queue WHERE instance_id = 'i'",
    )
    .await;
    let mut other = holder(&store, "orchestrator_queue WHERE id = 1").await;
    lock(&store, &mut other, "orchestrator_queue WHERE id = 3", "").await;
    let fetched = store.fetch_orchestration_item(LEASE, Duration::ZERO, None);
    let fetched = tokio::time::timeout(PATIENCE / 3, fetched).await.expect("it waits for nobody");
    let (item, token, attempt) = fetched.unwrap().expect("a turn is ready");
    assert_eq!((item.instance.as_str(), item.messages.len(), attempt), ("i", 2, 2));
    other.rollback().await.unwrap();
    // What ended without an ack counts also when the next one gives it back.
    store.abandon_orchestration_item(&token, None, false).await.unwrap();
    let again = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().expect("it is back");
    assert_eq!(again.2, 3);
}

/// While a deletion takes its time, its instances are passed over.
#[tokio::test]
async fn whoever_looks_for_work_waits_for_no_deletion() {
    let store = store().await;
    for instance in ["a", "b"] {
        store.enqueue_for_orchestrator(start(instance), None).await.unwrap();
    }
    run(&store, "INSERT INTO @.kv_store VALUES ('a', 'k', 'v', 1)").await;
    let mut other = holder(&store, "kv_store").await;
    let deleting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            store.as_management_capability().unwrap().delete_instances_atomic(&["a".to_owned()], true).await
        })
    };
    until_waited_for(&store, &mut other).await;
    let fetched = tokio::time::timeout(PATIENCE / 3, turns(&store, 2)).await.expect("it waits for nobody");
    assert_eq!(fetched.into_iter().map(|(instance, _)| instance).collect::<Vec<_>>(), ["b"]);
    other.rollback().await.unwrap();
    deleting.await.unwrap().expect("nothing is in its way");
    assert_eq!(number(&store, "SELECT count(*) FROM @.orchestrator_queue WHERE instance_id = 'a'").await, 0);
}

#[tokio::test]
async fn what_the_database_undid_is_done_again() {
    for state in ["40P01", "40001"] {
        let store = store().await;
        store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
        trip(&store, "instance_locks", "INSERT", state, 1).await;
        let (_, token, _) = store
            .fetch_orchestration_item(LEASE, Duration::ZERO, None)
            .await
            .expect("a claim is repeated")
            .expect("a turn is ready");
        commit(&store, &token).await;
        run(&store, "DROP TRIGGER trip ON @.instance_locks; SELECT setval('@.tripped', 1, false)").await;

        store.enqueue_for_worker(activity("i", 2)).await.unwrap();
        run(&store, "CREATE TRIGGER trip BEFORE UPDATE ON @.worker_queue FOR EACH ROW EXECUTE FUNCTION @.trip();")
            .await;
        assert_eq!(activities(&store, 1).await.len(), 1, "so is that of an activity");
        run(&store, "DROP TRIGGER trip ON @.worker_queue; SELECT setval('@.tripped', 1, false)").await;

        run(&store, "CREATE TRIGGER trip BEFORE DELETE ON @.worker_queue FOR EACH ROW EXECUTE FUNCTION @.trip();")
            .await;
        let admin = store.as_management_capability().unwrap();
        admin.delete_instances_atomic(&["i".to_owned()], true).await.expect("and a deletion");
    }
}
