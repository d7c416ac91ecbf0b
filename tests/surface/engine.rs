//! The engine, the history reader and the batch reader, driven step by step from outside.

use std::collections::HashMap;
use std::sync::Arc;

use duroxide::providers::{KvEntry, ScheduledActivityIdentifier, WorkItem};
use duroxide::runtime::replay_engine::{ReplayEngine, TurnResult};
use duroxide::runtime::{FnOrchestration, HistoryManager, OrchestrationHandler, WorkItemReader};
use duroxide::{Action, ErrorDetails, Event, EventKind, OrchestrationContext};

fn start() -> Event {
    let kind = EventKind::OrchestrationStarted {
        name: "Flow".to_string(),
        version: "1.0.0".to_string(),
        input: "in".to_string(),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: None,
        initial_custom_status: Some("left".to_string()),
    };
    Event::with_event_id(1, "order", 1, None, kind)
}

async fn flow(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let kept = ctx.get_kv_value("kept").unwrap_or_default();
    let status = ctx.get_custom_status().unwrap_or_default();
    let result = ctx.schedule_activity("Step", format!("{input} {kept} {status}")).await?;
    ctx.schedule_timer(std::time::Duration::from_secs(1)).await;
    Ok(result)
}

fn step(engine: &mut ReplayEngine) -> TurnResult {
    let handler: Arc<dyn OrchestrationHandler> = Arc::new(FnOrchestration(flow));
    engine.execute_orchestration(handler, "in".to_string(), "Flow".to_string(), "1.0.0".to_string(), "worker-1")
}

/// Carries history from turn to turn as a suite does.
#[test]
fn three_turns_by_hand() {
    let kept = KvEntry { value: "kept".to_string(), last_updated_at_ms: 1 };
    let snapshot = HashMap::from([("kept".to_string(), kept)]);
    let mut engine = ReplayEngine::new("order".to_string(), 1, vec![start()])
        .with_persisted_history_len(0)
        .with_kv_snapshot(snapshot.clone());
    assert!(matches!(step(&mut engine), TurnResult::Continue));
    let actions: &[Action] = engine.pending_actions();
    assert_eq!(
        format!("{actions:?}"),
        "[CallActivity { scheduling_event_id: 2, name: \"Step\", input: \"in kept left\", session_id: None, tag: None }]"
    );

    let mut engine =
        ReplayEngine::new("order".to_string(), 1, engine.final_history()).with_kv_snapshot(snapshot.clone());
    engine.prep_completions(vec![WorkItem::ActivityCompleted {
        instance: "order".to_string(),
        execution_id: 1,
        id: 2,
        result: "done".to_string(),
    }]);
    assert!(matches!(step(&mut engine), TurnResult::Continue));
    let delta: &[Event] = engine.history_delta();
    assert!(matches!(
        delta.iter().map(|event| &event.kind).collect::<Vec<_>>()[..],
        [EventKind::ActivityCompleted { .. }, EventKind::TimerCreated { .. }]
    ));
    assert!(engine.made_progress());

    let mut engine = ReplayEngine::new("order".to_string(), 1, engine.final_history()).with_kv_snapshot(snapshot);
    engine.prep_completions(vec![WorkItem::TimerFired {
        instance: "order".to_string(),
        execution_id: 1,
        id: 4,
        fire_at_ms: 0,
    }]);
    let result = step(&mut engine);
    assert_eq!(format!("{result:?}"), "Completed(\"done\")");
    let (activities, children): (&[u64], &[String]) =
        (engine.cancelled_activity_ids(), engine.cancelled_sub_orchestration_ids());
    assert!(activities.is_empty() && children.is_empty());
}

#[test]
fn every_result_is_matched_without_a_rest() {
    match TurnResult::Continue {
        TurnResult::Continue => {}
        TurnResult::Completed(output) => drop::<String>(output),
        TurnResult::Failed(details) => drop::<ErrorDetails>(details),
        TurnResult::ContinueAsNew { input, version, unconsumed_queue_arrivals } => {
            drop::<(String, Option<String>, Option<Vec<(String, String)>>)>((input, version, unconsumed_queue_arrivals))
        }
        TurnResult::Cancelled(reason) => drop::<String>(reason),
    }
}

#[test]
fn the_history_reader_has_its_fields_and_methods() {
    let mut reader = HistoryManager::from_history(&[start()]);
    let fields: (&Option<String>, &Option<String>, &Option<String>, &Option<String>) = (
        &reader.orchestration_name,
        &reader.orchestration_version,
        &reader.orchestration_input,
        &reader.parent_instance,
    );
    assert_eq!(fields.0.as_deref(), Some("Flow"));
    let ids: (Option<u64>, Option<u64>, Option<u64>) =
        (reader.parent_id, reader.parent_execution_id, reader.current_execution_id);
    assert_eq!(ids, (None, None, Some(1)));
    assert!(!(reader.is_completed || reader.is_failed || reader.is_continued_as_new || reader.is_terminal()));
    let status: &'static str = reader.status();
    assert_eq!((status, reader.next_event_id(), reader.original_len()), ("Running", 2, 1));
    let details =
        ErrorDetails::Infrastructure { operation: "o".to_string(), message: "m".to_string(), retryable: false };
    reader.append(Event::new("order", 1, None, EventKind::KeyValuesCleared));
    reader.extend(Vec::new());
    reader.append_failed("order", 1, details);
    let _: Vec<ScheduledActivityIdentifier> = reader.compute_inflight_activities("order", 1);
    let context: (String, Option<(String, Option<u64>, u64)>) = reader.extract_context();
    assert_eq!(context, ("in".to_string(), None));
    assert_eq!((reader.version().as_deref(), reader.input()), (Some("1.0.0"), Some("in")));
    assert_eq!((reader.delta().len(), reader.full_history_len(), reader.full_history_iter().count()), (2, 3, 3));
    assert!(!reader.is_empty() && !reader.is_full_history_empty());
    assert_eq!(reader.full_history().len(), 3);
    assert_eq!(reader.clone().into_delta().len(), 2);
}

#[test]
fn the_batch_reader_has_its_fields_and_methods() {
    let history = HistoryManager::from_history(&[start()]);
    let messages = [WorkItem::CancelInstance { instance: "order".to_string(), reason: "r".to_string() }];
    let reader = WorkItemReader::from_messages(&messages, &history, "order");
    assert!(!reader.has_start_item() && reader.has_orchestration_name());
    let WorkItemReader {
        start_item,
        completion_messages,
        orchestration_name,
        input,
        version,
        parent_instance,
        parent_id,
        parent_execution_id,
        is_continue_as_new,
    } = reader;
    assert_eq!((start_item, completion_messages), (None, messages.to_vec()));
    assert_eq!((orchestration_name.as_str(), input.as_str(), version.as_deref()), ("Flow", "in", Some("1.0.0")));
    assert_eq!((parent_instance, parent_id, parent_execution_id, is_continue_as_new), (None, None, None, false));
}
