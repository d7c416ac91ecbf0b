//! What is bounded here: texts that no index of PostgreSQL can hold, how much of histories comes in one answer, and how
//! many transactions a deletion takes.

use std::time::Duration;

use duroxide::providers::postgres::PostgresProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{Event, EventKind, ExecutionMetadata, InstanceFilter, Provider};
use duroxide::transfer::TransferError;
use duroxide::{cancel_transfer, transfer};

use super::contention::{start, turns};
use super::stage::{number, run, store};

const LEASE: Duration = Duration::from_secs(60);

/// So many letters in which nothing repeats that could be packed.
fn noise(length: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from_digit((state >> 40) as u32 % 36, 36).unwrap()
    };
    (0..length).map(next).collect()
}

#[tokio::test]
async fn an_id_is_as_long_as_an_index_can_hold() {
    let store = store().await;
    let (longest, longer) = (noise(2_600), noise(2_601));
    let refused = store.enqueue_for_orchestrator(start(&longer), None).await.unwrap_err();
    assert!(!refused.is_retryable());
    assert_eq!(refused.message, "instance id: expected at most 2600 bytes in PostgreSQL, found 2601");
    assert_eq!(store.enqueue_start(start(&longer)).await.unwrap_err().message, refused.message);
    assert_eq!(number(&store, "SELECT count(*) FROM @.orchestrator_queue").await, 0);

    // What is not refused there is not refused later on.
    store.enqueue_for_orchestrator(start(&longest), None).await.unwrap();
    let (_, token, _) = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().unwrap();
    let metadata = ExecutionMetadata {
        orchestration_name: Some("Order".into()),
        orchestration_version: Some("1.0.0".into()),
        parent_instance_id: Some(longest.clone()),
        ..ExecutionMetadata::default()
    };
    let activity = super::contention::activity(&longest, 2);
    let begun = EventKind::ExternalEvent { name: "e".into(), data: "1".into() };
    let delta = vec![Event::with_event_id(1, longest.as_str(), 1, None, begun)];
    let messages = vec![start(&longest)];
    store.ack_orchestration_item(&token, 1, delta, vec![activity], messages, metadata, vec![]).await.unwrap();
}

#[tokio::test]
async fn a_key_shares_the_index_with_the_id() {
    let store = store().await;
    for (length, fits) in [(2_599, true), (3_000, false)] {
        store.enqueue_for_orchestrator(start("i"), None).await.unwrap();
        let (_, token, _) = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().unwrap();
        let set = EventKind::KeyValueSet { key: noise(length), value: "1".into(), last_updated_at_ms: 1 };
        let delta = vec![Event::with_event_id(1, "i", 1, None, set)];
        let metadata = ExecutionMetadata { status: Some("Completed".into()), ..ExecutionMetadata::default() };
        let acked = store.ack_orchestration_item(&token, 1, delta, vec![], vec![], metadata, vec![]).await;
        if fits {
            acked.unwrap();
        } else {
            let words = "instance id and key of a value: expected at most 2600 bytes in PostgreSQL, found 3001";
            assert_eq!(acked.unwrap_err().message, words);
        }
    }
    assert_eq!(number(&store, "SELECT count(*) FROM @.kv_store").await, 1);
}

#[tokio::test]
async fn a_store_with_a_longer_id_is_not_moved_here_and_goes_on() {
    let (from, to) = (SqliteProvider::new_in_memory().await.unwrap(), store().await);
    from.enqueue_for_orchestrator(start(&noise(3_000)), None).await.unwrap();
    let refused = transfer(&from, &*to).await.unwrap_err();
    assert!(!matches!(refused, TransferError::Differs { .. }));
    assert!(refused.to_string().contains("expected at most 2600 bytes in PostgreSQL, found 3000"), "{refused}");
    cancel_transfer(&*to).await.unwrap();
    cancel_transfer(&from).await.unwrap();
    from.enqueue_for_orchestrator(start("i"), None).await.unwrap();
}

/// Three histories of 9 MB each, asked for at once: two come, though the second ends beyond what one answer may have, and
/// the third is nobody's until the next look, which counts as its first.
#[tokio::test]
async fn histories_that_are_long_come_a_few_at_a_time() {
    let store = store().await;
    let (all, ids) = ("SELECT sum(attempt_count)::bigint FROM @.orchestrator_queue", ["a", "b", "c"]);
    for id in ids {
        store.enqueue_for_orchestrator(start(id), None).await.unwrap();
        let (_, token, _) = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().unwrap();
        let said = EventKind::ExternalEvent { name: "e".into(), data: "DATA".into() };
        let delta = vec![Event::with_event_id(1, id, 1, None, said)];
        let metadata = ExecutionMetadata {
            orchestration_name: Some("Order".into()),
            orchestration_version: Some("1.0.0".into()),
            ..ExecutionMetadata::default()
        };
        store.ack_orchestration_item(&token, 1, delta, vec![], vec![], metadata, vec![]).await.unwrap();
    }
    for id in ids {
        store.enqueue_for_orchestrator(start(id), None).await.unwrap();
    }
    run(&store, "UPDATE @.history SET event_data = replace(event_data, 'DATA', repeat('x', 9000000))").await;
    let instances = |turns: Vec<(String, String)>| turns.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(instances(turns(&store, 3).await), ["a", "b"]);
    let (item, token, attempts) = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().unwrap();
    assert_eq!((item.instance.as_str(), item.history.len(), attempts), ("c", 1, 1));
    store.abandon_orchestration_item(&token, None, false).await.unwrap();
    assert_eq!(number(&store, all).await, 1, "only what was given back is counted");
}

/// Each transaction of a deletion costs a score of statements and a flush.
#[tokio::test]
async fn many_trees_are_deleted_in_few_transactions() {
    let store = store().await;
    for n in 0..120 {
        ended(&store, &format!("root-{n}"), None).await;
    }
    ended(&store, "root-7::sub::2", Some("root-7")).await;
    let before = number(&store, "SELECT count(*) FROM @.commits").await;
    let admin = store.as_management_capability().unwrap();
    let deleted = admin.delete_instance_bulk(InstanceFilter::default()).await.unwrap();
    assert_eq!((deleted.instances_deleted, deleted.executions_deleted), (121, 121));
    assert_eq!(number(&store, "SELECT count(*) FROM @.commits").await - before, 3);
    assert!(admin.list_instances().await.unwrap().is_empty());
}

/// An instance that has ended.
async fn ended(store: &PostgresProvider, instance: &str, parent: Option<&str>) {
    store.enqueue_for_orchestrator(start(instance), None).await.unwrap();
    let (_, token, _) = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap().unwrap();
    let metadata = ExecutionMetadata {
        orchestration_name: Some("Order".into()),
        orchestration_version: Some("1.0.0".into()),
        parent_instance_id: parent.map(str::to_owned),
        status: Some("Completed".into()),
        ..ExecutionMetadata::default()
    };
    store.ack_orchestration_item(&token, 1, vec![], vec![], vec![], metadata, vec![]).await.unwrap();
}
