//! External events and queues: who gets what arrives.

use std::time::Duration;

use super::*;
use crate::context::combinators::Either2;

#[test]
fn an_event_that_comes_before_its_wait_is_recorded_and_never_delivered() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.schedule_activity("a", "").await?;
        Ok(ctx.schedule_wait("go").await)
    });
    story.turn([]);
    assert_eq!(rows(&story.turn([raised("go", "early")])), ["3 ExternalEvent"]);
    assert_eq!(rows(&story.turn([done(2, "")])), ["4<2 ActivityCompleted", "5 ExternalSubscribed"]);
    story.turn([raised("go", "late")]);
    assert_eq!(story.completed(), "late");
}

#[test]
fn an_event_in_the_batch_that_leads_to_its_wait_is_early() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.schedule_activity("a", "").await?;
        Ok(ctx.schedule_wait("go").await)
    });
    story.turn([]);
    story.turn([done(2, ""), raised("go", "not yet bound")]);
    assert_eq!(story.outcome, Outcome::Continue);
    story.turn([raised("go", "bound")]);
    assert_eq!(story.completed(), "bound");
}

#[test]
fn waits_of_one_name_are_answered_in_order_and_equal_payloads_count_twice() {
    let mut story = Story::of(|ctx, _| async move {
        let (first, second) = (ctx.schedule_wait("go"), ctx.schedule_wait("go"));
        let (first, second) = ctx.join2(first, second).await;
        Ok(format!("{first} {second}"))
    });
    story.turn([]);
    story.turn([raised("go", "same")]);
    story.turn([raised("go", "same"), raised("go", "surplus")]);
    assert_eq!(story.completed(), "same same");
}

#[test]
fn a_race_is_decided_by_the_order_of_arrival_then_of_arguments() {
    let code = |ctx: OrchestrationContext, _| async move {
        let (approval, timer) = (ctx.schedule_wait("approved"), ctx.schedule_timer(Duration::from_secs(60)));
        match ctx.select2(approval, timer).await {
            Either2::First(by) => Ok(by),
            Either2::Second(()) => Ok("expired".to_owned()),
        }
    };
    for (batch, winner) in [
        (vec![raised("approved", "eve"), fired(3)], "eve"),
        (vec![fired(3), raised("approved", "eve")], "expired"),
        (vec![raised("approved", "eve")], "eve"),
    ] {
        let mut story = Story::of(code);
        story.turn([]);
        story.turn(batch);
        assert_eq!(story.completed(), winner);
    }
}

#[test]
fn a_wait_that_lost_its_race_gives_its_place_to_the_next() {
    let mut story = Story::of(|ctx, _| async move {
        let (wait, timer) = (ctx.schedule_wait("go"), ctx.schedule_timer(Duration::from_secs(1)));
        ctx.select2(wait, timer).await;
        Ok(ctx.schedule_wait("go").await)
    });
    story.turn([]);
    assert_eq!(
        rows(&story.turn([fired(3)])),
        ["4<3 TimerFired", "5 ExternalSubscribed", "6<2 ExternalSubscribedCancelled"]
    );
    story.turn([raised("go", "second")]);
    assert_eq!(story.completed(), "second");
}

#[test]
fn a_queue_keeps_what_comes_early_and_a_dequeue_finds_it_in_its_own_turn() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.schedule_activity("a", "").await?;
        let (first, second) = (ctx.dequeue_event("q").await, ctx.dequeue_event("q").await);
        Ok(format!("{first} {second}"))
    });
    story.turn([]);
    story.turn([queued("q", "1"), queued("q", "2")]);
    let commit = story.turn([done(2, "")]);
    assert_eq!(
        rows(&commit),
        [
            "5<2 ActivityCompleted",
            "6 ExternalSubscribedPersistent",
            "7 ExternalSubscribedPersistent",
            "8 OrchestrationCompleted"
        ]
    );
    assert_eq!(story.completed(), "1 2");
}

#[test]
fn a_hundred_and_fifty_buffered_messages_are_read_in_one_turn() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.schedule_activity("a", "").await?;
        for _ in 0..150 {
            ctx.dequeue_event("q").await;
        }
        Ok("read".into())
    });
    story.turn([]);
    story.turn((0..150).map(|n| queued("q", &n.to_string())));
    story.turn([done(2, "")]);
    assert_eq!(story.completed(), "read");
}

#[test]
fn a_race_of_two_buffered_dequeues_is_won_alike_live_and_on_replay() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.schedule_activity("a", "").await?;
        let winner = ctx.select2(ctx.dequeue_event("x"), ctx.dequeue_event("y")).await.into_tuple();
        ctx.schedule_activity("use", winner.1.as_str()).await?;
        Ok(winner.1)
    });
    story.turn([]);
    story.turn([queued("y", "from y"), queued("x", "from x")]);
    let commit = story.turn([done(2, "")]);
    assert_eq!(
        rows(&commit),
        [
            "5<2 ActivityCompleted",
            "6 ExternalSubscribedPersistent",
            "7 ExternalSubscribedPersistent",
            "8 ActivityScheduled",
            "9<7 ExternalSubscribedPersistentCancelled"
        ]
    );
    story.turn([done(8, "")]);
    assert_eq!(story.completed(), "from x");
}

#[test]
fn a_message_of_a_cancelled_dequeue_goes_to_the_next() {
    let mut story = Story::of(|ctx, _| async move {
        let (message, timer) = (ctx.dequeue_event("q"), ctx.schedule_timer(Duration::from_secs(1)));
        ctx.select2(message, timer).await;
        Ok(ctx.dequeue_event("q").await)
    });
    story.turn([]);
    story.turn([fired(3)]);
    story.turn([queued("q", "kept")]);
    assert_eq!(story.completed(), "kept");
}
