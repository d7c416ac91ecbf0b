//! Laws: old executions go, the current one and running ones stay.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{Case, SHORT, expect_permanent};
use super::items::{ends, in_execution, nothing, scheduled, started};
use crate::model::commit::Commit;
use crate::model::prune::{InstanceFilter, PruneOptions, PruneResult};

laws!("pruning":
    the_current_execution_always_stays,
    the_newest_executions_stay,
    running_executions_stay,
    executions_that_ended_later_stay,
    pruning_counts_what_it_removed,
    pruning_removes_history_with_the_execution,
    pruning_an_unknown_instance_is_an_error,
    bulk_pruning_takes_running_instances_too,
    bulk_pruning_keeps_to_ids_and_limit,
);

/// Ends an execution, with two events, and lets the next begin.
async fn end(store: &Case<'_>, instance: &str, execution_id: u64) {
    let ending = Commit {
        delta: vec![scheduled(instance, 2)],
        metadata: ends("ContinuedAsNew", "next"),
        ..in_execution(execution_id)
    };
    store.turn(instance, ending).await;
    let begins = Commit { delta: vec![started(instance)], ..in_execution(execution_id + 1) };
    store.turn(instance, begins).await;
}

/// An instance in its fourth execution.
async fn fourth(factory: &dyn StoreFactory) -> Case<'_> {
    let store = Case::of(factory).await;
    add_fourth(&store, "a").await;
    store
}

async fn add_fourth(store: &Case<'_>, instance: &str) {
    store.create(instance).await;
    for execution_id in 1..4 {
        end(store, instance, execution_id).await;
    }
}

fn keep_last(count: u32) -> PruneOptions {
    PruneOptions { keep_last: Some(count), ..PruneOptions::default() }
}

async fn prune(store: &Case<'_>, options: PruneOptions) -> PruneResult {
    let pruned = store.admin().prune_executions("a", options).await;
    pruned.expect("pruning works")
}

async fn left(store: &Case<'_>, instance: &str) -> Vec<u64> {
    store.admin().list_executions(instance).await.expect("list")
}

pub async fn the_current_execution_always_stays(factory: &dyn StoreFactory) {
    for options in [PruneOptions::default(), keep_last(0), keep_last(1)] {
        let store = fourth(factory).await;
        prune(&store, options.clone()).await;
        assert_eq!(left(&store, "a").await, [4], "{options:?}");
        let info = store.admin().get_instance_info("a").await.expect("it exists");
        assert_eq!(info.current_execution_id, 4);
        let again = prune(&store, options).await;
        assert_eq!((again.instances_processed, again.executions_deleted), (1, 0));
    }
    let store = Case::of(factory).await;
    store.create_ended("a", "Completed").await;
    prune(&store, PruneOptions::default()).await;
    assert_eq!(left(&store, "a").await, [1], "even if it has ended");
}

pub async fn the_newest_executions_stay(factory: &dyn StoreFactory) {
    let store = fourth(factory).await;
    prune(&store, keep_last(10)).await;
    assert_eq!(left(&store, "a").await, [1, 2, 3, 4]);
    prune(&store, keep_last(3)).await;
    assert_eq!(left(&store, "a").await, [2, 3, 4]);
}

pub async fn running_executions_stay(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", in_execution(2)).await;
    prune(&store, PruneOptions::default()).await;
    assert_eq!(left(&store, "a").await, [1, 2], "the first never ended");
}

pub async fn executions_that_ended_later_stay(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    end(&store, "a", 1).await;
    store.lapse(SHORT).await;
    let between = store.now_ms();
    store.lapse(SHORT).await;
    end(&store, "a", 2).await;
    let options = PruneOptions { completed_before: Some(between), ..PruneOptions::default() };
    prune(&store, options).await;
    assert_eq!(left(&store, "a").await, [2, 3]);
}

pub async fn pruning_counts_what_it_removed(factory: &dyn StoreFactory) {
    let store = fourth(factory).await;
    let pruned = prune(&store, keep_last(2)).await;
    assert_eq!((pruned.instances_processed, pruned.executions_deleted, pruned.events_deleted), (1, 2, 4));
}

pub async fn pruning_removes_history_with_the_execution(factory: &dyn StoreFactory) {
    let store = fourth(factory).await;
    prune(&store, PruneOptions::default()).await;
    assert!(store.read_with_execution("a", 1).await.expect("read").is_empty());
    assert_eq!(store.events("a").await, [started("a")]);
    expect_permanent(store.admin().get_execution_info("a", 1).await, "not found");
    store.turn("a", nothing()).await;
}

pub async fn pruning_an_unknown_instance_is_an_error(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let pruned = store.admin().prune_executions("nobody", PruneOptions::default()).await;
    expect_permanent(pruned, "not found");
}

pub async fn bulk_pruning_takes_running_instances_too(factory: &dyn StoreFactory) {
    let store = fourth(factory).await;
    add_fourth(&store, "b").await;
    store.create_ended("c", "Completed").await;
    let pruned =
        store.admin().prune_executions_bulk(InstanceFilter::default(), keep_last(1)).await.expect("pruning works");
    assert_eq!((pruned.instances_processed, pruned.executions_deleted, pruned.events_deleted), (3, 6, 12));
    assert_eq!((left(&store, "a").await, left(&store, "b").await), (vec![4], vec![4]));
}

pub async fn bulk_pruning_keeps_to_ids_and_limit(factory: &dyn StoreFactory) {
    let store = fourth(factory).await;
    add_fourth(&store, "b").await;
    let only_b = InstanceFilter { instance_ids: Some(vec!["b".into(), "nobody".into()]), ..InstanceFilter::default() };
    let nobody = InstanceFilter { instance_ids: Some(Vec::new()), ..InstanceFilter::default() };
    let one = InstanceFilter { limit: Some(1), ..InstanceFilter::default() };
    for (filter, processed) in [(nobody, 0), (only_b, 1), (one, 1)] {
        let pruned = store.admin().prune_executions_bulk(filter.clone(), keep_last(9)).await;
        assert_eq!(pruned.expect("pruning works").instances_processed, processed, "{filter:?}");
    }
}
