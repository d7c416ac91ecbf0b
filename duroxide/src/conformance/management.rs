//! Laws: what an administrator sees.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{Case, LONG, expect_permanent};
use super::items::{adds, ends, event, in_execution, names, nothing, raised, says, scheduled, started};
use crate::model::commit::Commit;
use crate::model::event::EventKind;

laws!("management":
    instances_are_listed_newest_first,
    instances_are_listed_by_the_status_of_their_current_execution,
    an_unknown_instance_or_execution_is_not_found,
    an_instance_tells_the_status_of_its_current_execution,
    an_execution_counts_its_own_events,
    times_are_those_of_the_changes,
    metrics_count_instances_executions_and_events,
    an_empty_store_counts_nothing,
    children_are_direct,
    parents_are_known,
    a_tree_has_all_descendants,
    the_tree_of_a_child_is_its_own,
    stats_describe_the_current_execution,
    stats_of_an_unknown_instance_are_none,
    ;
    with hooks:
    an_instance_with_unreadable_history_is_described,
);

pub async fn instances_are_listed_newest_first(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for instance in ["b", "c", "a"] {
        store.create(instance).await;
    }
    store.turn("b", nothing()).await;
    let listed = store.admin().list_instances().await.expect("list");
    assert_eq!(listed, ["a", "c", "b"], "by creation, not by change");
}

pub async fn instances_are_listed_by_the_status_of_their_current_execution(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("running").await;
    store.create_ended("completed", "Completed").await;
    store.create_ended("failed", "Failed").await;
    store.create_ended("again", "ContinuedAsNew").await;
    let next = Commit { metadata: names(), ..in_execution(2) };
    store.turn("again", next).await;
    let table: [(&str, &[&str]); 5] = [
        ("Running", &["again", "running"]),
        ("Completed", &["completed"]),
        ("Failed", &["failed"]),
        ("ContinuedAsNew", &[]),
        ("Nonsense", &[]),
    ];
    for (status, expected) in table {
        let mut listed = store.admin().list_instances_by_status(status).await.expect("list");
        listed.sort();
        assert_eq!(listed, expected, "{status}");
    }
}

pub async fn an_unknown_instance_or_execution_is_not_found(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let admin = store.admin();
    expect_permanent(admin.get_instance_info("nobody").await, "not found");
    expect_permanent(admin.get_execution_info("nobody", 1).await, "not found");
    expect_permanent(admin.get_execution_info("a", 2).await, "not found");
    expect_permanent(admin.get_parent_id("nobody").await, "not found");
    assert!(admin.list_children("nobody").await.expect("list").is_empty());
}

pub async fn an_instance_tells_the_status_of_its_current_execution(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", says(ends("ContinuedAsNew", "next"))).await;
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!((info.status.as_str(), info.output.as_deref()), ("ContinuedAsNew", Some("next")));
    let last = Commit { metadata: ends("Completed", "42"), ..in_execution(2) };
    store.turn("a", last).await;
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!(info.instance_id, "a");
    assert_eq!((info.status.as_str(), info.output.as_deref()), ("Completed", Some("42")));
}

pub async fn an_execution_counts_its_own_events(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let next = Commit { delta: vec![started("a"), scheduled("a", 2), scheduled("a", 9)], ..in_execution(2) };
    store.turn("a", next).await;
    for (execution_id, events) in [(1, 1), (2, 3)] {
        let info = store.admin().get_execution_info("a", execution_id).await;
        let info = info.expect("it exists");
        assert_eq!((info.execution_id, info.event_count), (execution_id, events));
    }
}

pub async fn times_are_those_of_the_changes(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let before = store.now_ms();
    store.create("a").await;
    store.lapse(super::case::SHORT).await;
    store.turn("a", says(ends("Completed", "done"))).await;
    let after = store.now_ms();
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    let execution = store.admin().get_execution_info("a", 1).await.expect("it exists");
    let ended = execution.completed_at.expect("it has ended");
    assert!((before..=after).contains(&info.created_at), "created: {info:?}");
    assert!((before..=after).contains(&info.updated_at), "updated: {info:?}");
    assert!(info.created_at < info.updated_at, "the last change was later: {info:?}");
    assert!((before..=after).contains(&execution.started_at), "started: {execution:?}");
    assert!((execution.started_at + 1..=after).contains(&ended), "ended: {execution:?}");
}

