//! Laws: a deleted instance is gone with everything it had, and nothing else is.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{Case, LONG, expect_permanent};
use super::items::{
    activity, adds, child_scheduled, completed, names, nothing, raised, says, scheduled, start, start_of_child, started,
};
use crate::model::commit::Commit;
use crate::model::prune::{DeleteInstanceResult, InstanceFilter};
use crate::providers::error::ProviderError;

laws!("deletion":
    an_ended_instance_is_deleted_with_everything,
    a_deletion_counts_what_it_removed,
    a_running_instance_is_deleted_only_by_force,
    deleting_nothing_deletes_nothing,
    deleting_what_is_unknown_is_no_error,
    a_deletion_is_all_or_nothing,
    a_tree_is_not_torn_apart,
    a_child_is_not_deleted_alone,
    an_unknown_instance_is_not_found_for_deletion,
    a_root_is_deleted_with_its_descendants,
    a_running_descendant_protects_the_tree,
    other_instances_are_left_alone,
    a_late_ack_cannot_bring_a_deleted_instance_back,
    renew_after_delete_is_refused_as_is_the_ack,
    a_completion_for_a_deleted_instance_is_harmless,
    an_activity_enqueued_before_its_instance_existed_goes_with_it,
    the_id_of_a_deleted_instance_can_be_used_again,
    a_stale_lease_does_not_touch_the_next_life,
    a_child_that_has_not_begun_goes_with_its_parent,
    a_child_that_just_begins_goes_with_its_parent,
    a_start_by_others_outlives_the_parent_of_the_id,
    bulk_deletion_takes_ended_roots,
    bulk_deletion_takes_descendants_along,
    bulk_deletion_keeps_to_the_ids_given,
    bulk_deletion_keeps_to_the_time_given,
    bulk_deletion_keeps_to_the_limit,
);

async fn exists(store: &Case<'_>, instance: &str) -> bool {
    store.admin().get_instance_info(instance).await.is_ok()
}

async fn delete(store: &Case<'_>, ids: &[&str], force: bool) -> Result<DeleteInstanceResult, ProviderError> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    store.admin().delete_instances_atomic(&ids, force).await
}

async fn bulk(store: &Case<'_>, filter: InstanceFilter) -> DeleteInstanceResult {
    let deleted = store.admin().delete_instance_bulk(filter).await;
    deleted.expect("bulk deletion works")
}

pub async fn an_ended_instance_is_deleted_with_everything(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create_ended("a", "Completed").await;
    store.send(raised("a", "1")).await;
    store.post(activity("a", 2)).await;
    store.admin().delete_instance("a", false).await.expect("it has ended");
    store.expect_no_instance("a").await;
    assert!(store.events("a").await.is_empty());
    assert!(store.admin().list_executions("a").await.expect("list").is_empty());
    store.expect_no_turn("the instance is gone").await;
    store.expect_no_job("the instance is gone").await;
    let depths = store.admin().get_queue_depths().await.expect("depths");
    assert_eq!((depths.orchestrator_queue, depths.worker_queue), (0, 0));
}

pub async fn a_deletion_counts_what_it_removed(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    let next = Commit { delta: vec![started("a"), scheduled("a", 2)], ..super::items::in_execution(2) };
    store.turn("a", next).await;
    store.send(raised("a", "1")).await;
    store.send_later(raised("a", "2"), LONG).await;
    store.post(activity("a", 2)).await;
    let deleted = delete(&store, &["a"], true).await.expect("forced");
    assert_eq!((deleted.instances_deleted, deleted.executions_deleted), (1, 2));
    assert_eq!((deleted.events_deleted, deleted.queue_messages_deleted), (3, 3));
}

pub async fn a_running_instance_is_deleted_only_by_force(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    expect_permanent(store.admin().delete_instance("a", false).await, "still running");
    expect_permanent(delete(&store, &["a"], false).await, "still running");
    assert!(exists(&store, "a").await);
    store.admin().delete_instance("a", true).await.expect("forced");
    assert!(!exists(&store, "a").await);
}

pub async fn deleting_nothing_deletes_nothing(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create_ended("a", "Completed").await;
    let deleted = delete(&store, &[], false).await.expect("nothing to refuse");
    assert_eq!((deleted.instances_deleted, deleted.events_deleted), (0, 0));
    assert!(exists(&store, "a").await);
}

pub async fn deleting_what_is_unknown_is_no_error(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let deleted = delete(&store, &["nobody"], false).await.expect("nothing to refuse");
    assert_eq!((deleted.executions_deleted, deleted.events_deleted), (0, 0));
}

pub async fn a_deletion_is_all_or_nothing(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create_ended("a", "Completed").await;
    store.create("b").await;
    expect_permanent(delete(&store, &["a", "b"], false).await, "still running");
    assert!(exists(&store, "a").await && exists(&store, "b").await);
    assert_eq!(store.events("a").await, [started("a")]);
}

