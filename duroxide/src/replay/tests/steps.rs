//! Activities, timers, children and detached starts: what a turn asks for, and what answers it.

use std::time::Duration;

use super::*;

#[test]
fn a_first_turn_records_the_start_and_what_the_code_asks_for() {
    let mut story = Story::of(|ctx, input| async move {
        let first = ctx.schedule_activity("charge", input).await?;
        ctx.schedule_timer(Duration::from_secs(5)).await;
        Ok(format!("{first}!"))
    });
    let commit = story.turn([]);
    assert_eq!(rows(&commit), ["1 OrchestrationStarted", "2 ActivityScheduled"]);
    assert_eq!(commit.metadata.orchestration_name.as_deref(), Some("Checkout"));
    assert_eq!(commit.metadata.pinned_duroxide_version, Some(crate::model::filter::current_build_version()));
    assert!(commit.metadata.status.is_none());
    assert!(matches!(&commit.worker_items[..], [WorkItem::ActivityExecute { id: 2, name, input, .. }]
        if name == "charge" && input == "in"));

    let commit = story.turn([done(2, "receipt")]);
    assert_eq!(rows(&commit), ["3<2 ActivityCompleted", "4 TimerCreated"]);
    assert!(commit.metadata.orchestration_name.is_none(), "names and version are said once");
    // The delay counts from the turn that asks, which is at 3,000 ms.
    assert!(matches!(commit.orchestrator_items[..], [WorkItem::TimerFired { id: 4, fire_at_ms: 8_000, .. }]));

    let commit = story.turn([fired(4)]);
    assert_eq!(rows(&commit), ["5<4 TimerFired", "6 OrchestrationCompleted"]);
    assert_eq!(commit.metadata.output.as_deref(), Some("receipt!"));
    assert_eq!(story.completed(), "receipt!");
}

#[test]
fn a_fan_out_asks_for_all_at_once_and_joins_in_argument_order() {
    let mut story = Story::of(|ctx, _| async move {
        let calls = (0..3).map(|n| ctx.schedule_activity("square", n.to_string())).collect();
        let results: Result<Vec<_>, _> = ctx.join(calls).await.into_iter().collect();
        Ok(results?.join(","))
    });
    assert_eq!(story.turn([]).worker_items.len(), 3);
    assert_eq!(rows(&story.turn([done(4, "c")])), ["5<4 ActivityCompleted"]);
    story.turn([done(2, "a"), done(3, "b")]);
    assert_eq!(story.completed(), "a,b,c");
}

#[test]
fn fanin_5000_completes() {
    let mut story = Story::of(|ctx, _| async move {
        let calls = (0..5_000).map(|n| ctx.schedule_activity("square", n.to_string())).collect();
        Ok(ctx.join(calls).await.len().to_string())
    });
    // Each prefix would be replayed: too many for one test, so this one drives the machine itself.
    let mut execution = story.open(Vec::new());
    execution.advance(story.input(Vec::new()));
    assert_eq!(execution.conclude(None).worker_items.len(), 5_000);
    story.now_ms += 1;
    let messages = (2..5_002).map(|id| done(id, "x")).collect();
    execution.advance(TurnInput { start: None, messages, now_ms: story.now_ms });
    assert_eq!(*execution.outcome(), Outcome::Completed(Arc::new("5000".into())));
}

#[test]
fn an_activity_error_reaches_the_code_as_text() {
    let mut story = Story::of(|ctx, _| async move { Ok(ctx.schedule_activity("charge", "").await.unwrap_err()) });
    story.turn([]);
    story.turn([failed(2, "declined")]);
    assert_eq!(story.completed(), "declined");
}

#[test]
fn a_retry_waits_between_attempts_and_gives_the_last_error() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.schedule_activity_with_retry("charge", "", crate::model::retry::RetryPolicy::new(2)).await
    });
    assert_eq!(rows(&story.turn([])), ["1 OrchestrationStarted", "2 ActivityScheduled"]);
    assert_eq!(rows(&story.turn([failed(2, "one")])), ["3<2 ActivityFailed", "4 TimerCreated"]);
    assert_eq!(rows(&story.turn([fired(4)])), ["5<4 TimerFired", "6 ActivityScheduled"]);
    story.turn([failed(6, "two")]);
    assert_eq!(story.failure(), "two");
}

#[test]
fn an_attempt_that_times_out_ends_the_retry_and_gives_its_activity_up() {
    let mut story = Story::of(|ctx, _| async move {
        let policy = crate::model::retry::RetryPolicy::new(3).with_timeout(Duration::from_secs(1));
        ctx.schedule_activity_with_retry("charge", "", policy).await
    });
    assert_eq!(rows(&story.turn([])), ["1 OrchestrationStarted", "2 ActivityScheduled", "3 TimerCreated"]);
    let commit = story.turn([fired(3)]);
    assert_eq!(rows(&commit), ["4<3 TimerFired", "5<2 ActivityCancelRequested", "6 OrchestrationFailed"]);
    assert_eq!(commit.cancelled_activities.len(), 1);
    assert_eq!(story.failure(), "timeout: activity timed out");
}

