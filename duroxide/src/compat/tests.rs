//! What programs see that drive the engine, the history reader and the batch reader by themselves.

use std::future::Future;
use std::sync::Arc;

use super::history_manager::HistoryManager;
use super::replay_engine::{ReplayEngine, TurnResult};
use super::work_item_reader::WorkItemReader;
use crate::context::handler::FnOrchestration;
use crate::context::orchestration::OrchestrationContext;
use crate::model::action::Action;
use crate::model::error::{AppErrorKind, ErrorDetails};
use crate::model::event::{Event, EventKind};
use crate::model::work_item::{WorkItem, kind_of};

fn event(event_id: u64, source_event_id: Option<u64>, kind: EventKind) -> Event {
    Event::with_event_id(event_id, "order", 1, source_event_id, kind)
}

fn start_with(input: &str, version: &str, parent: Option<&str>) -> EventKind {
    EventKind::OrchestrationStarted {
        name: "Checkout".into(),
        version: version.into(),
        input: input.into(),
        parent_instance: parent.map(str::to_owned),
        parent_id: parent.map(|_| 7),
        parent_execution_id: parent.map(|_| 3),
        carry_forward_events: None,
        initial_custom_status: None,
    }
}

fn start() -> Event {
    event(1, None, start_with("in", "1.0.0", None))
}

fn scheduled(event_id: u64, name: &str) -> Event {
    let kind = EventKind::ActivityScheduled { name: name.into(), input: "in".into(), session_id: None, tag: None };
    event(event_id, None, kind)
}

fn done(id: u64) -> WorkItem {
    done_in(1, id)
}

fn done_in(execution_id: u64, id: u64) -> WorkItem {
    WorkItem::ActivityCompleted { instance: "order".into(), execution_id, id, result: "ok".into() }
}

fn failed(id: u64, details: ErrorDetails) -> WorkItem {
    WorkItem::ActivityFailed { instance: "order".into(), execution_id: 1, id, details }
}

fn queued(data: &str) -> WorkItem {
    WorkItem::QueueMessage { instance: "order".into(), name: "q".into(), data: data.into() }
}

fn cancel(reason: &str) -> WorkItem {
    WorkItem::CancelInstance { instance: "order".into(), reason: reason.into() }
}

fn store_trouble() -> ErrorDetails {
    ErrorDetails::Infrastructure { operation: "read".into(), message: "gone".into(), retryable: true }
}

fn run<F, Fut>(engine: &mut ReplayEngine, code: F) -> TurnResult
where
    F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    let handler = Arc::new(FnOrchestration(code));
    engine.execute_orchestration(handler, "in".into(), "Checkout".into(), "1.0.0".into(), "orch-0-test")
}

async fn charge(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    ctx.schedule_activity("Charge", input).await
}

fn engine(history: Vec<Event>) -> ReplayEngine {
    ReplayEngine::new("order".into(), 1, history)
}

fn kinds(events: &[Event]) -> Vec<String> {
    let shown = |event: &Event| format!("{} {}", event.event_id, event.kind.wire_type());
    events.iter().map(shown).collect()
}

#[test]
fn a_first_turn_schedules_and_a_second_completes() {
    let mut first = engine(vec![start()]).with_persisted_history_len(0);
    assert!(matches!(run(&mut first, charge), TurnResult::Continue));
    assert_eq!(kinds(first.history_delta()), ["2 ActivityScheduled"]);
    assert!(matches!(
        first.pending_actions(),
        [Action::CallActivity { scheduling_event_id: 2, name, .. }] if name == "Charge"
    ));
    assert!(first.made_progress());
    assert_eq!(kinds(&first.final_history()), ["1 OrchestrationStarted", "2 ActivityScheduled"]);

    let mut second = engine(first.final_history());
    second.prep_completions(vec![done(2)]);
    assert_eq!(kinds(second.history_delta()), ["3 ActivityCompleted"]);
    assert!(matches!(run(&mut second, charge), TurnResult::Completed(output) if output == "ok"));
    assert!(second.pending_actions().is_empty());
}

