//! What exceeds a limit that can be set ends the execution, and is not stored.

use std::time::Duration;

use super::*;
use crate::model::limits::Limits;

fn limits(set: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    set(&mut limits);
    limits
}

/// The first turn of `code` within `limits`.
fn first_turn<F, Fut>(limits: Limits, code: F) -> (Story, Commit)
where
    F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    let mut story = Story::of(code).within(limits);
    let commit = story.turn([]);
    (story, commit)
}

fn kinds(commit: &Commit) -> Vec<&EventKind> {
    commit.delta.iter().map(|event| &event.kind).collect()
}

/// The turn fails with this text; of what the code asked for, nothing is stored or sent.
fn expect_nothing_but_failure((story, commit): &(Story, Commit), text: &str) {
    assert_eq!(story.failure(), text);
    let kinds = kinds(commit);
    assert!(
        matches!(kinds[..], [EventKind::OrchestrationStarted { .. }, EventKind::OrchestrationFailed { .. }]),
        "{kinds:?}"
    );
    assert!(commit.worker_items.is_empty() && commit.orchestrator_items.is_empty(), "{commit:?}");
    assert_eq!(commit.metadata.status.as_deref(), Some("Failed"));
    assert_eq!(commit.metadata.output.as_deref(), Some(text));
}

#[test]
fn exactly_at_the_limits_is_allowed() {
    let limits = limits(|limits| {
        limits.name_bytes = 4;
        limits.id_bytes = 5;
        limits.payload_bytes = 6;
        limits.actions_per_turn = 4;
        limits.history_events = 5;
    });
    let (_, commit) = first_turn(limits, |ctx, _| async move {
        ctx.schedule_orchestration("Abcd", "abcde", "123456");
        ctx.set_kv_value("abcd", "a value has a limit of its own");
        let activity = ctx.schedule_activity_on_session("Abcd", "123456", "abcde");
        let event = ctx.schedule_wait("abcd");
        ctx.join2(activity, event).await.0
    });
    assert_eq!(commit.delta.len(), 5);
    assert_eq!(commit.worker_items.len(), 1);
}

/// Code that asks for one thing too large, and how the turn fails.
macro_rules! refused {
    ($($name:ident: $set:expr, $text:literal, |$ctx:ident| $code:expr;)+) => {$(
        #[test]
        fn $name() {
            let turn = first_turn(limits($set), |$ctx, _| async move { $code });
            expect_nothing_but_failure(&turn, $text);
        }
    )+};
}