pub async fn metrics_count_instances_executions_and_events(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("r1").await;
    store.create("r2").await;
    store.create_ended("c", "Completed").await;
    store.create_ended("f", "Failed").await;
    let next = Commit { delta: vec![started("r1"), scheduled("r1", 2)], ..in_execution(2) };
    store.turn("r1", next).await;
    let metrics = store.admin().get_system_metrics().await.expect("metrics");
    assert_eq!((metrics.total_instances, metrics.total_executions, metrics.total_events), (4, 5, 6));
    let by_status = (metrics.running_instances, metrics.completed_instances, metrics.failed_instances);
    assert_eq!(by_status, (2, 1, 1));
}

pub async fn an_empty_store_counts_nothing(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let metrics = store.admin().get_system_metrics().await.expect("metrics");
    assert_eq!((metrics.total_instances, metrics.total_executions, metrics.total_events), (0, 0, 0));
    let depths = store.admin().get_queue_depths().await.expect("depths");
    assert_eq!((depths.orchestrator_queue, depths.worker_queue, depths.timer_queue), (0, 0, 0));
    assert!(store.admin().list_instances().await.expect("list").is_empty());
}

/// root → (x → y), z; and another root.
async fn family(factory: &dyn StoreFactory) -> Case<'_> {
    let store = Case::of(factory).await;
    store.create("root").await;
    store.create_child("x", "root").await;
    store.create_child("y", "x").await;
    store.create_child("z", "root").await;
    store.create("stranger").await;
    store
}

pub async fn children_are_direct(factory: &dyn StoreFactory) {
    let store = family(factory).await;
    let mut children = store.admin().list_children("root").await.expect("list");
    children.sort();
    assert_eq!(children, ["x", "z"]);
    assert_eq!(store.admin().list_children("x").await.expect("list"), ["y"]);
    assert!(store.admin().list_children("y").await.expect("list").is_empty());
}

pub async fn parents_are_known(factory: &dyn StoreFactory) {
    let store = family(factory).await;
    for (child, parent) in [("root", None), ("x", Some("root")), ("y", Some("x")), ("stranger", None)] {
        let found = store.admin().get_parent_id(child).await.expect("it exists");
        assert_eq!(found.as_deref(), parent, "{child}");
        let info = store.admin().get_instance_info(child).await.expect("it exists");
        assert_eq!(info.parent_instance_id.as_deref(), parent, "{child}");
    }
}

async fn tree(store: &Case<'_>, id: &str) -> Vec<String> {
    let tree = store.admin().get_instance_tree(id).await.expect("tree");
    assert_eq!(tree.root_id, id);
    let mut ids = tree.all_ids;
    ids.sort();
    ids
}

pub async fn a_tree_has_all_descendants(factory: &dyn StoreFactory) {
    let store = family(factory).await;
    assert_eq!(tree(&store, "root").await, ["root", "x", "y", "z"]);
    assert_eq!(tree(&store, "stranger").await, ["stranger"]);
}

pub async fn the_tree_of_a_child_is_its_own(factory: &dyn StoreFactory) {
    let store = family(factory).await;
    assert_eq!(tree(&store, "x").await, ["x", "y"]);
}

pub async fn stats_describe_the_current_execution(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let kind = EventKind::OrchestrationStarted {
        name: "Order".into(),
        version: "1.0.0".into(),
        input: String::new(),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: Some(vec![("q".into(), "1".into()), ("q".into(), "2".into())]),
        initial_custom_status: None,
    };
    let next = Commit { delta: vec![event("a", 1, kind), scheduled("a", 2)], ..in_execution(2) };
    store.turn("a", next).await;
    let stats = store.get_instance_stats("a").await.expect("read").expect("it exists");
    assert_eq!((stats.history_event_count, stats.queue_pending_count), (2, 2));
    assert!(stats.history_size_bytes > 100, "{stats:?}");
    let before = stats.history_size_bytes;
    store.turn("a", Commit { execution_id: 2, ..adds(vec![scheduled("a", 3)]) }).await;
    let stats = store.get_instance_stats("a").await.expect("read").expect("it exists");
    assert!(stats.history_size_bytes > before, "an event takes room");
}

pub async fn stats_of_an_unknown_instance_are_none(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    assert_eq!(store.get_instance_stats("nobody").await.expect("read"), None);
}

pub async fn an_instance_with_unreadable_history_is_described(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.corrupt_history("a").await;
    store.expect_instance("a").await;
    assert_eq!(store.admin().list_instances().await.expect("list"), ["a"]);
    let info = store.admin().get_execution_info("a", 1).await.expect("it exists");
    assert_eq!(info.event_count, 1);
    store.send(raised("a", "1")).await;
    assert!(store.fetch(LONG, None).await.is_some());
}
