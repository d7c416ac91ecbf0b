//! Laws: what a running activity learns of its lease, and what clients learn of its progress; for stores that can tell.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use std::time::Duration;

use super::StoreFactory;
use super::case::{Case, SHORT, TERM, expect_permanent};
use super::items::{activity, completed, identity, names, queued, raised, says, start};
use crate::model::commit::Commit;
use crate::model::info::ActivityProgress;

laws!("heartbeat":
    a_fence_grows_with_every_delivery,
    a_fence_stays_with_its_lease,
    a_lost_lease_has_no_fence,
    progress_is_read_as_it_was_said,
    progress_is_the_last_that_was_said,
    progress_of_one_instance_is_not_anothers,
    progress_waits_for_the_next_delivery,
    progress_goes_with_its_activity,
    progress_of_a_cancelled_activity_is_refused,
    a_superseded_lease_cannot_say_anything,
    an_expired_lease_cannot_say_anything,
    an_unknown_token_cannot_say_anything,
    saying_something_extends_nothing,
    an_inbox_takes_messages_up_to_its_bound,
    a_full_inbox_concerns_its_instance_only,
    a_full_inbox_takes_what_is_not_bounded,
);

/// A store that keeps progress and knows fences; `None` for one that does not, which is legal.
async fn telling(factory: &dyn StoreFactory) -> Option<Case<'_>> {
    let store = Case::of(factory).await;
    store.post(activity("probe", 1)).await;
    let job = store.take_job().await;
    let tells = store.activity_fence(&job.token).await.expect("a live lease may ask").is_some()
        && store.heartbeat_work_item(&job.token, "").await.expect("a live lease may say something");
    store.ack_work_item(&job.token, None).await.expect("a live lease may ack");
    tells.then_some(store)
}

/// A store that counts what waits for an instance; `None` for one that does not, which is legal.
async fn counting(factory: &dyn StoreFactory) -> Option<Case<'_>> {
    let store = Case::of(factory).await;
    let taken = store.enqueue_if_room(raised("probe", ""), None, 0).await;
    taken.is_err().then_some(store)
}

impl Case<'_> {
    async fn fence(&self, token: &str) -> u64 {
        self.activity_fence(token).await.expect("a live lease may ask").expect("the store can tell")
    }

    async fn say(&self, token: &str, progress: &str) {
        let kept = self.heartbeat_work_item(token, progress).await;
        assert!(kept.expect("a live lease may say something"), "expected progress to be kept");
    }

    async fn said(&self, instance: &str) -> Vec<ActivityProgress> {
        self.read_progress(instance).await.expect("progress is readable")
    }

    async fn texts(&self, instance: &str) -> Vec<(u64, String)> {
        self.said(instance).await.into_iter().map(|said| (said.activity_id, said.progress)).collect()
    }
}

pub async fn a_fence_grows_with_every_delivery(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    store.post(activity("a", 2)).await;
    let abandoned = store.take_job().await;
    let first = store.fence(&abandoned.token).await;
    store.abandon_work_item(&abandoned.token, None, true).await.expect("it is held");
    // Long enough for a busy store to answer while the lease is live.
    let lapses = store.take_job_for(TERM).await;
    let second = store.fence(&lapses.token).await;
    assert!(first < second, "expected more than {first} after an abandon, found {second}");
    store.lapse(TERM).await;
    let last = store.take_job().await;
    let third = store.fence(&last.token).await;
    assert!(second < third, "expected more than {second} after a lease expired, found {third}");
}

pub async fn a_fence_stays_with_its_lease(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    store.post(activity("a", 2)).await;
    store.post(activity("a", 3)).await;
    let job = store.take_job().await;
    let fence = store.fence(&job.token).await;
    store.take_job().await;
    store.renew_work_item_lock(&job.token, SHORT * 1000).await.expect("it is held");
    assert_eq!(store.fence(&job.token).await, fence);
}

pub async fn a_lost_lease_has_no_fence(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    store.post(activity("a", 2)).await;
    let job = store.take_job_for(SHORT).await;
    store.lapse(SHORT).await;
    expect_permanent(store.activity_fence(&job.token).await, "");
    let job = store.take_job().await;
    store.ack_work_item(&job.token, None).await.expect("it is held");
    expect_permanent(store.activity_fence(&job.token).await, "");
}

pub async fn progress_is_read_as_it_was_said(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    store.post(activity("a", 7)).await;
    store.post(activity("a", 2)).await;
    let (seventh, second) = (store.take_job().await, store.take_job().await);
    assert_eq!(store.said("a").await, []);
    let before_ms = store.now_ms();
    store.say(&seventh.token, "7 of 9 ☃ '); --").await;
    store.say(&second.token, "").await;
    let said = store.said("a").await;
    assert!(said.iter().all(|said| (before_ms..=store.now_ms()).contains(&said.at_ms)), "{said:?}");
    let expected = |activity_id, progress: &str, at_ms| ActivityProgress {
        execution_id: 1,
        activity_id,
        activity_name: "Charge".into(),
        attempt: 1,
        progress: progress.into(),
        at_ms,
    };
    assert_eq!(said, [expected(2, "", said[0].at_ms), expected(7, "7 of 9 ☃ '); --", said[1].at_ms)]);
}

