//! Laws: readers see changes at once, the next execution when this one ended.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use std::collections::HashMap;

use super::StoreFactory;
use super::case::Case;
use super::items::{adds, cleared, continued, ends, event, in_execution, names, nothing, raised, set};
use crate::model::commit::Commit;
use crate::model::event::{Event, EventKind};
use crate::model::item::KvEntry;
use crate::model::prune::PruneOptions;

laws!("kv":
    a_value_is_readable_once_committed,
    the_last_of_several_sets_counts,
    a_cleared_key_is_gone,
    a_key_set_after_being_cleared_is_back,
    clearing_all_spares_what_is_set_later,
    clearing_all_hides_what_earlier_executions_left,
    clearing_an_unknown_key_is_harmless,
    the_snapshot_leaves_out_the_running_execution,
    the_snapshot_has_what_ended_executions_left,
    every_end_moves_changes_to_the_snapshot,
    a_cleared_key_leaves_the_snapshot_at_the_end,
    the_snapshot_has_the_time_of_the_event,
    what_is_not_there_is_none,
    an_empty_string_is_a_value,
    sql_metachars_and_all_else_in_keys_are_text,
    instances_do_not_share_values,
    values_survive_turns_without_changes,
    pruning_keeps_values,
    deleting_removes_values,
    stats_count_what_readers_see,
);

fn cleared_all(instance: &str, event_id: u64) -> Event {
    event(instance, event_id, EventKind::KeyValuesCleared)
}

async fn value(store: &Case<'_>, key: &str) -> Option<String> {
    store.get_kv_value("a", key).await.expect("reading works")
}

async fn values(store: &Case<'_>) -> Vec<(String, String)> {
    let all = store.get_kv_all_values("a").await.expect("reading works");
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort();
    all
}

async fn snapshot(store: &Case<'_>) -> HashMap<String, KvEntry> {
    store.send(raised("a", "look")).await;
    let turn = store.take().await;
    store.ack(&turn, nothing()).await;
    turn.item.kv_snapshot
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

/// An instance whose first execution left x = 1 and y = 2 and continued as new.
async fn second_execution(factory: &dyn StoreFactory) -> Case<'_> {
    let store = Case::of(factory).await;
    store.create("a").await;
    let ending = Commit {
        delta: vec![set("a", 2, "x", "1"), set("a", 3, "y", "2")],
        metadata: ends("ContinuedAsNew", "2"),
        orchestrator_items: vec![continued("a")],
        ..nothing()
    };
    store.turn("a", ending).await;
    let turn = store.take().await;
    let begins = Commit { metadata: names(), ..in_execution(2) };
    store.ack(&turn, begins).await;
    store
}

fn in_second(delta: Vec<Event>) -> Commit {
    Commit { delta, ..in_execution(2) }
}

pub async fn a_value_is_readable_once_committed(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![set("a", 2, "x", "1"), set("a", 3, "y", "2")])).await;
    assert_eq!(value(&store, "x").await.as_deref(), Some("1"));
    assert_eq!(values(&store).await, pairs(&[("x", "1"), ("y", "2")]));
}

pub async fn the_last_of_several_sets_counts(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![set("a", 2, "x", "1"), set("a", 3, "x", "2")])).await;
    assert_eq!(values(&store).await, pairs(&[("x", "2")]));
    store.turn("a", adds(vec![set("a", 4, "x", "3")])).await;
    assert_eq!(values(&store).await, pairs(&[("x", "3")]));
}

pub async fn a_cleared_key_is_gone(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![set("a", 2, "x", "1"), set("a", 3, "y", "2")])).await;
    store.turn("a", adds(vec![cleared("a", 4, "x")])).await;
    assert_eq!(value(&store, "x").await, None);
    assert_eq!(values(&store).await, pairs(&[("y", "2")]));
}

pub async fn a_key_set_after_being_cleared_is_back(factory: &dyn StoreFactory) {
    let store = second_execution(factory).await;
    let delta = vec![cleared("a", 2, "x"), set("a", 3, "x", "new")];
    store.turn("a", in_second(delta)).await;
    assert_eq!(value(&store, "x").await.as_deref(), Some("new"));
}

pub async fn clearing_all_spares_what_is_set_later(factory: &dyn StoreFactory) {
    let store = second_execution(factory).await;
    let delta = vec![set("a", 2, "z", "3"), cleared_all("a", 3), set("a", 4, "y", "new")];
    store.turn("a", in_second(delta)).await;
    assert_eq!(values(&store).await, pairs(&[("y", "new")]));
}

pub async fn clearing_all_hides_what_earlier_executions_left(factory: &dyn StoreFactory) {
    let store = second_execution(factory).await;
    assert_eq!(values(&store).await, pairs(&[("x", "1"), ("y", "2")]));
    store.turn("a", in_second(vec![cleared_all("a", 2)])).await;
    assert!(values(&store).await.is_empty());
    assert_eq!(value(&store, "x").await, None);
    assert_eq!(snapshot(&store).await.len(), 2, "the execution has not ended");
}

pub async fn clearing_an_unknown_key_is_harmless(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![cleared("a", 2, "nothing"), cleared_all("a", 3)])).await;
    assert!(values(&store).await.is_empty());
}