#[test]
fn a_turn_without_news_makes_no_progress() {
    let mut engine = engine(vec![start(), scheduled(2, "Charge")]);
    assert!(matches!(run(&mut engine, charge), TurnResult::Continue));
    assert!(!engine.made_progress() && engine.pending_actions().is_empty());
}

#[test]
fn messages_that_do_not_count_are_dropped() {
    let answered = event(3, Some(2), EventKind::ActivityCompleted { result: "ok".into() });
    let open = || vec![start(), scheduled(2, "Charge")];
    let closed = || vec![start(), scheduled(2, "Charge"), answered.clone()];
    let crossed = failed(2, ErrorDetails::application(AppErrorKind::ActivityFailed, "late"));
    let table = [
        ("for another execution", open(), vec![done_in(2, 2)], 0),
        ("answered in history", closed(), vec![done(2)], 0),
        ("answered in the other way", closed(), vec![crossed], 0),
        ("answered in the same batch", open(), vec![done(2), done(2)], 1),
        ("a second cancel", open(), vec![cancel("first"), cancel("second")], 1),
        ("equal queue messages are two", open(), vec![queued("x"), queued("x")], 2),
    ];
    for (what, history, messages, expected) in table {
        let mut engine = engine(history);
        engine.prep_completions(messages);
        assert_eq!(engine.history_delta().len(), expected, "{what}");
    }
}

#[test]
fn a_duplicate_in_a_later_batch_is_dropped_too() {
    let mut engine = engine(vec![start(), scheduled(2, "Charge")]);
    engine.prep_completions(vec![done(2)]);
    engine.prep_completions(vec![done(2)]);
    assert_eq!(kinds(engine.history_delta()), ["3 ActivityCompleted"]);
}

#[test]
fn what_fails_a_turn_before_any_code_runs() {
    let timer = || vec![start(), event(2, None, EventKind::TimerCreated { fire_at_ms: 9 })];
    let fired = WorkItem::TimerFired { instance: "order".into(), execution_id: 1, id: 9, fire_at_ms: 9 };
    let child = WorkItem::SubOrchCompleted {
        parent_instance: "order".into(),
        parent_execution_id: 1,
        parent_id: 9,
        result: "ok".into(),
    };
    let table = [
        (timer(), vec![done(9)], "nondeterministic: no matching schedule for completion id=9"),
        (timer(), vec![fired], "nondeterministic: no matching schedule for timer id=9"),
        (timer(), vec![child], "nondeterministic: no matching schedule for sub-orchestration id=9"),
        (
            timer(),
            vec![done(2)],
            "nondeterministic: completion kind mismatch for id=2, expected 'timer', got 'activity'",
        ),
        (vec![start(), scheduled(2, "Charge")], vec![failed(2, store_trouble())], "infrastructure:read: gone"),
        (Vec::new(), Vec::new(), "nondeterministic: corrupted history: empty"),
        (
            vec![scheduled(1, "Charge")],
            Vec::new(),
            "nondeterministic: corrupted history: first event must be OrchestrationStarted",
        ),
    ];
    for (history, messages, expected) in table {
        let mut engine = engine(history);
        engine.prep_completions(messages);
        match run(&mut engine, |_, _| async { panic!("no code may decide this") }) {
            TurnResult::Failed(details) => assert_eq!(details.display_message(), expected),
            other => panic!("expected `{expected}`, got {other:?}"),
        }
        assert!(engine.pending_actions().is_empty());
    }
}

#[test]
fn a_message_of_other_code_outweighs_trouble_of_the_system_and_not_the_other_way_round() {
    let trouble = || vec![failed(2, store_trouble())];
    for batches in [[trouble(), vec![done(9)]], [vec![done(9)], trouble()]] {
        let mut engine = engine(vec![start(), scheduled(2, "Charge")]);
        batches.into_iter().for_each(|batch| engine.prep_completions(batch));
        let TurnResult::Failed(details) = run(&mut engine, charge) else {
            panic!("both fail the turn");
        };
        assert_eq!(details.category(), "configuration");
    }
}

