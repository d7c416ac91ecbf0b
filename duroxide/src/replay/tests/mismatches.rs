//! Code that asks for something else than history records, and messages that belong to nothing.

use super::*;

fn scheduled(name: &str) -> EventKind {
    EventKind::ActivityScheduled { name: name.into(), input: "".into(), session_id: None, tag: None }
}

async fn calls_b(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    ctx.schedule_activity("b", "").await
}

#[test]
fn code_change_is_told_with_what_it_did_and_what_history_expected() {
    let mut story = Story::of(calls_b).with_history(vec![(None, start(None)), (None, scheduled("a"))]);
    story.turn([done(2, "")]);
    let failure = story.failure();
    assert!(
        failure.starts_with(
            "nondeterministic: schedule mismatch: action=CallActivity { scheduling_event_id: 0, name: \"b\""
        )
    );
    assert!(failure.contains("vs event=ActivityScheduled { name: \"a\""), "{failure}");
    // What is quoted here holds inputs, and is not shown to whoever did not ask for them.
    let shown = "nondeterministic: schedule mismatch: action=CallActivity {…} vs event=ActivityScheduled {…}";
    assert_eq!(crate::insight::without_inputs(&failure), shown);
}

#[test]
fn every_part_of_a_request_that_must_match_is_compared() {
    type Code = fn(OrchestrationContext);
    let call = |f: Code| {
        move |ctx: OrchestrationContext, _: String| async move {
            f(ctx.clone());
            std::future::pending::<Result<String, String>>().await
        }
    };
    let text = || String::from("x");
    let activity = |session_id: Option<&str>, tag: Option<&str>| EventKind::ActivityScheduled {
        name: text(),
        input: text(),
        session_id: session_id.map(Into::into),
        tag: tag.map(Into::into),
    };
    let child = |name: &str, input: &str| EventKind::SubOrchestrationScheduled {
        name: name.into(),
        instance: "recorded".into(),
        input: input.into(),
    };
    let table: Vec<(Code, EventKind, bool)> = vec![
        (|ctx| std::mem::forget(ctx.schedule_activity("x", "x")), activity(None, None), true),
        (|ctx| std::mem::forget(ctx.schedule_activity("x", "y")), activity(None, None), false),
        (|ctx| std::mem::forget(ctx.schedule_activity("x", "x")), activity(Some("s"), None), false),
        (|ctx| std::mem::forget(ctx.schedule_activity("x", "x").with_tag("t")), activity(None, Some("t")), true),
        (|ctx| std::mem::forget(ctx.schedule_activity("x", "x")), activity(None, Some("t")), false),
        (
            |ctx| std::mem::forget(ctx.schedule_timer(std::time::Duration::from_secs(9))),
            EventKind::TimerCreated { fire_at_ms: 3 },
            true,
        ),
        (|ctx| std::mem::forget(ctx.schedule_wait("x")), EventKind::ExternalSubscribed { name: "y".into() }, false),
        (|ctx| std::mem::forget(ctx.dequeue_event("x")), EventKind::ExternalSubscribed { name: text() }, false),
        (|ctx| std::mem::forget(ctx.dequeue_event("x")), EventKind::QueueSubscribed { name: text() }, true),
        (|ctx| std::mem::forget(ctx.schedule_sub_orchestration_with_id("x", "other", "x")), child("x", "x"), true),
        (|ctx| std::mem::forget(ctx.schedule_sub_orchestration("x", "x")), child("x", "y"), false),
        (
            |ctx| ctx.schedule_orchestration("x", "i", "x"),
            EventKind::OrchestrationChained { name: text(), instance: "j".into(), input: text() },
            false,
        ),
        (|ctx| ctx.set_custom_status("new"), EventKind::CustomStatusUpdated { status: None }, true),
        (
            |ctx| ctx.set_kv_value("x", "x"),
            EventKind::KeyValueSet { key: text(), value: text(), last_updated_at_ms: 1 },
            true,
        ),
        (
            |ctx| ctx.set_kv_value("x", "y"),
            EventKind::KeyValueSet { key: text(), value: text(), last_updated_at_ms: 1 },
            false,
        ),
        (|ctx| ctx.clear_kv_value("x"), EventKind::KeyValueCleared { key: text() }, true),
        (|ctx| ctx.clear_kv_value("x"), EventKind::KeyValueCleared { key: "y".into() }, false),
        (|ctx| ctx.clear_all_kv_values(), EventKind::KeyValuesCleared, true),
        (|ctx| ctx.clear_all_kv_values(), EventKind::KeyValueCleared { key: text() }, false),
    ];
    for (at, (code, recorded, fits)) in table.into_iter().enumerate() {
        let rows = vec![(None, start(None)), (None, recorded.clone())];
        let mut story = Story::of(call(code)).with_history(rows);
        story.turn([queued("unrelated", "")]);
        assert_eq!(matches!(story.outcome, Outcome::Continue), fits, "row {at}: {recorded:?} {:?}", story.outcome);
    }
}

