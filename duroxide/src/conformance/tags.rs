//! Laws: a worker gets activities of the tags it serves.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::{Case, LONG, SHORT};
use super::items::{activity, tagged};
use crate::model::filter::TagFilter;

laws!("tags":
    default_only_takes_untagged_activities,
    tags_take_theirs_only,
    default_and_takes_both,
    any_takes_all,
    none_takes_nothing,
    an_unserved_activity_hides_no_other,
    tags_are_exact,
    a_tag_survives_being_abandoned,
    a_tag_survives_an_expired_lease,
    an_empty_tag_is_a_tag,
);

/// The ids that a worker with this filter gets, of one untagged, one `gpu`, one `cpu`, one untagged activity.
async fn served(factory: &dyn StoreFactory, filter: TagFilter) -> Vec<u64> {
    let store = Case::of(factory).await;
    let items = [activity("a", 1), tagged("a", 2, "gpu"), tagged("a", 3, "cpu"), activity("a", 4)];
    for item in items {
        store.post(item).await;
    }
    let mut ids = Vec::new();
    while let Some(job) = store.fetch_job(LONG, None, &filter).await {
        ids.push(job.id());
    }
    ids
}

pub async fn default_only_takes_untagged_activities(factory: &dyn StoreFactory) {
    assert_eq!(served(factory, TagFilter::DefaultOnly).await, [1, 4]);
}

pub async fn tags_take_theirs_only(factory: &dyn StoreFactory) {
    assert_eq!(served(factory, TagFilter::tags(["gpu"])).await, [2]);
    assert_eq!(served(factory, TagFilter::tags(["cpu", "gpu"])).await, [2, 3]);
}

pub async fn default_and_takes_both(factory: &dyn StoreFactory) {
    assert_eq!(served(factory, TagFilter::default_and(["cpu"])).await, [1, 3, 4]);
}

pub async fn any_takes_all(factory: &dyn StoreFactory) {
    assert_eq!(served(factory, TagFilter::Any).await, [1, 2, 3, 4]);
}

pub async fn none_takes_nothing(factory: &dyn StoreFactory) {
    assert!(served(factory, TagFilter::None).await.is_empty());
}

pub async fn an_unserved_activity_hides_no_other(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for id in 2..20 {
        store.post(tagged("a", id, "nobody")).await;
    }
    store.post(activity("a", 99)).await;
    assert_eq!(store.take_job().await.id(), 99);
}

pub async fn tags_are_exact(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    for (id, tag) in (2..).zip(["GPU", "gpu ", "gp", "gpu%", "gpu"]) {
        store.post(tagged("a", id, tag)).await;
    }
    let job = store.fetch_job(LONG, None, &TagFilter::tags(["gpu"])).await;
    assert_eq!(job.expect("one is served").id(), 6);
}

pub async fn a_tag_survives_being_abandoned(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(tagged("a", 2, "gpu")).await;
    let filter = TagFilter::tags(["gpu"]);
    let job = store.fetch_job(LONG, None, &filter).await.expect("it is served");
    store.abandon_work_item(&job.token, None, false).await.expect("abandon");
    store.expect_no_job("it has a tag").await;
    let job = store.fetch_job(LONG, None, &filter).await.expect("it is served");
    assert_eq!(job.item, tagged("a", 2, "gpu"));
}

pub async fn a_tag_survives_an_expired_lease(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(tagged("a", 2, "gpu")).await;
    let filter = TagFilter::tags(["gpu"]);
    store.fetch_job(SHORT, None, &filter).await.expect("it is served");
    store.lapse(SHORT).await;
    store.expect_no_job("it has a tag").await;
    let job = store.fetch_job(LONG, None, &filter).await.expect("it is served");
    assert_eq!(job.item, tagged("a", 2, "gpu"));
}

pub async fn an_empty_tag_is_a_tag(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    store.post(tagged("a", 2, "")).await;
    store.expect_no_job("it has a tag").await;
    let job = store.fetch_job(LONG, None, &TagFilter::tags([""])).await;
    assert_eq!(job.expect("it is served").id(), 2);
}