pub async fn the_snapshot_leaves_out_the_running_execution(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![set("a", 2, "x", "1")])).await;
    assert!(snapshot(&store).await.is_empty());
}

pub async fn the_snapshot_has_what_ended_executions_left(factory: &dyn StoreFactory) {
    let store = second_execution(factory).await;
    store.turn("a", in_second(vec![set("a", 2, "x", "changed")])).await;
    let snapshot = snapshot(&store).await;
    assert_eq!(snapshot.len(), 2);
    assert_eq!((snapshot["x"].value.as_str(), snapshot["y"].value.as_str()), ("1", "2"));
    assert_eq!(value(&store, "x").await.as_deref(), Some("changed"));
}

pub async fn every_end_moves_changes_to_the_snapshot(factory: &dyn StoreFactory) {
    for status in ["Completed", "Failed", "ContinuedAsNew"] {
        let store = Case::of(factory).await;
        store.create("a").await;
        store.turn("a", adds(vec![set("a", 2, "x", "1")])).await;
        let ending = Commit { metadata: ends(status, "done"), ..adds(vec![set("a", 3, "y", "2")]) };
        store.turn("a", ending).await;
        assert_eq!(values(&store).await, pairs(&[("x", "1"), ("y", "2")]), "{status}");
        assert_eq!(snapshot(&store).await.len(), 2, "{status}");
    }
}

pub async fn a_cleared_key_leaves_the_snapshot_at_the_end(factory: &dyn StoreFactory) {
    let store = second_execution(factory).await;
    store.turn("a", in_second(vec![cleared("a", 2, "x")])).await;
    assert!(snapshot(&store).await.contains_key("x"), "the execution has not ended");
    let ending = Commit { metadata: ends("Completed", "done"), ..in_execution(2) };
    store.turn("a", ending).await;
    assert!(!snapshot(&store).await.contains_key("x"));
    assert_eq!(values(&store).await, pairs(&[("y", "2")]));
}

pub async fn the_snapshot_has_the_time_of_the_event(factory: &dyn StoreFactory) {
    let store = second_execution(factory).await;
    let snapshot = snapshot(&store).await;
    let times = (snapshot["x"].last_updated_at_ms, snapshot["y"].last_updated_at_ms);
    assert_eq!(times, (1_002, 1_003));
}

pub async fn what_is_not_there_is_none(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    assert_eq!(value(&store, "x").await, None);
    assert!(values(&store).await.is_empty());
    store.create("a").await;
    assert_eq!(value(&store, "x").await, None);
    assert!(values(&store).await.is_empty());
}

pub async fn an_empty_string_is_a_value(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![set("a", 2, "", "")])).await;
    assert_eq!(value(&store, "").await.as_deref(), Some(""));
    assert_eq!(values(&store).await, pairs(&[("", "")]));
}

pub async fn sql_metachars_and_all_else_in_keys_are_text(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let keys = ["a b", "ü☃", "%_", "'; --", "X", "x", "a/b:c"];
    let delta = (2..).zip(keys).map(|(id, key)| set("a", id, key, key)).collect();
    store.turn("a", adds(delta)).await;
    for key in keys {
        assert_eq!(value(&store, key).await.as_deref(), Some(key));
    }
    assert_eq!(values(&store).await.len(), keys.len());
}

pub async fn instances_do_not_share_values(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.create("b").await;
    store.turn("b", adds(vec![set("b", 2, "x", "1")])).await;
    assert_eq!(value(&store, "x").await, None);
    store.turn("b", adds(vec![cleared_all("b", 3)])).await;
    store.turn("a", adds(vec![set("a", 2, "x", "2")])).await;
    assert_eq!(values(&store).await, pairs(&[("x", "2")]));
}

pub async fn values_survive_turns_without_changes(factory: &dyn StoreFactory) {
    let store = second_execution(factory).await;
    for id in 5..8 {
        store.turn("a", in_second(vec![super::items::scheduled("a", id)])).await;
    }
    assert_eq!(values(&store).await, pairs(&[("x", "1"), ("y", "2")]));
}

pub async fn pruning_keeps_values(factory: &dyn StoreFactory) {
    let store = second_execution(factory).await;
    let pruned = store.admin().prune_executions("a", PruneOptions::default()).await;
    assert_eq!(pruned.expect("prune").executions_deleted, 1);
    assert_eq!(values(&store).await, pairs(&[("x", "1"), ("y", "2")]));
    assert_eq!(snapshot(&store).await.len(), 2);
}

pub async fn deleting_removes_values(factory: &dyn StoreFactory) {
    let store = second_execution(factory).await;
    store.turn("a", in_second(vec![set("a", 2, "z", "3")])).await;
    store.admin().delete_instance("a", true).await.expect("delete");
    assert!(values(&store).await.is_empty());
    store.create("a").await;
    assert!(values(&store).await.is_empty());
    assert!(snapshot(&store).await.is_empty());
}

pub async fn stats_count_what_readers_see(factory: &dyn StoreFactory) {
    let store = second_execution(factory).await;
    let delta = vec![set("a", 2, "z", "four"), cleared("a", 3, "x")];
    store.turn("a", in_second(delta)).await;
    let stats = store.get_instance_stats("a").await.expect("read").expect("it exists");
    assert_eq!((stats.kv_user_key_count, stats.kv_total_value_bytes), (2, 5));
}
