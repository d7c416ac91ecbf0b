//! Laws: only an ack brings an instance into being.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::Case;
use super::items::{NAME, VERSION, adds, continued, nothing, raised, says, start, start_of, started};
use super::items::{names, names_of_child};
use crate::model::commit::{Commit, ExecutionMetadata};

laws!("instance_creation":
    enqueueing_a_start_creates_no_instance,
    the_first_ack_with_both_names_creates_the_instance,
    an_ack_without_names_creates_no_instance,
    an_ack_with_one_of_two_names_creates_no_instance,
    a_later_ack_changes_name_and_version,
    a_later_ack_without_names_leaves_them,
    a_start_without_version_is_fetched_as_unknown,
    a_start_is_fetched_with_its_names,
    sql_metachars_in_names_and_versions_are_inert,
    an_instance_without_row_is_known_by_its_recorded_start,
    a_continue_as_new_message_names_an_instance_without_row,
    the_parent_is_set_once,
);

pub async fn enqueueing_a_start_creates_no_instance(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    store.expect_no_instance("a").await;
    store.take().await;
    store.expect_no_instance("a").await;
    assert!(store.admin().list_instances().await.expect("list").is_empty());
    assert!(store.events("a").await.is_empty());
}

pub async fn the_first_ack_with_both_names_creates_the_instance(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.expect_instance("a").await;
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!((info.current_execution_id, info.status.as_str()), (1, "Running"));
    assert_eq!((info.output, info.parent_instance_id), (None, None));
}

pub async fn an_ack_without_names_creates_no_instance(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    store.ack(&turn, adds(vec![started("a")])).await;
    store.expect_no_instance("a").await;
    assert_eq!(store.events("a").await, [started("a")], "everything else happens");
    let executions = store.admin().list_executions("a").await.expect("list");
    assert_eq!(executions, [1]);
}

pub async fn an_ack_with_one_of_two_names_creates_no_instance(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for (instance, name, version) in [("a", Some(NAME), None), ("b", None, Some(VERSION))] {
        store.send(start(instance)).await;
        let turn = store.take().await;
        let half = ExecutionMetadata {
            orchestration_name: name.map(Into::into),
            orchestration_version: version.map(Into::into),
            ..ExecutionMetadata::default()
        };
        store.ack(&turn, says(half)).await;
        store.expect_no_instance(instance).await;
    }
}

pub async fn a_later_ack_changes_name_and_version(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let renamed = ExecutionMetadata {
        orchestration_name: Some("Refund".into()),
        orchestration_version: Some("2.0.0".into()),
        ..ExecutionMetadata::default()
    };
    store.turn("a", says(renamed)).await;
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!(info.orchestration_name, "Refund");
    assert_eq!(info.orchestration_version, "2.0.0");
}

pub async fn a_later_ack_without_names_leaves_them(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", nothing()).await;
    store.expect_instance("a").await;
}

pub async fn a_start_without_version_is_fetched_as_unknown(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start_of("a", NAME, None)).await;
    assert_eq!(store.take().await.item.version, "unknown");
}

pub async fn a_start_is_fetched_with_its_names(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let item = store.take().await.item;
    assert_eq!((item.orchestration_name.as_str(), item.version.as_str()), (NAME, VERSION));
    assert_eq!(item.execution_id, 1);
    assert!(item.history.is_empty() && item.history_error.is_none());
    assert_eq!(item.messages, [start("a")]);
}

pub async fn sql_metachars_in_names_and_versions_are_inert(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let id = "Robert'); DROP TABLE history;-- ☃ \"%_\\";
    store.send(start_of(id, "näme::1'", Some("1.0"))).await;
    let turn = store.take().await;
    assert_eq!(turn.item.instance, id);
    assert_eq!((turn.item.orchestration_name.as_str(), turn.item.version.as_str()), ("näme::1'", "1.0"));
    let metadata = ExecutionMetadata {
        orchestration_name: Some("näme::1'".into()),
        orchestration_version: Some("1.0".into()),
        ..ExecutionMetadata::default()
    };
    store.ack(&turn, says(metadata)).await;
    let info = store.admin().get_instance_info(id).await.expect("it exists");
    assert_eq!((info.orchestration_name.as_str(), info.orchestration_version.as_str()), ("näme::1'", "1.0"));
}

pub async fn an_instance_without_row_is_known_by_its_recorded_start(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(start("a")).await;
    let turn = store.take().await;
    store.ack(&turn, adds(vec![started("a")])).await;
    store.send(raised("a", "1")).await;
    let item = store.take().await.item;
    assert_eq!((item.orchestration_name.as_str(), item.version.as_str()), (NAME, VERSION));
    assert_eq!((item.execution_id, item.history), (1, vec![started("a")]));
}

pub async fn a_continue_as_new_message_names_an_instance_without_row(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.send(continued("a")).await;
    let item = store.take().await.item;
    assert_eq!((item.orchestration_name.as_str(), item.version.as_str()), (NAME, VERSION));
    assert_eq!(item.messages, [continued("a")]);
}

pub async fn the_parent_is_set_once(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("p").await;
    store.create_child("c", "p").await;
    let elsewhere = Commit { metadata: names_of_child("q"), ..nothing() };
    store.turn("c", elsewhere).await;
    store.turn("c", says(names())).await;
    let parent = store.admin().get_parent_id("c").await.expect("it exists");
    assert_eq!(parent.as_deref(), Some("p"));
}