#[test]
fn a_cancel_between_two_executions_is_recorded_and_one_after_the_end_is_not() {
    let continued = EventKind::OrchestrationContinuedAsNew { input: "next".into() };
    let completed = EventKind::OrchestrationCompleted { output: String::new() };
    for (end, recorded) in [(continued, vec!["3 OrchestrationCancelRequested"]), (completed, vec![])] {
        let mut engine = engine(vec![start(), event(2, None, end)]);
        engine.prep_completions(vec![cancel("first"), cancel("second")]);
        assert_eq!(kinds(engine.history_delta()), recorded);
        assert!(matches!(run(&mut engine, charge), TurnResult::Continue), "no code runs");
        assert_eq!(kinds(engine.history_delta()), recorded);
    }
}

#[test]
fn what_answers_a_wait_answers_nothing() {
    let waits = [
        EventKind::ExternalSubscribed { name: "e".into() },
        EventKind::QueueSubscribed { name: "q".into() },
        EventKind::CustomStatusUpdated { status: None },
    ];
    for wait in waits {
        let mut engine = engine(vec![start(), event(2, None, wait)]);
        engine.prep_completions(vec![done(2)]);
        let TurnResult::Failed(details) = run(&mut engine, charge) else { panic!("it cannot belong to this code") };
        assert_eq!(details.display_message(), "nondeterministic: no matching schedule for completion id=2");
    }
}

#[test]
fn an_execution_that_ended_has_no_work() {
    let ends = [
        EventKind::OrchestrationCompleted { output: "ok".into() },
        EventKind::OrchestrationFailed { details: store_trouble() },
        EventKind::OrchestrationContinuedAsNew { input: "next".into() },
    ];
    for end in ends {
        let mut engine = engine(vec![start(), event(2, None, end.clone())]);
        assert!(matches!(run(&mut engine, charge), TurnResult::Continue), "{end:?}");
        assert!(!engine.made_progress(), "{end:?}");
    }
}

#[test]
fn other_code_than_history_records_is_told_in_words() {
    let mut engine = engine(vec![start(), scheduled(2, "Refund")]);
    let TurnResult::Failed(details) = run(&mut engine, charge) else {
        panic!("the history is of other code");
    };
    assert_eq!(
        details.display_message(),
        "nondeterministic: schedule mismatch: action=CallActivity { scheduling_event_id: 0, name: \"Charge\", input: \
         \"in\", session_id: None, tag: None } vs event=ActivityScheduled { name: \"Refund\", input: \"in\", \
         session_id: None, tag: None }"
    );
}

#[test]
fn dropped_futures_are_listed_and_recorded() {
    async fn race(ctx: OrchestrationContext, input: String) -> Result<String, String> {
        let slow = ctx.schedule_activity("Slow", &input);
        let child = ctx.schedule_sub_orchestration("Child", &input);
        let quick = ctx.schedule_activity("Quick", &input);
        ctx.select3(quick, slow, child).await;
        ctx.schedule_wait("never").await;
        Ok(String::new())
    }
    let mut first = engine(vec![start()]);
    assert!(matches!(run(&mut first, race), TurnResult::Continue));
    let mut second = engine(first.final_history());
    second.prep_completions(vec![done(4)]);
    assert!(matches!(run(&mut second, race), TurnResult::Continue));
    assert_eq!(second.cancelled_activity_ids(), [2]);
    assert_eq!(second.cancelled_sub_orchestration_ids(), ["order::sub::3"]);
    assert_eq!(
        kinds(second.history_delta()),
        [
            "5 ActivityCompleted",
            "6 ExternalSubscribed",
            "7 ActivityCancelRequested",
            "8 SubOrchestrationCancelRequested"
        ]
    );
    let mut third = engine(second.final_history());
    assert!(matches!(run(&mut third, race), TurnResult::Continue));
    assert!(third.cancelled_activity_ids().is_empty() && !third.made_progress());
}

