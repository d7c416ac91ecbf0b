//! Dropped futures: what is cancelled, when, and with which side effects.

use std::time::Duration;

use super::*;

#[test]
fn the_loser_of_a_race_is_cancelled_in_the_turn_that_drops_it() {
    let mut story = Story::of(|ctx, _| async move {
        let (slow, quick) = (ctx.schedule_activity("slow", ""), ctx.schedule_activity("quick", ""));
        let (_, winner) = ctx.select2(slow, quick).await.into_tuple();
        ctx.schedule_timer(Duration::from_secs(1)).await;
        winner
    });
    story.turn([]);
    let commit = story.turn([done(3, "q")]);
    assert_eq!(rows(&commit), ["4<3 ActivityCompleted", "5 TimerCreated", "6<2 ActivityCancelRequested"]);
    assert_eq!(commit.cancelled_activities.iter().map(|id| id.activity_id).collect::<Vec<_>>(), [2]);
    // Its result still comes, is recorded, and changes nothing.
    assert_eq!(rows(&story.turn([done(2, "late")])), ["7<2 ActivityCompleted"]);
    let commit = story.turn([fired(5)]);
    assert_eq!(rows(&commit), ["8<5 TimerFired", "9 OrchestrationCompleted"]);
    assert!(commit.cancelled_activities.is_empty(), "a row that exists has no side effect again");
}

#[test]
fn an_activity_scheduled_and_dropped_in_one_turn_is_inserted_and_deleted_in_one_commit() {
    let mut story = Story::of(|ctx, _| async move {
        drop(ctx.schedule_activity("a", ""));
        Ok(ctx.schedule_wait("go").await)
    });
    let commit = story.turn([]);
    assert_eq!(
        rows(&commit),
        ["1 OrchestrationStarted", "2 ActivityScheduled", "3 ExternalSubscribed", "4<2 ActivityCancelRequested"]
    );
    assert_eq!((commit.worker_items.len(), commit.cancelled_activities.len()), (1, 1));
}

#[test]
fn rows_of_dropped_futures_are_grouped_by_kind_and_ascend() {
    let mut story = Story::of(|ctx, _| async move {
        drop(ctx.dequeue_event("q"));
        drop(ctx.schedule_wait("s"));
        drop(ctx.schedule_timer(Duration::from_secs(1)));
        drop(ctx.schedule_sub_orchestration("c", ""));
        drop((ctx.schedule_activity("a", ""), ctx.schedule_activity("b", "")));
        Ok(ctx.schedule_wait("go").await)
    });
    let commit = story.turn([]);
    assert_eq!(
        rows(&commit)[8..],
        [
            "9<6 ActivityCancelRequested",
            "10<7 ActivityCancelRequested",
            "11<5 SubOrchestrationCancelRequested",
            "12<3 ExternalSubscribedCancelled",
            "13<2 ExternalSubscribedPersistentCancelled"
        ]
    );
    let sent: Vec<_> = commit.orchestrator_items.iter().map(crate::model::work_item::kind_of).collect();
    assert_eq!(sent, ["TimerFired", "StartOrchestration", "CancelInstance"], "the start, and then the cancel");
}

#[test]
fn a_child_dropped_in_the_turn_that_ends_the_orchestration_gets_neither_start_nor_cancel() {
    let mut story = Story::of(|ctx, _| async move {
        drop(ctx.schedule_sub_orchestration("c", ""));
        Ok("ok".into())
    });
    assert!(story.turn([]).orchestrator_items.is_empty());
}

/// Its id follows those in storage and that of the one message by one: an instance that never was is sent no cancel.
#[test]
fn a_child_first_asked_for_and_dropped_in_a_later_turn_that_ends_it_gets_neither_start_nor_cancel() {
    let mut story = Story::of(|ctx, _| async move {
        let data = ctx.schedule_wait("go").await;
        drop(ctx.schedule_sub_orchestration("c", ""));
        Ok(data)
    });
    story.turn([]);
    let commit = story.turn([raised("go", "x")]);
    assert_eq!(rows(&commit)[..2], ["3 ExternalEvent", "4 SubOrchestrationScheduled"]);
    assert_eq!(commit.orchestrator_items, []);
    assert_eq!(story.completed(), "x");
}

#[test]
fn a_child_dropped_later_is_cancelled() {
    let mut story = Story::of(|ctx, _| async move {
        let child = ctx.schedule_sub_orchestration("c", "");
        ctx.schedule_activity("a", "").await?;
        drop(child);
        Ok("ok".into())
    });
    story.turn([]);
    let commit = story.turn([done(3, "")]);
    assert_eq!(rows(&commit)[1], "5<2 SubOrchestrationCancelRequested");
    assert!(matches!(&commit.orchestrator_items[..], [WorkItem::CancelInstance { instance, reason }]
        if instance == "order::sub::2" && reason == "parent dropped sub-orchestration future"));
}

#[test]
fn an_answer_that_nobody_read_still_counts_as_dropped() {
    let mut story = Story::of(|ctx, _| async move {
        let held = ctx.schedule_activity("a", "");
        let data = ctx.schedule_wait("go").await;
        drop(held);
        Ok(data)
    });
    story.turn([]);
    story.turn([done(2, "unread")]);
    let commit = story.turn([raised("go", "x")]);
    assert_eq!(rows(&commit), ["5 ExternalEvent", "6<2 ActivityCancelRequested", "7 OrchestrationCompleted"]);
}

#[test]
fn map_keeps_the_request_and_hands_its_cancellation_on() {
    let mut story = Story::of(|ctx, _| async move {
        let mapped = ctx.schedule_activity("a", "").map(|result| result.map(|text| text.len()));
        ctx.schedule_activity("b", "").await?;
        drop(mapped);
        Ok(ctx.schedule_wait("go").await)
    });
    assert_eq!(story.turn([]).cancelled_activities.len(), 0);
    assert_eq!(story.turn([done(3, "")]).cancelled_activities.len(), 1);
}

#[test]
fn a_recorded_drop_that_the_code_no_longer_does_is_nondeterminism() {
    let mut story = Story::of(|ctx, _| async move {
        let held = ctx.schedule_activity("a", "");
        let data = ctx.schedule_wait("go").await;
        drop(held);
        Ok(data)
    })
    .with_history(vec![
        (None, start(None)),
        (None, EventKind::ActivityScheduled { name: "a".into(), input: "".into(), session_id: None, tag: None }),
        (None, EventKind::ExternalSubscribed { name: "go".into() }),
        (Some(2), EventKind::ActivityCancelRequested { reason: "dropped_future".into() }),
    ]);
    story.turn([queued("other", "")]);
    assert_eq!(
        story.failure(),
        "nondeterministic: cancellation mismatch (activities): baseline_dropped_future_cancel_requests={2} \
         ctx_cancelled_in_replayed_segment={}"
    );
}

#[test]
fn a_wait_dropped_before_it_was_bound_keeps_its_place_until_its_row_is_applied() {
    let mut story = Story::of(|ctx, _| async move {
        drop(ctx.schedule_wait("go"));
        Ok(ctx.schedule_wait("go").await)
    });
    assert_eq!(
        rows(&story.turn([])),
        ["1 OrchestrationStarted", "2 ExternalSubscribed", "3 ExternalSubscribed", "4<2 ExternalSubscribedCancelled"]
    );
    story.turn([raised("go", "first")]);
    assert_eq!(story.completed(), "first", "the row gave the place up before the event came");
}