#[test]
fn a_request_that_the_code_no_longer_makes_is_named() {
    for (recorded, text) in [
        (scheduled("a"), "nondeterministic: history schedule but no emitted action"),
        (
            EventKind::OrchestrationChained { name: "n".into(), instance: "i".into(), input: "".into() },
            "nondeterministic: history OrchestrationChained but no emitted action",
        ),
    ] {
        let mut story =
            Story::of(|_, _| std::future::pending()).with_history(vec![(None, start(None)), (None, recorded)]);
        story.turn([queued("unrelated", "")]);
        assert_eq!(story.failure(), text);
    }
}

#[test]
fn rows_without_answer_that_the_code_no_longer_asks_for_are_let_pass() {
    let mut story = Story::of(|_, _| std::future::pending())
        .with_history(vec![(None, start(None)), (None, EventKind::CustomStatusUpdated { status: Some("x".into()) })]);
    story.turn([queued("unrelated", "")]);
    assert_eq!(story.outcome, Outcome::Continue);
}

#[test]
fn clears_match_in_any_order_within_their_run() {
    let clear = |key: &str| (None, EventKind::KeyValueCleared { key: key.into() });
    let mut story = Story::of(|ctx, _| async move {
        ctx.clear_kv_value("a");
        ctx.clear_kv_value("b");
        std::future::pending().await
    })
    .with_history(vec![(None, start(None)), clear("b"), clear("a")]);
    story.turn([queued("unrelated", "")]);
    assert_eq!(story.outcome, Outcome::Continue);
}

#[test]
fn more_requests_than_history_records_are_new_work() {
    let mut story = Story::of(|ctx, _| async move {
        let calls = vec![ctx.schedule_activity("a", ""), ctx.schedule_activity("b", "")];
        ctx.join(calls).await.pop().unwrap_or(Ok("none".into()))
    })
    .with_history(vec![(None, start(None)), (None, scheduled("a"))]);
    assert_eq!(rows(&story.turn([done(2, "")])), ["3<2 ActivityCompleted", "4 ActivityScheduled"]);
}

#[test]
fn messages_that_answer_nothing_fail_the_turn_without_running_code() {
    let child = EventKind::SubOrchestrationScheduled { name: "c".into(), instance: "c".into(), input: "".into() };
    let rows = || {
        vec![
            (None, start(None)),
            (None, scheduled("a")),
            (None, EventKind::TimerCreated { fire_at_ms: 1 }),
            (None, child.clone()),
        ]
    };
    for (message, text) in [
        (done(9, ""), "no matching schedule for completion id=9"),
        (failed(9, ""), "no matching schedule for completion id=9"),
        (fired(9), "no matching schedule for timer id=9"),
        (child_done(9, ""), "no matching schedule for sub-orchestration id=9"),
        (done(3, ""), "completion kind mismatch for id=3, expected 'timer', got 'activity'"),
        (fired(4), "completion kind mismatch for id=4, expected 'suborchestration', got 'timer'"),
        (child_done(2, ""), "completion kind mismatch for id=2, expected 'activity', got 'suborchestration'"),
    ] {
        let mut execution = three_asked(&rows());
        execution.advance(TurnInput { start: None, messages: vec![message], now_ms: 1 });
        let Outcome::Failed(details) = execution.outcome() else { panic!("{text}: {:?}", execution.outcome()) };
        assert_eq!(details.display_message(), format!("nondeterministic: {text}"));
    }
}