pub async fn a_tree_is_not_torn_apart(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("p").await;
    store.create_child("c", "p").await;
    expect_permanent(delete(&store, &["p"], true).await, "child");
    assert!(exists(&store, "p").await && exists(&store, "c").await);
    delete(&store, &["c", "p"], true).await.expect("the whole tree");
}

pub async fn a_child_is_not_deleted_alone(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("p").await;
    store.create_child("c", "p").await;
    for force in [false, true] {
        let refused = store.admin().delete_instance("c", force).await;
        expect_permanent(refused, "Cannot delete sub-orchestration c directly");
    }
    assert!(exists(&store, "c").await);
}

pub async fn an_unknown_instance_is_not_found_for_deletion(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    expect_permanent(store.admin().delete_instance("nobody", true).await, "not found");
}

pub async fn a_root_is_deleted_with_its_descendants(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create_ended("p", "Completed").await;
    store.create_with("c", completed_child_of("p")).await;
    store.create_with("g", completed_child_of("c")).await;
    let deleted = store.admin().delete_instance("p", false).await.expect("all have ended");
    assert_eq!(deleted.instances_deleted, 3);
    assert!(store.admin().list_instances().await.expect("list").is_empty());
}

fn completed_child_of(parent: &str) -> crate::model::commit::ExecutionMetadata {
    crate::model::commit::ExecutionMetadata { status: Some("Completed".into()), ..super::items::names_of_child(parent) }
}

pub async fn a_running_descendant_protects_the_tree(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create_ended("p", "Completed").await;
    store.create_child("c", "p").await;
    expect_permanent(store.admin().delete_instance("p", false).await, "still running");
    assert!(exists(&store, "p").await && exists(&store, "c").await);
}

pub async fn other_instances_are_left_alone(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create_ended("a", "Completed").await;
    store.create("ab").await;
    store.send(raised("ab", "1")).await;
    store.post(activity("ab", 2)).await;
    delete(&store, &["a"], false).await.expect("it has ended");
    assert_eq!(store.events("ab").await, [started("ab")]);
    assert_eq!(store.take().await.item.instance, "ab");
    assert_eq!(store.take_job().await.item, activity("ab", 2));
}

pub async fn a_late_ack_cannot_bring_a_deleted_instance_back(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.send(raised("a", "1")).await;
    let turn = store.take().await;
    delete(&store, &["a"], true).await.expect("forced");
    let late = Commit { metadata: names(), ..adds(vec![scheduled("a", 2)]) };
    expect_permanent(store.try_ack(&turn.token, late).await, "Invalid lock token");
    expect_permanent(store.renew_orchestration_item_lock(&turn.token, LONG).await, "");
    store.expect_no_instance("a").await;
    assert!(store.events("a").await.is_empty());
}

pub async fn renew_after_delete_is_refused_as_is_the_ack(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    delete(&store, &["a"], true).await.expect("forced");
    expect_permanent(store.renew_work_item_lock(&job.token, LONG).await, "");
    expect_permanent(store.ack_work_item(&job.token, Some(completed("a", 2))).await, "");
    store.expect_no_turn("the completion was refused").await;
}

pub async fn a_completion_for_a_deleted_instance_is_harmless(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    delete(&store, &["a"], true).await.expect("forced");
    store.send(completed("a", 2)).await;
    store.send(start("b")).await;
    assert_eq!(store.take().await.item.instance, "b");
    store.expect_no_instance("a").await;
}

pub async fn an_activity_enqueued_before_its_instance_existed_goes_with_it(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(activity("a", 2)).await;
    store.create_ended("a", "Completed").await;
    let deleted = delete(&store, &["a"], false).await.expect("it has ended");
    assert_eq!(deleted.queue_messages_deleted, 1);
    store.expect_no_job("the instance is gone").await;
}

pub async fn the_id_of_a_deleted_instance_can_be_used_again(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.turn("a", adds(vec![scheduled("a", 2)])).await;
    delete(&store, &["a"], true).await.expect("forced");
    store.create("a").await;
    assert_eq!(store.events("a").await, [started("a")]);
    let info = store.admin().get_instance_info("a").await.expect("it exists");
    assert_eq!((info.current_execution_id, info.status.as_str()), (1, "Running"));
    assert_eq!(store.get_custom_status("a", 0).await.expect("read"), None);
}

pub async fn a_stale_lease_does_not_touch_the_next_life(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create("a").await;
    store.send(raised("a", "1")).await;
    let stale = store.take().await;
    delete(&store, &["a"], true).await.expect("forced");
    store.send(start("a")).await;
    let holder = store.take().await;
    expect_permanent(store.try_ack(&stale.token, nothing()).await, "Invalid lock token");
    expect_permanent(store.abandon_orchestration_item(&stale.token, None, false).await, "Invalid lock token");
    assert_eq!(holder.item.messages, [start("a")]);
    store.ack(&holder, says(names())).await;
}

