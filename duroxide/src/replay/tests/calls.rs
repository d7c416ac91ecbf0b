//! System calls: answered inside the turn while somebody waits for the answer, and not at all otherwise.

use super::*;

#[test]
fn a_system_call_is_answered_inside_the_turn_and_never_enqueued() {
    let mut story = Story::of(|ctx, _| async move {
        let guid = ctx.new_guid().await?;
        ctx.schedule_activity("use", guid).await
    });
    let commit = story.turn([]);
    assert_eq!(
        rows(&commit),
        ["1 OrchestrationStarted", "2 ActivityScheduled", "3<2 ActivityCompleted", "4 ActivityScheduled"]
    );
    assert!(
        matches!(&commit.worker_items[..], [WorkItem::ActivityExecute { id: 4, input, .. }] if input == "answer 2")
    );
    story.turn([done(4, "ok")]);
    assert_eq!(story.completed(), "ok");
}

#[test]
fn code_that_was_cancelled_runs_once_more_and_is_answered_no_more() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.schedule_wait("go").await;
        let guid = ctx.new_guid().await?;
        ctx.set_custom_status("driven on");
        Ok(guid)
    });
    story.turn([]);
    let commit = story.turn([raised("go", ""), cancel("enough")]);
    assert_eq!(
        rows(&commit),
        [
            "3 ExternalEvent",
            "4 OrchestrationCancelRequested",
            "5 ActivityScheduled",
            "6 OrchestrationFailed",
            "7<5 ActivityCancelRequested"
        ]
    );
    assert!(commit.worker_items.is_empty());
}

#[test]
fn code_that_asked_for_the_next_execution_is_answered_no_more() {
    let mut story = Story::of(|ctx, _| async move {
        let _next = ctx.continue_as_new("next");
        let guid = ctx.new_guid().await?;
        ctx.set_custom_status("driven on");
        Ok(guid)
    });
    let commit = story.turn([]);
    let kinds = rows(&commit).iter().map(|row| row.split_once(' ').unwrap().1.to_owned()).collect::<Vec<_>>();
    assert_eq!(
        kinds,
        ["OrchestrationStarted", "ActivityScheduled", "OrchestrationContinuedAsNew", "ActivityCancelRequested"]
    );
}

#[test]
fn a_call_that_nobody_waits_for_any_more_is_not_answered() {
    for ends in [false, true] {
        let mut story = Story::of(move |ctx, _| async move {
            let guid = ctx.new_guid();
            ctx.select2(guid, std::future::ready(())).await;
            if !ends {
                ctx.schedule_wait("go").await;
            }
            Ok(String::new())
        });
        let commit = story.turn([]);
        assert!(!rows(&commit).iter().any(|row| row.contains("ActivityCompleted")), "{:?}", rows(&commit));
        assert!(rows(&commit).iter().any(|row| row.contains("<2 ActivityCancelRequested")), "{:?}", rows(&commit));
        // Where the turn goes on, the row that is written is deleted by the same commit.
        assert_eq!(commit.cancelled_activities.len(), 1);
        if !ends {
            story.turn([raised("go", "")]);
        }
        assert_eq!(story.completed(), "");
    }
}