/// An execution whose code asked for an activity, a timer and a child, as the rows say.
fn three_asked(rows: &[(Option<u64>, EventKind)]) -> Execution {
    let story = Story::of(|ctx, _| async move {
        let asked = (
            ctx.schedule_activity("a", ""),
            ctx.schedule_timer(std::time::Duration::ZERO),
            ctx.schedule_sub_orchestration_with_id("c", "c", ""),
        );
        // Woken by any of the messages, this would show as another failure.
        let _ = ctx.join2(asked.0, asked.2).await;
        panic!("the code must not run")
    })
    .with_history(rows.to_vec());
    story.open(story.history.clone())
}

#[test]
fn duplicate_completion_and_stale_messages_are_dropped() {
    let other_execution =
        WorkItem::ActivityCompleted { instance: "order".into(), execution_id: 2, id: 2, result: "".into() };
    let mut story = Story::of(|ctx, _| async move {
        ctx.schedule_activity("a", "").await.ok();
        Ok(ctx.schedule_wait("go").await)
    });
    story.turn([]);
    assert!(story.turn([other_execution]).delta.is_empty());
    // The second answer is dropped in the same batch, in a later one, and whatever it says.
    assert_eq!(
        rows(&story.turn([failed(2, "one"), failed(2, "two"), done(2, "")])),
        ["3<2 ActivityFailed", "4 ExternalSubscribed"]
    );
    assert!(story.turn([failed(2, "again")]).delta.is_empty());
    story.turn([raised("go", "on")]);
    assert_eq!(story.completed(), "on");
}

#[test]
fn what_was_meant_for_an_earlier_instance_of_the_same_id_does_not_touch_the_new_one() {
    let mut story = Story::of(|ctx, _| async move { ctx.schedule_activity("a", "").await });
    let commit = story.turn([done(2, "stale"), child_done(7, "stale"), fired(3)]);
    assert_eq!(rows(&commit), ["1 OrchestrationStarted", "2 ActivityScheduled"]);
    story.turn([done(2, "fresh")]);
    assert_eq!(story.completed(), "fresh");
}

#[test]
fn a_system_error_fails_the_awaiting_orchestration_without_running_its_code() {
    let details = ErrorDetails::Infrastructure { operation: "read".into(), message: "gone".into(), retryable: false };
    let mut story = Story::of(|ctx, _| async move {
        let _ = ctx.schedule_sub_orchestration("c", "").await;
        Ok("the code saw it".into())
    });
    story.turn([]);
    let commit = story.turn([child_failed(2, details)]);
    assert_eq!(rows(&commit), ["3<2 SubOrchestrationFailed", "4 OrchestrationFailed"]);
    assert_eq!(story.failure(), "infrastructure:read: gone");
}

#[test]
fn a_history_without_start_is_corrupt() {
    let mut story = Story::of(calls_b).with_history(vec![(None, scheduled("a"))]);
    story.turn([done(1, "")]);
    assert_eq!(story.failure(), "nondeterministic: corrupted history: first event must be OrchestrationStarted");
}

#[test]
fn an_answer_in_history_that_is_of_another_kind_than_its_request_is_nondeterminism() {
    for (answer, is_of_kind) in [
        (EventKind::TimerFired { fire_at_ms: 1 }, false),
        (EventKind::SubOrchestrationCompleted { result: "ok".into() }, false),
        (EventKind::ActivityCompleted { result: "ok".into() }, true),
    ] {
        let mut story =
            Story::of(calls_b).with_history(vec![(None, start(None)), (None, scheduled("b")), (Some(2), answer)]);
        story.turn([]);
        if is_of_kind {
            assert_eq!(story.completed(), "ok");
        } else {
            assert!(story.failure().starts_with("nondeterministic: completion kind mismatch: "), "{}", story.failure());
        }
    }
}
