//! How executions end: completion, failure, cancellation, continue-as-new, and what each sends.

use super::*;

#[test]
fn completion_closes_waits_by_the_rows_then_ends_then_gives_activities_up() {
    let mut story = Story::of(|ctx, _| async move {
        let keep = (ctx.schedule_wait("s"), ctx.dequeue_event("q"), ctx.schedule_activity("a", ""));
        let data = ctx.schedule_wait("go").await;
        std::mem::forget(keep);
        Ok(data)
    });
    story.turn([]);
    let commit = story.turn([raised("go", "x")]);
    assert_eq!(
        rows(&commit),
        [
            "6 ExternalEvent",
            "7<2 ExternalSubscribedCancelled",
            "8<3 ExternalSubscribedPersistentCancelled",
            "9 OrchestrationCompleted",
            "10<4 ActivityCancelRequested"
        ]
    );
    assert!(matches!(&commit.delta[4].kind, EventKind::ActivityCancelRequested { reason }
        if reason == "orchestration_terminal_completed"));
    assert_eq!(commit.cancelled_activities.len(), 1);
}

#[test]
fn an_error_fails_the_orchestration_and_tells_the_parent() {
    let mut story = Story::of(|_, _| async move { Err("no stock".to_owned()) }).with_parent();
    let commit = story.turn([]);
    assert_eq!(commit.metadata.status.as_deref(), Some("Failed"));
    assert_eq!(commit.metadata.parent_instance_id.as_deref(), Some("parent"));
    let details = ErrorDetails::application(AppErrorKind::OrchestrationFailed, "no stock");
    assert_eq!(
        commit.orchestrator_items,
        [WorkItem::SubOrchFailed { parent_instance: "parent".into(), parent_execution_id: 3, parent_id: 7, details }]
    );
}

#[test]
fn a_result_tells_the_parent() {
    let mut story = Story::of(|_, input| async move { Ok(input) }).with_parent();
    let result = "in".to_owned();
    assert_eq!(
        story.turn([]).orchestrator_items,
        [WorkItem::SubOrchCompleted { parent_instance: "parent".into(), parent_execution_id: 3, parent_id: 7, result }]
    );
}

#[test]
fn cancel_vs_complete_the_code_runs_once_more_and_cancellation_wins() {
    let mut story = Story::of(|ctx, _| async move {
        let child = ctx.schedule_sub_orchestration("c", "");
        let data = ctx.schedule_wait("go").await;
        drop(child);
        Ok(data)
    })
    .with_parent();
    story.turn([]);
    let commit = story.turn([raised("go", "x"), cancel("first"), cancel("second")]);
    assert_eq!(
        rows(&commit),
        ["4 ExternalEvent", "5 OrchestrationCancelRequested", "6 OrchestrationFailed"],
        "no row for the dropped child"
    );
    assert_eq!(commit.metadata.output.as_deref(), Some("canceled: first"));
    assert_eq!(
        commit.orchestrator_items,
        [
            WorkItem::CancelInstance { instance: "order::sub::2".into(), reason: "parent canceled".into() },
            WorkItem::SubOrchFailed {
                parent_instance: "parent".into(),
                parent_execution_id: 3,
                parent_id: 7,
                details: ErrorDetails::cancelled("first"),
            },
        ]
    );
}

#[test]
fn pending_is_a_legal_way_to_wait_for_cancellation() {
    let mut story = Story::of(|_, _| std::future::pending());
    story.turn([]);
    assert_eq!(story.outcome, Outcome::Continue);
    story.turn([cancel("enough")]);
    assert_eq!(story.outcome, Outcome::Cancelled("enough".into()));
}

