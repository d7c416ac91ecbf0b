//! W8: the engine alone, no store: one cold turn over a long history, and one batch of completions.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::WorkItem;
use duroxide::runtime::OrchestrationHandler;
use duroxide::runtime::replay_engine::{ReplayEngine, TurnResult};
use duroxide::{Event, EventKind};
use tokio::time::Instant;

use super::meter::{Figures, quantile_ms};
use super::trial::Trial;
use super::{Fault, flows};

const INSTANCE: &str = "w8";

/// `phase=turn` (the default): `count` is the length of history. `phase=batch`: `count` completions at once.
pub(crate) fn run(trial: &Trial) -> Result<Figures, Fault> {
    let case = match trial.phase.as_deref() {
        None | Some("turn") => chain(trial.count),
        Some("batch") => fan_in(trial.count),
        Some(other) => return Err(format!("phase: expected turn or batch, found {other}").into()),
    };
    let mut times = Vec::new();
    let begun = Instant::now();
    while times.len() < 5 || (begun.elapsed() < trial.time && times.len() < 1_000) {
        times.push(case.turn()?);
    }
    times.sort_unstable();
    let mut figures = Figures::default();
    figures.set("ms", quantile_ms(&times, 0.5));
    figures.set("turns", times.len() as f64);
    Ok(figures)
}

/// One turn that can be taken again and again.
struct Case {
    handler: Arc<dyn OrchestrationHandler>,
    name: &'static str,
    input: String,
    history: Vec<Event>,
    messages: Vec<WorkItem>,
    /// Events that the turn must add.
    adds: usize,
}

impl Case {
    fn turn(&self) -> Result<Duration, Fault> {
        let (handler, history, messages) = (Arc::clone(&self.handler), self.history.clone(), self.messages.clone());
        let input = self.input.clone();
        let begun = Instant::now();
        let mut engine = ReplayEngine::new(INSTANCE.to_owned(), 1, history);
        engine.prep_completions(messages);
        let result = engine.execute_orchestration(handler, input, self.name.to_owned(), "1.0.0".to_owned(), "bench");
        let took = begun.elapsed();
        let added = engine.history_delta().len();
        match result {
            TurnResult::Continue | TurnResult::Completed(_) if added == self.adds => Ok(took),
            other => Err(format!("expected {} new events, found {added} and {other:?}", self.adds).into()),
        }
    }
}

/// An activity after another, all answered but the last; its answer arrives.
fn chain(events: usize) -> Case {
    let mut history = started("chain");
    while history.len() + 1 < events {
        let n = (history.len() - 1) / 2;
        let scheduled = history.len() as u64 + 1;
        push(&mut history, None, asked("step", &n.to_string()));
        push(&mut history, Some(scheduled), EventKind::ActivityCompleted { result: n.to_string() });
    }
    let n = (history.len() - 1) / 2;
    push(&mut history, None, asked("step", &n.to_string()));
    let messages = vec![completed(history.len() as u64, n.to_string())];
    // The answer, and the next call.
    Case { handler: handler("chain"), name: "chain", input: "1000000".to_owned(), history, messages, adds: 2 }
}

/// All asked for in one turn; all answers arrive at once.
fn fan_in(width: usize) -> Case {
    let mut history = started("wide");
    let mut messages = Vec::new();
    for n in 0..width {
        push(&mut history, None, asked("echo", &n.to_string()));
        messages.push(completed(history.len() as u64, n.to_string()));
    }
    Case { handler: handler("wide"), name: "wide", input: width.to_string(), history, messages, adds: width }
}

fn handler(name: &str) -> Arc<dyn OrchestrationHandler> {
    let (_, handler) = flows::orchestrations().resolve_handler(name).expect("the flows have both");
    handler
}

fn started(name: &str) -> Vec<Event> {
    let started = EventKind::OrchestrationStarted {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        input: String::new(),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: None,
        initial_custom_status: None,
    };
    let mut history = Vec::new();
    push(&mut history, None, started);
    history
}

fn push(history: &mut Vec<Event>, source: Option<u64>, kind: EventKind) {
    history.push(Event::with_event_id(history.len() as u64 + 1, INSTANCE, 1, source, kind));
}

fn asked(name: &str, input: &str) -> EventKind {
    EventKind::ActivityScheduled { name: name.to_owned(), input: input.to_owned(), session_id: None, tag: None }
}

fn completed(id: u64, result: String) -> WorkItem {
    WorkItem::ActivityCompleted { instance: INSTANCE.to_owned(), execution_id: 1, id, result }
}