#[test]
fn continue_as_new_hands_over_what_nobody_read() {
    let mut engine = engine(vec![start()]);
    engine.prep_completions(vec![queued("read"), queued("unread")]);
    let result = run(&mut engine, |ctx, _| async move {
        ctx.dequeue_event("q").await;
        ctx.continue_as_new("next").await
    });
    let TurnResult::ContinueAsNew { input, version, unconsumed_queue_arrivals } = result else {
        panic!("the code asked for the next execution");
    };
    assert_eq!((input.as_str(), version), ("next", None));
    assert_eq!(unconsumed_queue_arrivals, Some(vec![("q".to_owned(), "unread".to_owned())]));
    assert!(matches!(
        engine.pending_actions(),
        [Action::DequeueEvent { .. }, Action::ContinueAsNew { input, version: None }] if input == "next"
    ));
}

#[test]
fn a_cancel_wins_over_the_result() {
    let mut engine = engine(vec![start(), scheduled(2, "Charge")]);
    engine.prep_completions(vec![done(2), cancel("enough")]);
    assert!(matches!(run(&mut engine, charge), TurnResult::Cancelled(reason) if reason == "enough"));
}

#[test]
fn only_what_storage_has_is_replayed() {
    for (persisted, expected) in [(0, "false"), (1, "true")] {
        let mut engine = engine(vec![start(), scheduled(2, "Charge")]).with_persisted_history_len(persisted);
        engine.prep_completions(vec![done(2)]);
        let result = run(&mut engine, |ctx, input| async move {
            let replaying = ctx.is_replaying().to_string();
            ctx.schedule_activity("Charge", input).await?;
            Ok(replaying)
        });
        assert!(matches!(result, TurnResult::Completed(output) if output == expected), "{persisted}");
    }
}

#[test]
fn a_reader_tells_the_last_start_and_the_end_that_followed_it() {
    let history = [
        start(),
        event(2, None, EventKind::OrchestrationContinuedAsNew { input: "b".into() }),
        event(3, None, start_with("b", "2.0.0", Some("parent"))),
        event(4, None, EventKind::OrchestrationCompleted { output: "ok".into() }),
        event(5, None, EventKind::OrchestrationFailed { details: store_trouble() }),
    ];
    let table = [
        (0, None, "Running", None),
        (1, Some("in"), "Running", Some(1)),
        (2, Some("in"), "ContinuedAsNew", Some(1)),
        (3, Some("b"), "Running", Some(2)),
        (4, Some("b"), "Completed", Some(2)),
        (5, Some("b"), "Completed", Some(2)),
    ];
    for (length, input, status, executions) in table {
        let reader = HistoryManager::from_history(&history[..length]);
        assert_eq!(reader.input(), input, "{length}");
        assert_eq!(reader.status(), status, "{length}");
        assert_eq!(reader.current_execution_id, executions, "{length}");
        assert_eq!(reader.is_terminal(), status != "Running", "{length}");
        assert_eq!(reader.next_event_id(), length as u64 + 1, "{length}");
        assert_eq!((reader.is_empty(), reader.original_len()), (length == 0, length));
    }
    let reader = HistoryManager::from_history(&history);
    let parent = Some(("parent".to_owned(), Some(3), 7));
    assert_eq!(reader.extract_context(), ("b".to_owned(), parent));
    assert_eq!(reader.version().as_deref(), Some("2.0.0"));
}