#[test]
fn child_can_carries_status_unread_messages_and_the_parent() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.set_custom_status("round 1");
        ctx.schedule_wait("go").await;
        let running = ctx.schedule_activity("a", "");
        ctx.dequeue_event("q").await;
        let end = ctx.continue_as_new_versioned("2.0.0", "next").await;
        drop(running);
        end
    })
    .with_parent();
    story.turn([]);
    let commit = story.turn([queued("q", "read"), queued("r", "1"), queued("q", "2"), raised("go", "")]);
    assert_eq!(
        rows(&commit),
        [
            "4 ExternalEventPersistent",
            "5 ExternalEventPersistent",
            "6 ExternalEventPersistent",
            "7 ExternalEvent",
            "8 ActivityScheduled",
            "9 ExternalSubscribedPersistent",
            "10 OrchestrationContinuedAsNew",
            "11<8 ActivityCancelRequested"
        ],
        "the request to continue leaves no gap before the end"
    );
    assert_eq!(
        commit.orchestrator_items,
        [WorkItem::ContinueAsNew {
            instance: "order".into(),
            orchestration: "Checkout".into(),
            input: "next".into(),
            version: Some("2.0.0".into()),
            parent_instance: Some("parent".into()),
            parent_id: Some(7),
            parent_execution_id: Some(3),
            carry_forward_events: vec![("r".into(), "1".into()), ("q".into(), "2".into())],
            initial_custom_status: Some("round 1".into()),
        }]
    );
    assert!(commit.worker_items.is_empty());
    assert_eq!(commit.metadata.status.as_deref(), Some("ContinuedAsNew"));
}

/// What gives an instance its next execution has no row; the id that it uses up is one that no activity has.
#[test]
fn what_is_asked_for_after_continue_as_new_leaves_its_id_out() {
    let mut story = Story::of(|ctx, _| async move {
        drop(ctx.continue_as_new("next"));
        std::mem::forget(ctx.schedule_activity("a", ""));
        Ok("ignored".into())
    });
    let expected = [
        "1 OrchestrationStarted",
        "3 ActivityScheduled",
        "4 OrchestrationContinuedAsNew",
        "5<3 ActivityCancelRequested",
    ];
    assert_eq!(rows(&story.turn([])), expected);
}

#[test]
fn a_cancel_after_the_last_execution_is_dropped_and_before_the_next_one_recorded() {
    let completed = EventKind::OrchestrationCompleted { output: "in".into() };
    let continued = EventKind::OrchestrationContinuedAsNew { input: "next".into() };
    for (end, expected) in [(completed, &[][..]), (continued, &["3 OrchestrationCancelRequested"][..])] {
        let rows_before = vec![(None, start(None)), (None, end)];
        let mut story = Story::of(|_, input| async move { Ok(input) }).with_history(rows_before);
        assert_eq!(rows(&story.turn([cancel("late")])), expected);
    }
}

#[test]
fn continue_as_new_wins_over_the_result_even_when_nobody_awaits_it() {
    let mut story = Story::of(|ctx, _| async move {
        drop(ctx.continue_as_new("next"));
        Ok("ignored".into())
    });
    story.turn([]);
    assert_eq!(story.outcome, Outcome::ContinueAsNew { input: "next".into(), version: None });
}

#[test]
fn can_event_behind_the_one_that_made_the_code_return_is_carried_too() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.dequeue_event("go").await;
        drop(ctx.continue_as_new("next"));
        Ok("ignored".into())
    });
    story.turn([]);
    let commit = story.turn([queued("go", "1"), queued("q", "2"), queued("q", "3")]);
    let [WorkItem::ContinueAsNew { carry_forward_events, .. }] = &commit.orchestrator_items[..] else { panic!() };
    let expected = [("q".to_owned(), "2".to_owned()), ("q".to_owned(), "3".to_owned())];
    assert_eq!(carry_forward_events, &expected);
}

#[test]
fn at_most_a_hundred_messages_are_carried_and_the_oldest_stay() {
    let mut story = Story::of(|ctx, _| async move { ctx.continue_as_new("next").await });
    let commit = story.turn((0..103).map(|n| queued("q", &n.to_string())));
    let [WorkItem::ContinueAsNew { carry_forward_events, .. }] = &commit.orchestrator_items[..] else { panic!() };
    assert_eq!(carry_forward_events.len(), 100);
    assert_eq!(carry_forward_events.last(), Some(&("q".to_owned(), "99".to_owned())));
}