pub async fn progress_is_the_last_that_was_said(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    for progress in ["one", "two", "three"] {
        store.say(&job.token, progress).await;
    }
    assert_eq!(store.texts("a").await, [(2, "three".into())]);
}

pub async fn progress_of_one_instance_is_not_anothers(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    for instance in ["a", "b"] {
        store.post(activity(instance, 2)).await;
        let job = store.take_job().await;
        store.say(&job.token, instance).await;
    }
    assert_eq!(store.texts("a").await, [(2, "a".into())]);
    assert_eq!(store.texts("b").await, [(2, "b".into())]);
    assert_eq!(store.said("nobody").await, []);
}

pub async fn progress_waits_for_the_next_delivery(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    store.say(&job.token, "half").await;
    store.abandon_work_item(&job.token, None, false).await.expect("it is held");
    assert_eq!(store.texts("a").await, [(2, "half".into())]);
    let again = store.take_job().await;
    assert_eq!(store.said("a").await[0].attempt, 1, "expected the delivery that said it");
    store.say(&again.token, "more").await;
    let said = store.said("a").await;
    assert_eq!((said[0].attempt, said[0].progress.as_str()), (2, "more"));
}

pub async fn progress_goes_with_its_activity(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    store.post(activity("a", 2)).await;
    let job = store.take_job().await;
    store.say(&job.token, "nearly").await;
    store.ack_work_item(&job.token, Some(completed("a", 2))).await.expect("it is held");
    assert_eq!(store.said("a").await, []);
    expect_permanent(store.heartbeat_work_item(&job.token, "too late").await, "");
}

pub async fn progress_of_a_cancelled_activity_is_refused(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    store.create("a").await;
    store.turn("a", Commit { worker_items: vec![activity("a", 2)], ..says(names()) }).await;
    let job = store.take_job().await;
    store.say(&job.token, "half").await;
    store.turn("a", Commit { cancelled_activities: vec![identity("a", 2)], ..says(names()) }).await;
    expect_permanent(store.heartbeat_work_item(&job.token, "more").await, "");
    assert_eq!(store.said("a").await, []);
}

pub async fn a_superseded_lease_cannot_say_anything(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    store.post(activity("a", 2)).await;
    let superseded = store.take_job_for(SHORT).await;
    store.lapse(SHORT).await;
    let holder = store.take_job().await;
    store.say(&holder.token, "holder").await;
    expect_permanent(store.heartbeat_work_item(&superseded.token, "superseded").await, "");
    assert_eq!(store.texts("a").await, [(2, "holder".into())]);
}

pub async fn an_expired_lease_cannot_say_anything(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    store.post(activity("a", 2)).await;
    let job = store.take_job_for(SHORT).await;
    store.lapse(SHORT).await;
    expect_permanent(store.heartbeat_work_item(&job.token, "late").await, "");
    assert_eq!(store.said("a").await, []);
}

pub async fn an_unknown_token_cannot_say_anything(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    for token in ["", "nonsense", "1:nonsense"] {
        expect_permanent(store.heartbeat_work_item(token, "mine").await, "");
        expect_permanent(store.activity_fence(token).await, "");
    }
}

pub async fn saying_something_extends_nothing(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else {
        return;
    };
    store.post(activity("a", 2)).await;
    let began_ms = store.now_ms();
    let job = store.take_job_for(SHORT * 10).await;
    // However late it says something, the lease ends when it would have.
    while store.heartbeat_work_item(&job.token, "still here").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(store.now_ms() >= began_ms + 600, "expected the lease to last its term");
    store.take_job_eventually().await;
}

pub async fn an_inbox_takes_messages_up_to_its_bound(factory: &dyn StoreFactory) {
    let Some(store) = counting(factory).await else {
        return;
    };
    for message in 0..3 {
        store.enqueue_if_room(queued("a", &message.to_string()), None, 3).await.expect("there is room");
    }
    let error = store.enqueue_if_room(queued("a", "3"), None, 3).await.expect_err("there is no room");
    assert!(error.is_retryable(), "expected a retryable error, found {error:?}");
    store.enqueue_if_room(start("a"), None, 4).await.expect("there is room for one");
    let turn = store.take().await;
    assert_eq!(turn.item.messages, [queued("a", "0"), queued("a", "1"), queued("a", "2"), start("a")]);
}

pub async fn a_full_inbox_concerns_its_instance_only(factory: &dyn StoreFactory) {
    let Some(store) = counting(factory).await else {
        return;
    };
    store.enqueue_if_room(start("a"), None, 1).await.expect("there is room");
    store.enqueue_if_room(raised("a", ""), None, 1).await.expect_err("there is no room");
    store.enqueue_if_room(start("b"), None, 1).await.expect("there is room");
}

pub async fn a_full_inbox_takes_what_is_not_bounded(factory: &dyn StoreFactory) {
    let Some(store) = counting(factory).await else {
        return;
    };
    store.enqueue_if_room(start("a"), None, 1).await.expect("there is room");
    store.send(completed("a", 2)).await;
    assert_eq!(store.take().await.item.messages.len(), 2);
}
