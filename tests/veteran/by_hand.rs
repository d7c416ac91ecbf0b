//! Turns driven by hand through the step-wise engine, as test suites of orchestrations do.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{Provider, WorkItem};
use duroxide::runtime::replay_engine::{ReplayEngine, TurnResult};
use duroxide::runtime::{HistoryManager, OrchestrationHandler, Runtime, WorkItemReader};
use duroxide::{Action, Client, Event, EventKind};

use crate::{end_of, flows};

const INSTANCE: &str = "order-3";

/// An engine, a history, and a world that answers.
struct Driver {
    handler: Arc<dyn OrchestrationHandler>,
    history: Vec<Event>,
    inbox: VecDeque<WorkItem>,
    input: String,
}

impl Driver {
    fn new(input: &str) -> Self {
        let (version, handler) = flows::orchestrations().resolve_handler("Order").expect("it is registered");
        let start = WorkItem::StartOrchestration {
            instance: INSTANCE.to_string(),
            orchestration: "Order".to_string(),
            input: input.to_string(),
            version: None,
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            execution_id: 1,
        };
        let batch = WorkItemReader::from_messages(&[start], &HistoryManager::from_history(&[]), INSTANCE);
        assert!(batch.has_start_item() && batch.completion_messages.is_empty());
        let kind = EventKind::OrchestrationStarted {
            name: batch.orchestration_name,
            version: version.to_string(),
            input: batch.input.clone(),
            parent_instance: batch.parent_instance,
            parent_id: batch.parent_id,
            parent_execution_id: batch.parent_execution_id,
            carry_forward_events: None,
            initial_custom_status: None,
        };
        let history = vec![Event::with_event_id(1, INSTANCE, 1, None, kind)];
        let note = |data: &str| WorkItem::QueueMessage {
            instance: INSTANCE.to_string(),
            name: "notes".to_string(),
            data: data.to_string(),
        };
        Driver { handler, history, inbox: ["fragile", "gift"].map(note).into(), input: batch.input }
    }

    fn engine(&self, history: Vec<Event>, persisted: usize) -> ReplayEngine {
        ReplayEngine::new(INSTANCE.to_string(), 1, history)
            .with_persisted_history_len(persisted)
            .with_kv_snapshot(HashMap::new())
    }

    fn execute(&self, engine: &mut ReplayEngine) -> TurnResult {
        let (handler, input) = (Arc::clone(&self.handler), self.input.clone());
        engine.execute_orchestration(handler, input, "Order".to_string(), "1.0.0".to_string(), "by-hand")
    }

    /// One message a turn, until the orchestration ends or nobody has an answer.
    fn drive(&mut self) -> TurnResult {
        let mut persisted = 0;
        loop {
            let mut engine = self.engine(self.history.clone(), persisted);
            engine.prep_completions(self.inbox.pop_front().into_iter().collect());
            let result = self.execute(&mut engine);
            let actions: Vec<Action> = engine.pending_actions().to_vec();
            self.history = engine.final_history();
            persisted = self.history.len();
            self.inbox.extend(actions.iter().filter_map(answer));
            if !matches!(result, TurnResult::Continue) || self.inbox.is_empty() {
                return result;
            }
        }
    }
}

/// What the world says to an action.
fn answer(action: &Action) -> Option<WorkItem> {
    let instance = INSTANCE.to_string();
    match action {
        Action::CallActivity { scheduling_event_id, name, input, session_id: None, tag: None } if name == "Reserve" => {
            let (id, result) = (*scheduling_event_id, input.clone());
            Some(WorkItem::ActivityCompleted { instance, execution_id: 1, id, result })
        }
        Action::StartSubOrchestration { scheduling_event_id, name, input, .. } => {
            let result = match name.as_str() {
                "Payment" => "2".to_string(),
                "Shipping" => input.clone(),
                _ => "2".to_string(),
            };
            Some(WorkItem::SubOrchCompleted {
                parent_instance: instance,
                parent_execution_id: 1,
                parent_id: *scheduling_event_id,
                result,
            })
        }
        Action::WaitExternal { name, .. } => {
            Some(WorkItem::ExternalRaised { instance, name: name.clone(), data: "boss".to_string() })
        }
        // The notes are there already, and an hour is longer than this takes.
        Action::DequeueEvent { .. } => None,
        Action::CreateTimer { .. } => None,
        Action::UpdateCustomStatus { .. } | Action::SetKeyValue { .. } => None,
        other => panic!("an order does not ask for {other:?}"),
    }
}