#[test]
fn the_status_left_by_the_execution_before_is_there_from_the_first_poll() {
    let mut story = Story::of(|ctx, _| async move { Ok(ctx.get_custom_status().unwrap_or_default()) });
    if let EventKind::OrchestrationStarted { initial_custom_status, .. } = &mut story.start {
        *initial_custom_status = Some("round 1".into());
    }
    story.turn([]);
    assert_eq!(story.completed(), "round 1");
}

#[test]
fn a_broken_limit_fails_once_and_tells_the_parent() {
    for (code_breaks, text) in [
        (0, "Custom status size (262145 bytes) exceeds limit (262144 bytes)"),
        (1, "Activity 'a' tag size (257 bytes) exceeds limit (256 bytes)"),
        (2, "KV value for key 'k' (65537 bytes) exceeds limit (65536 bytes)"),
        (3, "KV key count (151) exceeds limit (150)"),
    ] {
        let mut story = Story::of(move |ctx, _| async move {
            ctx.schedule_orchestration("Mail", "mail-1", "");
            match code_breaks {
                0 => ctx.set_custom_status("x".repeat(262_145)),
                1 => std::mem::forget(ctx.schedule_activity("a", "").with_tag("x".repeat(257))),
                2 => ctx.set_kv_value("k", "x".repeat(65_537)),
                _ => (0..151).for_each(|n| ctx.set_kv_value(n.to_string(), "")),
            }
            Ok("done".into())
        })
        .with_parent();
        let commit = story.turn([]);
        assert_eq!(story.failure(), text);
        assert_eq!(commit.delta.iter().filter(|event| event.is_terminal()).count(), 1);
        assert!(matches!(&commit.orchestrator_items[..], [WorkItem::SubOrchFailed { .. }]), "{text}");
    }
}

#[test]
fn exactly_at_a_limit_is_allowed() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.set_custom_status("x".repeat(262_144));
        (0..150).for_each(|n| ctx.set_kv_value(n.to_string(), ""));
        ctx.set_kv_value("0", "x".repeat(65_536));
        std::mem::forget(ctx.schedule_activity("a", "").with_tag("x".repeat(256)));
        Ok("done".into())
    });
    story.turn([]);
    assert_eq!(story.completed(), "done");
}

#[test]
fn the_parent_is_told_before_dropped_children_are_cancelled() {
    let mut story = Story::of(|ctx, _| async move {
        let child = ctx.schedule_sub_orchestration("c", "");
        ctx.schedule_orchestration("Mail", "mail-1", "");
        let data = ctx.schedule_wait("go").await;
        ctx.schedule_orchestration("Mail", "mail-2", "");
        drop(child);
        Ok(data)
    })
    .with_parent();
    story.turn([]);
    let commit = story.turn([raised("go", "")]);
    let sent: Vec<_> = commit.orchestrator_items.iter().map(crate::model::work_item::kind_of).collect();
    assert_eq!(sent, ["StartOrchestration", "SubOrchCompleted", "CancelInstance"]);
}

#[test]
fn activities_are_given_up_with_the_reason_of_the_end() {
    for (end, reason) in [
        ("ok", "orchestration_terminal_completed"),
        ("error", "orchestration_terminal_failed"),
        ("next", "orchestration_terminal_continued_as_new"),
    ] {
        let mut story = Story::of(move |ctx, _| async move {
            std::mem::forget(ctx.schedule_activity("a", ""));
            ctx.schedule_wait("go").await;
            match end {
                "ok" => Ok(String::new()),
                "error" => Err(String::new()),
                _ => ctx.continue_as_new("").await,
            }
        });
        story.turn([]);
        let commit = story.turn([raised("go", "")]);
        let last = &commit.delta.last().unwrap().kind;
        assert_eq!(*last, EventKind::ActivityCancelRequested { reason: reason.into() });
        assert_eq!(commit.cancelled_activities.len(), 1);
    }
}
