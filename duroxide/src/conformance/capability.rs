//! Laws: a dispatcher gets only executions that it can replay.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use semver::Version;

use super::StoreFactory;
use super::case::{Case, LONG};
use super::items::{Turn, in_execution, names, nothing, raised, start};
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::filter::{DispatcherCapabilityFilter, SemverRange};

laws!("capability":
    an_execution_inside_the_range_is_fetched,
    an_execution_outside_the_range_is_not,
    both_ends_are_inside,
    versions_compare_as_numbers,
    only_the_first_range_counts,
    no_range_fits_nothing,
    without_filter_everything_is_fetched,
    an_unpinned_execution_fits_every_range,
    an_instance_without_row_fits_every_range,
    a_pre_release_counts_as_its_release,
    what_is_filtered_out_is_not_locked_and_counts_no_attempt,
    what_is_filtered_out_hides_no_other,
    the_pin_changes_only_when_given,
    each_execution_has_its_own_pin,
    ;
    with hooks:
    what_is_filtered_out_is_not_read,
);

fn version(text: &str) -> Version {
    Version::parse(text).expect("laws use proper versions")
}

fn supports(ranges: &[(&str, &str)]) -> DispatcherCapabilityFilter {
    let ranges = ranges.iter();
    DispatcherCapabilityFilter {
        supported_duroxide_versions: ranges.map(|(min, max)| SemverRange::new(version(min), version(max))).collect(),
    }
}

fn pinned(to: &str) -> ExecutionMetadata {
    ExecutionMetadata { pinned_duroxide_version: Some(version(to)), ..names() }
}

/// An instance whose execution is pinned to this version, with one message.
async fn pinned_to<'a>(factory: &'a dyn StoreFactory, to: &str) -> Case<'a> {
    let store = Case::of(factory).await;
    store.create_with("a", pinned(to)).await;
    store.send(raised("a", "1")).await;
    store
}

async fn fetch(store: &Case<'_>, ranges: &[(&str, &str)]) -> Option<Turn> {
    store.fetch(LONG, Some(&supports(ranges))).await
}

pub async fn an_execution_inside_the_range_is_fetched(factory: &dyn StoreFactory) {
    let store = pinned_to(factory, "1.5.0").await;
    assert!(fetch(&store, &[("1.0.0", "2.0.0")]).await.is_some());
}

pub async fn an_execution_outside_the_range_is_not(factory: &dyn StoreFactory) {
    let store = pinned_to(factory, "1.5.0").await;
    for range in [("0.0.0", "1.4.9"), ("1.5.1", "9.0.0"), ("2.0.0", "2.0.0")] {
        assert!(fetch(&store, &[range]).await.is_none(), "{range:?}");
    }
}

pub async fn both_ends_are_inside(factory: &dyn StoreFactory) {
    for range in [("1.5.0", "2.0.0"), ("1.0.0", "1.5.0"), ("1.5.0", "1.5.0")] {
        let store = pinned_to(factory, "1.5.0").await;
        assert!(fetch(&store, &[range]).await.is_some(), "{range:?}");
    }
}

pub async fn versions_compare_as_numbers(factory: &dyn StoreFactory) {
    let store = pinned_to(factory, "1.10.1000").await;
    assert!(fetch(&store, &[("1.2.0", "1.9.0")]).await.is_none());
    assert!(fetch(&store, &[("1.11.0", "2.0.0")]).await.is_none());
    assert!(fetch(&store, &[("1.9.0", "1.10.999")]).await.is_none());
    assert!(fetch(&store, &[("1.9.0", "1.10.1000")]).await.is_some());
}

pub async fn only_the_first_range_counts(factory: &dyn StoreFactory) {
    let store = pinned_to(factory, "1.5.0").await;
    assert!(fetch(&store, &[("3.0.0", "4.0.0"), ("1.0.0", "2.0.0")]).await.is_none());
    assert!(fetch(&store, &[("1.0.0", "2.0.0"), ("3.0.0", "4.0.0")]).await.is_some());
}

pub async fn no_range_fits_nothing(factory: &dyn StoreFactory) {
    let store = pinned_to(factory, "1.5.0").await;
    store.send(start("b")).await;
    assert!(fetch(&store, &[]).await.is_none());
}

pub async fn without_filter_everything_is_fetched(factory: &dyn StoreFactory) {
    let store = pinned_to(factory, "99.0.0").await;
    assert_eq!(store.take().await.item.instance, "a");
}

pub async fn an_unpinned_execution_fits_every_range(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.send(raised("a", "1")).await;
    assert!(fetch(&store, &[("7.0.0", "7.0.0")]).await.is_some());
}

pub async fn an_instance_without_row_fits_every_range(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    assert!(fetch(&store, &[("7.0.0", "7.0.0")]).await.is_some());
}

pub async fn a_pre_release_counts_as_its_release(factory: &dyn StoreFactory) {
    let store = pinned_to(factory, "1.5.0-beta.1").await;
    assert!(fetch(&store, &[("1.5.0", "1.5.0")]).await.is_some());
}

pub async fn what_is_filtered_out_is_not_locked_and_counts_no_attempt(factory: &dyn StoreFactory) {
    let store = pinned_to(factory, "1.5.0").await;
    for _ in 0..3 {
        assert!(fetch(&store, &[("2.0.0", "3.0.0")]).await.is_none());
    }
    assert_eq!(store.take().await.attempts, 1);
}

pub async fn what_is_filtered_out_hides_no_other(factory: &dyn StoreFactory) {
    let store = pinned_to(factory, "1.5.0").await;
    store.send(start("b")).await;
    let turn = fetch(&store, &[("2.0.0", "3.0.0")]).await;
    assert_eq!(turn.expect("b fits").item.instance, "b");
}

pub async fn the_pin_changes_only_when_given(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create_with("a", pinned("1.5.0")).await;
    store.turn("a", nothing()).await;
    store.send(raised("a", "1")).await;
    assert!(fetch(&store, &[("2.0.0", "3.0.0")]).await.is_none());
    let turn = store.take().await;
    let moves = Commit { metadata: pinned("2.5.0"), ..nothing() };
    store.ack(&turn, moves).await;
    store.send(raised("a", "2")).await;
    assert!(fetch(&store, &[("1.0.0", "2.0.0")]).await.is_none());
    assert!(fetch(&store, &[("2.0.0", "3.0.0")]).await.is_some());
}

pub async fn each_execution_has_its_own_pin(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create_with("a", pinned("1.5.0")).await;
    let next = Commit { metadata: pinned("2.5.0"), ..in_execution(2) };
    store.turn("a", next).await;
    store.send(raised("a", "1")).await;
    assert!(fetch(&store, &[("1.0.0", "2.0.0")]).await.is_none());
    assert!(fetch(&store, &[("2.0.0", "3.0.0")]).await.is_some());
}

pub async fn what_is_filtered_out_is_not_read(factory: &dyn StoreFactory) {
    let store = pinned_to(factory, "1.5.0").await;
    store.corrupt_history("a").await;
    assert!(fetch(&store, &[("2.0.0", "3.0.0")]).await.is_none());
    assert_eq!(store.max_attempt_count("a").await, 0);
    let turn = fetch(&store, &[("1.0.0", "2.0.0")]).await.expect("it fits");
    assert!(turn.item.history_error.is_some());
}