refused! {
    a_long_activity_name: |limits| limits.name_bytes = 3, "name of an activity: expected at most 3 bytes, found 4",
        |ctx| ctx.schedule_activity("Long", "").await;
    a_large_activity_input: |limits| limits.payload_bytes = 3, "input of an activity: expected at most 3 bytes, found 4",
        |ctx| ctx.schedule_activity("A", "1234").await;
    a_long_session_id: |limits| limits.id_bytes = 9, "session id: expected at most 9 bytes, found 10",
        |ctx| ctx.schedule_activity_on_session("A", "", "0123456789").await;
    a_long_event_name: |limits| limits.name_bytes = 3, "name of an event: expected at most 3 bytes, found 4",
        |ctx| Ok(ctx.schedule_wait("paid").await);
    a_long_queue_name: |limits| limits.name_bytes = 3, "name of a queue: expected at most 3 bytes, found 4",
        |ctx| Ok(ctx.dequeue_event("paid").await);
    a_long_key: |limits| limits.name_bytes = 3, "key of a value: expected at most 3 bytes, found 4",
        |ctx| { ctx.set_kv_value("long", ""); Ok(String::new()) };
    a_long_child_id: |limits| limits.id_bytes = 9, "instance id of a child: expected at most 9 bytes, found 13",
        |ctx| ctx.schedule_sub_orchestration("C", "").await;
    a_large_child_input: |limits| limits.payload_bytes = 3,
        "input of a child orchestration: expected at most 3 bytes, found 4",
        |ctx| ctx.schedule_sub_orchestration("C", "1234").await;
    a_large_detached_input: |limits| limits.payload_bytes = 3,
        "input of a detached orchestration: expected at most 3 bytes, found 4",
        |ctx| { ctx.schedule_orchestration("C", "c", "1234"); Ok(String::new()) };
    a_large_output: |limits| limits.payload_bytes = 3, "output of the orchestration: expected at most 3 bytes, found 4",
        |ctx| { drop(ctx); Ok("1234".to_owned()) };
    a_large_error: |limits| limits.payload_bytes = 3, "error of the orchestration: expected at most 3 bytes, found 4",
        |ctx| { drop(ctx); Err("1234".to_owned()) };
    a_large_next_input: |limits| limits.payload_bytes = 3,
        "input of the next execution: expected at most 3 bytes, found 4",
        |ctx| ctx.continue_as_new("1234").await;
    too_many_actions: |limits| limits.actions_per_turn = 3, "actions of one turn: expected at most 3 actions, found 4",
        |ctx| { ctx.join((0..4).map(|_| ctx.schedule_timer(Duration::from_secs(1))).collect()).await; Ok(String::new()) };
    too_much_history: |limits| limits.history_events = 4,
        "history of one execution: expected at most 4 events, found 5",
        |ctx| { ctx.join((0..4).map(|_| ctx.schedule_timer(Duration::from_secs(1))).collect()).await; Ok(String::new()) };
}

#[test]
fn what_arrived_stays_and_what_runs_is_cancelled() {
    let mut story = Story::of(|ctx, _| async move {
        let slow = ctx.schedule_activity("Slow", "");
        ctx.schedule_wait("go").await;
        ctx.schedule_activity("Large", "1234").await?;
        slow.await
    })
    .within(limits(|limits| limits.payload_bytes = 3));
    story.turn([]);
    let go = WorkItem::ExternalRaised { instance: "order".into(), name: "go".into(), data: "now".into() };
    let commit = story.turn([go]);
    let kinds = kinds(&commit);
    assert!(
        matches!(
            kinds[..],
            [
                EventKind::ExternalEvent { .. },
                EventKind::OrchestrationFailed { .. },
                EventKind::ActivityCancelRequested { .. }
            ]
        ),
        "{kinds:?}"
    );
    let gone: Vec<u64> = commit.cancelled_activities.iter().map(|id| id.activity_id).collect();
    assert_eq!(gone.first(), Some(&2), "the activity that runs is given up: {gone:?}");
}

#[test]
fn a_parent_is_told_that_its_child_asked_for_too_much() {
    let mut story = Story::of(|ctx, _| async move { ctx.schedule_activity("Large", "1234").await })
        .with_parent()
        .within(limits(|limits| limits.payload_bytes = 3));
    let commit = story.turn([]);
    assert!(matches!(&commit.orchestrator_items[..], [WorkItem::SubOrchFailed { .. }]), "{commit:?}");
}

#[test]
fn an_execution_may_end_beyond_its_history() {
    let (story, _) = first_turn(limits(|limits| limits.history_events = 1), |ctx, _| async move {
        ctx.set_kv_value("k", "v");
        Ok("done".to_owned())
    });
    assert_eq!(story.outcome, Outcome::Completed(Arc::new("done".to_owned())));
}

#[test]
fn what_the_machine_found_out_is_told_though_it_is_longer_than_a_payload_may_be() {
    let row = EventKind::TimerCreated { fire_at_ms: 9 };
    let mut story = Story::of(|ctx, _| async move { ctx.schedule_activity("a", "").await })
        .with_history(vec![(None, start(None)), (None, row)])
        .within(limits(|limits| limits.payload_bytes = 3));
    story.turn([]);
    assert!(story.failure().starts_with("nondeterministic: schedule mismatch: "), "{}", story.failure());
}