/// A running instance that has just asked for a child: under an id of its own making, and under one that it was given.
async fn with_children_asked_for(factory: &dyn StoreFactory) -> Case<'_> {
    let store = Case::of(factory).await;
    store.create("p").await;
    let asks = Commit {
        orchestrator_items: vec![start_of_child("p::sub::2", "p", 2), start_of_child("given", "p", 3)],
        ..adds(vec![child_scheduled("p", 2, "sub::2"), child_scheduled("p", 3, "given")])
    };
    store.turn("p", asks).await;
    store
}

pub async fn a_child_that_has_not_begun_goes_with_its_parent(factory: &dyn StoreFactory) {
    let store = with_children_asked_for(factory).await;
    store.send(raised("given", "1")).await;
    let deleted = delete(&store, &["p"], true).await.expect("forced");
    assert_eq!((deleted.instances_deleted, deleted.queue_messages_deleted), (1, 3));
    store.create("p").await;
    store.expect_no_turn("its answer would reach the next life of the parent").await;
    store.send(start("given")).await;
    assert_eq!(store.take().await.item.messages, [start("given")], "what was sent to the child is not for another");
}

pub async fn a_child_that_just_begins_goes_with_its_parent(factory: &dyn StoreFactory) {
    let store = with_children_asked_for(factory).await;
    let begins = store.take().await;
    assert_eq!(begins.item.instance, "p::sub::2");
    delete(&store, &["p"], true).await.expect("forced");
    let late = Commit { metadata: super::items::names_of_child("p"), ..adds(vec![started("p::sub::2")]) };
    expect_permanent(store.try_ack(&begins.token, late).await, "Invalid lock token");
    store.expect_no_instance("p::sub::2").await;
    store.expect_no_turn("nobody waits for it any more").await;
}

pub async fn a_start_by_others_outlives_the_parent_of_the_id(factory: &dyn StoreFactory) {
    let store = with_children_asked_for(factory).await;
    store.send(raised("given", "1")).await;
    store.send(start("given")).await;
    store.send(start_of_child("p::sub::2", "q", 2)).await;
    let held = store.take().await;
    assert_eq!(held.item.instance, "p::sub::2");
    delete(&store, &["p"], true).await.expect("forced");
    let first = store.take().await;
    assert_eq!(first.item.messages, [raised("given", "1"), start("given")]);
    let second = store.take().await;
    assert_eq!(
        second.item.messages,
        [start_of_child("p::sub::2", "q", 2)],
        "its batch is taken again without the start"
    );
}

/// Two ended roots, one with a running child; one running root.
async fn some(factory: &dyn StoreFactory) -> Case<'_> {
    let store = Case::of(factory).await;
    store.create_ended("done", "Completed").await;
    store.create_ended("failed", "Failed").await;
    store.create_child("child", "failed").await;
    store.create("running").await;
    store
}

pub async fn bulk_deletion_takes_ended_roots(factory: &dyn StoreFactory) {
    let store = some(factory).await;
    store.create_ended("again", "ContinuedAsNew").await;
    bulk(&store, InstanceFilter::default()).await;
    assert_eq!(store.admin().list_instances().await.expect("list"), ["running"]);
}

pub async fn bulk_deletion_takes_descendants_along(factory: &dyn StoreFactory) {
    let store = some(factory).await;
    let deleted = bulk(&store, InstanceFilter::default()).await;
    assert_eq!((deleted.instances_deleted, deleted.executions_deleted), (3, 3));
    assert!(!exists(&store, "child").await);
}

pub async fn bulk_deletion_keeps_to_the_ids_given(factory: &dyn StoreFactory) {
    let store = some(factory).await;
    let named = |ids: &[&str]| InstanceFilter {
        instance_ids: Some(ids.iter().map(|id| (*id).to_owned()).collect()),
        ..InstanceFilter::default()
    };
    assert_eq!(bulk(&store, named(&[])).await.instances_deleted, 0);
    let skipped = bulk(&store, named(&["child", "running", "nobody"])).await;
    assert_eq!(skipped.instances_deleted, 0, "neither children nor running ones");
    assert_eq!(bulk(&store, named(&["done", "running"])).await.instances_deleted, 1);
    assert!(!exists(&store, "done").await && exists(&store, "failed").await);
}

pub async fn bulk_deletion_keeps_to_the_time_given(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.create_ended("old", "Completed").await;
    store.lapse(super::case::SHORT).await;
    let between = store.now_ms();
    store.lapse(super::case::SHORT).await;
    store.create_ended("new", "Completed").await;
    let filter = InstanceFilter { completed_before: Some(between), ..InstanceFilter::default() };
    assert_eq!(bulk(&store, filter).await.instances_deleted, 1);
    assert!(!exists(&store, "old").await && exists(&store, "new").await);
}

pub async fn bulk_deletion_keeps_to_the_limit(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for instance in ["a", "b", "c"] {
        store.create_ended(instance, "Completed").await;
    }
    let filter = InstanceFilter { limit: Some(2), ..InstanceFilter::default() };
    assert_eq!(bulk(&store, filter.clone()).await.instances_deleted, 2);
    assert_eq!(bulk(&store, filter).await.instances_deleted, 1);
}