fn kinds(history: &[Event]) -> Vec<String> {
    let name = |event: &Event| format!("{:?}", event.kind).split([' ', '{', '(']).next().map(str::to_string);
    history.iter().filter_map(name).collect()
}

fn input() -> String {
    serde_json::to_string(&flows::order(3)).expect("an order is JSON")
}

#[test]
fn an_order_is_driven_to_its_end() {
    let mut driver = Driver::new(&input());
    let result = driver.drive();
    assert!(matches!(&result, TurnResult::Completed(receipt) if *receipt == flows::receipt(3)), "{result:?}");
    let ids: Vec<u64> = driver.history.iter().map(Event::event_id).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
}

/// Whatever was written down so far, the code goes the same way through it and asks for nothing again.
#[test]
fn every_prefix_of_a_history_replays() {
    let mut driver = Driver::new(&input());
    driver.drive();
    for end in 1..=driver.history.len() {
        let prefix = driver.history[..end].to_vec();
        let mut engine = driver.engine(prefix.clone(), end);
        let result = driver.execute(&mut engine);
        assert!(!matches!(result, TurnResult::Failed(_)), "{end} events: {result:?}");
        let written: Vec<_> = engine.history_delta().iter().map(|event| format!("{:?}", event.kind)).collect();
        let reader = HistoryManager::from_history(&prefix);
        assert_eq!(reader.next_event_id(), end as u64 + 1);
        // What it asks for now it had asked for then, in the same order; times differ.
        let next = kinds(&engine.final_history()[end..]);
        let then: Vec<_> = kinds(&driver.history[end..]).into_iter().take(next.len()).collect();
        let is_answer =
            |kind: &String| kind.ends_with("Completed") || kind == "ExternalEvent" || kind == "QueueEventDelivered";
        if !then.iter().any(is_answer) {
            assert_eq!(next, then, "{end} events: {written:?}");
        }
    }
}

/// The same order, run by the runtime, has the same history but for when answers arrived.
#[tokio::test]
async fn the_runtime_writes_what_the_hand_writes() {
    let store = Arc::new(MemoryProvider::new());
    let (activities, orchestrations) = (flows::activities(&flows::Runs::default()), flows::orchestrations());
    let runtime = Runtime::start_with_store(Arc::clone(&store) as _, activities, orchestrations).await;
    let client = Client::new(Arc::clone(&store) as _);
    flows::place(&client, 3).await;
    flows::approve(&client, 3).await;
    assert_eq!(end_of(&client, INSTANCE).await, Ok(flows::receipt(3)));
    runtime.shutdown(None).await;
    let mut driver = Driver::new(&input());
    driver.drive();
    let but_for_notes = |history: &[Event]| {
        let mut kinds = kinds(history);
        kinds.retain(|kind| kind != "QueueEventDelivered");
        kinds
    };
    let mut by_runtime = but_for_notes(&store.read(INSTANCE).await.unwrap());
    // The engine leaves the last row to its driver.
    assert_eq!(by_runtime.pop().as_deref(), Some("OrchestrationCompleted"));
    assert_eq!(by_runtime, but_for_notes(&driver.history));
}

/// Code that changed under a history is told what was written and what it asks for.
#[test]
fn changed_code_is_found_out() {
    let mut driver = Driver::new(&input());
    driver.drive();
    let mut schedules = driver.history.iter_mut().filter_map(|event| match &mut event.kind {
        EventKind::ActivityScheduled { input, .. } => Some(input),
        _ => None,
    });
    *schedules.next().expect("an order calls activities") = "quill".to_string();
    let mut engine = driver.engine(driver.history.clone(), driver.history.len());
    let TurnResult::Failed(details) = driver.execute(&mut engine) else {
        panic!("the code asks for a pen, and a quill is written down");
    };
    let text = details.display_message();
    assert!(text.starts_with("nondeterministic: schedule mismatch") && text.contains("quill"), "{text}");
}
