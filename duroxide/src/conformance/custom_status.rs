//! Laws: what an orchestration says of itself, and how often it changed.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::Case;
use super::items::{adds, in_execution, names, nothing, status_set};
use crate::model::commit::Commit;

laws!("custom_status":
    nothing_was_said_before_the_first_update,
    an_update_is_readable_and_versioned,
    a_reader_who_has_seen_the_version_gets_nothing,
    the_last_update_of_a_turn_counts_once,
    clearing_it_is_an_update,
    turns_without_update_leave_it,
    it_survives_into_the_next_execution,
    it_belongs_to_one_instance,
);

type Said = Option<(Option<String>, u64)>;

async fn said(store: &Case<'_>, last_seen: u64) -> Said {
    store.get_custom_status("a", last_seen).await.expect("reading works")
}

fn says(status: &str, version: u64) -> Said {
    Some((Some(status.into()), version))
}

pub async fn nothing_was_said_before_the_first_update(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    assert_eq!(said(&store, 0).await, None, "the instance is unknown");
    store.create("a").await;
    assert_eq!(said(&store, 0).await, None);
}

pub async fn an_update_is_readable_and_versioned(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![status_set("a", 2, Some("one"))])).await;
    assert_eq!(said(&store, 0).await, says("one", 1));
    store.turn("a", adds(vec![status_set("a", 3, Some("two"))])).await;
    assert_eq!(said(&store, 1).await, says("two", 2));
}

pub async fn a_reader_who_has_seen_the_version_gets_nothing(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![status_set("a", 2, Some("one"))])).await;
    assert_eq!(said(&store, 1).await, None);
    assert_eq!(said(&store, 100).await, None);
}

pub async fn the_last_update_of_a_turn_counts_once(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let delta = vec![status_set("a", 2, Some("one")), status_set("a", 3, None), status_set("a", 4, Some("three"))];
    store.turn("a", adds(delta)).await;
    assert_eq!(said(&store, 0).await, says("three", 1));
}

pub async fn clearing_it_is_an_update(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![status_set("a", 2, Some("one"))])).await;
    store.turn("a", adds(vec![status_set("a", 3, None)])).await;
    assert_eq!(said(&store, 1).await, Some((None, 2)));
}

pub async fn turns_without_update_leave_it(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![status_set("a", 2, Some("one"))])).await;
    store.turn("a", nothing()).await;
    assert_eq!(said(&store, 0).await, says("one", 1));
}

pub async fn it_survives_into_the_next_execution(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![status_set("a", 2, Some("one"))])).await;
    let next = Commit { metadata: names(), ..in_execution(2) };
    store.turn("a", next).await;
    assert_eq!(said(&store, 0).await, says("one", 1));
}

pub async fn it_belongs_to_one_instance(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.create("b").await;
    store.turn("b", adds(vec![status_set("b", 2, Some("one"))])).await;
    assert_eq!(said(&store, 0).await, None);
}