#[test]
fn what_is_added_does_not_change_what_was_read() {
    let mut reader = HistoryManager::from_history(&[]);
    assert_eq!(reader.extract_context(), (String::new(), None));
    reader.append(event(1, None, start_with("in", "0.0.0", Some("parent"))));
    reader.extend(vec![scheduled(2, "A")]);
    reader.append_failed("order", 4, store_trouble());
    assert_eq!((reader.input(), reader.version(), reader.is_failed), (None, None, false));
    assert_eq!(reader.extract_context().0, "in");
    assert_eq!((reader.original_len(), reader.full_history_len(), reader.is_full_history_empty()), (0, 3, false));
    assert_eq!((reader.delta()[2].event_id, reader.delta()[2].execution_id), (3, 4));
    assert_eq!(reader.full_history(), reader.clone().into_delta());
    assert_eq!(reader.full_history_iter().count(), 3);
}

#[test]
fn activities_in_flight_are_those_nobody_answered() {
    let mut reader = HistoryManager::from_history(&[start(), scheduled(2, "A"), scheduled(3, "B"), scheduled(4, "C")]);
    reader.append(scheduled(5, "D"));
    reader.append(event(6, Some(3), EventKind::ActivityCompleted { result: "ok".into() }));
    reader.append(event(7, Some(4), EventKind::ActivityCancelRequested { reason: "why".into() }));
    let open = reader.compute_inflight_activities("order", 9);
    let ids: Vec<_> = open.iter().map(|open| (open.instance.as_str(), open.execution_id, open.activity_id)).collect();
    assert_eq!(ids, [("order", 9, 2), ("order", 9, 5)]);
}

fn start_item(orchestration: &str) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: "order".into(),
        orchestration: orchestration.into(),
        input: "started".into(),
        version: Some("3.0.0".into()),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}

fn can_item() -> WorkItem {
    WorkItem::ContinueAsNew {
        instance: "order".into(),
        orchestration: "Next".into(),
        input: "continued".into(),
        version: None,
        parent_instance: Some("parent".into()),
        parent_id: Some(7),
        parent_execution_id: Some(3),
        carry_forward_events: vec![("q".into(), "carried".into())],
        initial_custom_status: None,
    }
}

#[test]
fn a_batch_has_at_most_one_start_and_keeps_the_rest_in_order() {
    let none = HistoryManager::from_history(&[]);
    let some = HistoryManager::from_history(&[event(1, None, start_with("in", "0.0.0", Some("parent")))]);
    let execute = WorkItem::ActivityExecute {
        instance: "order".into(),
        execution_id: 1,
        id: 2,
        name: "A".into(),
        input: String::new(),
        session_id: None,
        tag: None,
    };
    let table = [
        (&none, vec![start_item("A"), done(2), start_item("B")], "A", "started", vec!["ActivityCompleted"]),
        (&none, vec![start_item("A"), can_item()], "A", "started", vec![]),
        (
            &some,
            vec![start_item("A"), done(2), cancel("x")],
            "Checkout",
            "in",
            vec!["ActivityCompleted", "CancelInstance"],
        ),
        (
            &some,
            vec![done(2), start_item("A"), can_item()],
            "Next",
            "continued",
            vec!["ExternalRaisedPersistent", "ActivityCompleted"],
        ),
        (&some, vec![execute], "Checkout", "in", vec![]),
        (&none, vec![done(2)], "", "", vec!["ActivityCompleted"]),
    ];
    for (history, messages, name, input, kept) in table {
        let reader = WorkItemReader::from_messages(&messages, history, "order");
        let kinds: Vec<_> = reader.completion_messages.iter().map(kind_of).collect();
        assert_eq!((reader.orchestration_name.as_str(), reader.input.as_str(), kinds), (name, input, kept));
        assert_eq!(reader.has_orchestration_name(), !name.is_empty());
        assert_eq!(reader.has_start_item(), matches!(name, "A" | "Next"));
        assert_eq!(reader.is_continue_as_new, name == "Next");
        let has_parent = name == "Next" || name == "Checkout";
        assert_eq!(
            (reader.parent_instance.is_some(), reader.parent_id, reader.parent_execution_id),
            (has_parent, has_parent.then_some(7), has_parent.then_some(3))
        );
        assert_eq!(reader.version.as_deref(), (name == "A").then_some("3.0.0"));
    }
}