#[test]
fn a_child_is_named_after_its_schedule_event_and_answers_its_parent() {
    let mut story = Story::of(|ctx, _| async move {
        let refund = ctx.schedule_sub_orchestration("Refund", "all");
        let audit = ctx.schedule_sub_orchestration_versioned_with_id("Audit", Some("2.0.0".into()), "audit-1", "");
        let (refund, audit) = ctx.join2(refund, audit).await;
        Ok(format!("{} {}", refund?, audit.unwrap_err()))
    });
    let commit = story.turn([]);
    let EventKind::SubOrchestrationScheduled { instance, .. } = &commit.delta[1].kind else { panic!() };
    assert_eq!(instance, "sub::2", "history keeps the suffix only");
    let WorkItem::StartOrchestration { instance, parent_instance, parent_id, parent_execution_id, version, .. } =
        &commit.orchestrator_items[0]
    else {
        panic!()
    };
    assert_eq!(instance, "order::sub::2");
    assert_eq!((parent_instance.as_deref(), *parent_id, *parent_execution_id), (Some("order"), Some(2), Some(1)));
    assert_eq!(*version, None);
    assert!(matches!(&commit.orchestrator_items[1], WorkItem::StartOrchestration { instance, version: Some(v), .. }
        if instance == "audit-1" && v == "2.0.0"));
    story.turn([child_done(2, "refunded"), child_failed(3, ErrorDetails::cancelled("late"))]);
    assert_eq!(story.completed(), "refunded canceled: late");
}

#[test]
fn a_child_of_a_later_execution_names_the_execution() {
    let mut story = Story::of(|ctx, _| async move { ctx.schedule_sub_orchestration("Refund", "").await });
    story.execution_id = 4;
    let commit = story.turn([]);
    assert!(matches!(&commit.orchestrator_items[..], [WorkItem::StartOrchestration { instance, .. }]
        if instance == "order::sub::4_2"));
}

#[test]
fn a_detached_start_has_no_parent_and_is_sent_even_when_the_code_ends() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.schedule_orchestration("Mail", "mail-1", "hello");
        drop(ctx.schedule_activity("never", "runs"));
        Ok("ok".into())
    });
    let commit = story.turn([]);
    assert_eq!(
        rows(&commit),
        [
            "1 OrchestrationStarted",
            "2 OrchestrationChained",
            "3 ActivityScheduled",
            "4<3 ActivityCancelRequested",
            "5 OrchestrationCompleted"
        ]
    );
    assert!(commit.worker_items.is_empty());
    assert!(matches!(
        &commit.orchestrator_items[..],
        [WorkItem::StartOrchestration { parent_instance: None, parent_id: None, .. }]
    ));
}

#[test]
fn the_code_is_replaying_until_the_first_new_event() {
    let mut story = Story::of(|ctx, _| async move {
        let mut seen = vec![ctx.is_replaying()];
        ctx.schedule_activity("a", "").await?;
        seen.push(ctx.is_replaying());
        Ok(format!("{seen:?}"))
    });
    // Driven by hand: a live execution sees its own first poll, a cold one sees a replay of it.
    let mut first = story.open(Vec::new());
    first.advance(story.input(Vec::new()));
    story.history = first.conclude(None).delta;
    let mut cold = story.open(story.history.clone());
    cold.advance(TurnInput { start: None, messages: vec![done(2, "")], now_ms: 1 });
    assert_eq!(*cold.outcome(), Outcome::Completed(Arc::new("[true, false]".into())));
    first.advance(TurnInput { start: None, messages: vec![done(2, "")], now_ms: 1 });
    assert_eq!(*first.outcome(), Outcome::Completed(Arc::new("[false, false]".into())));
}

#[test]
fn key_values_and_status_are_recorded_in_the_order_of_the_calls() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.set_kv_value("stage", "paid");
        ctx.set_custom_status("paying");
        ctx.schedule_activity("a", "").await?;
        let seen = ctx.get_kv_value("stage");
        ctx.clear_kv_value("stage");
        ctx.clear_all_kv_values();
        ctx.reset_custom_status();
        ctx.schedule_activity("b", "").await?;
        Ok(format!("{seen:?} {} {:?}", ctx.get_kv_length(), ctx.get_custom_status()))
    });
    let expected = ["1 OrchestrationStarted", "2 KeyValueSet", "3 CustomStatusUpdated", "4 ActivityScheduled"];
    assert_eq!(rows(&story.turn([])), expected);
    let expected = [
        "5<4 ActivityCompleted",
        "6 KeyValueCleared",
        "7 KeyValuesCleared",
        "8 CustomStatusUpdated",
        "9 ActivityScheduled",
    ];
    assert_eq!(rows(&story.turn([done(4, "")])), expected);
    story.turn([done(9, "")]);
    assert_eq!(story.completed(), "Some(\"paid\") 0 None");
}

#[test]
fn pruning_by_age_decides_the_same_on_replay() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.set_kv_value("old", "1");
        ctx.schedule_activity("a", "").await?;
        ctx.set_kv_value("new", "2");
        // The first turn is at 2,000 ms and the second at 3,000 ms.
        let pruned = ctx.prune_kv_values_updated_before(2_500);
        ctx.schedule_activity("b", "").await?;
        Ok(format!("{pruned} {:?}", ctx.get_kv_all_keys()))
    });
    story.turn([]);
    story.turn([done(3, "")]);
    story.turn([done(7, "")]);
    assert_eq!(story.completed(), "1 [\"new\"]");
}
