//! The published crate's step-wise engine over `replay`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock;
use crate::context::handler::OrchestrationHandler;
use crate::model::action::Action;
use crate::model::error::ErrorDetails;
use crate::model::event::Event;
use crate::model::item::KvEntry;
use crate::model::work_item::WorkItem;
use crate::replay::absorb::{Absorbed, absorb_after};
use crate::replay::step::Step;
use crate::replay::{Execution, Opening, Outcome};

/// What a turn came to.
#[derive(Debug)]
pub enum TurnResult {
    /// The orchestration waits.
    Continue,
    /// It returned `Ok`.
    Completed(String),
    /// It failed.
    Failed(ErrorDetails),
    /// It asked for the next execution.
    ContinueAsNew {
        /// Input of the next execution.
        input: String,
        /// Version, or the registry's policy.
        version: Option<String>,
        /// Queue messages nobody read, as (queue, data), in the order of arrival. Always known here, for executions
        /// of any stamp.
        unconsumed_queue_arrivals: Option<Vec<(String, String)>>,
    },
    /// Somebody asked to cancel it.
    Cancelled(String),
}

/// One turn of one execution, step by step, without a store: give it history, then messages, then the handler; read
/// what it added and what it asks for.
///
/// The runtime does not use it. It is for test suites and tools that store and send by themselves.
pub struct ReplayEngine {
    instance: String,
    execution_id: u64,
    baseline: Vec<Event>,
    persisted: usize,
    kv_snapshot: HashMap<String, KvEntry>,
    /// Why the turn fails without running code.
    abort: Option<ErrorDetails>,
    delta: Vec<Event>,
    asked: Vec<Action>,
    dropped_activities: Vec<u64>,
    dropped_children: Vec<String>,
}

impl ReplayEngine {
    /// An engine for one execution. All of `baseline_history` counts as persisted.
    pub fn new(instance: String, execution_id: u64, baseline_history: Vec<Event>) -> Self {
        ReplayEngine {
            instance,
            execution_id,
            persisted: baseline_history.len(),
            baseline: baseline_history,
            kv_snapshot: HashMap::new(),
            abort: None,
            delta: Vec::new(),
            asked: Vec::new(),
            dropped_activities: Vec::new(),
            dropped_children: Vec::new(),
        }
    }

    /// Says how many events of the baseline came from storage. The rest is new in this turn, and code that is led
    /// through it is not replaying.
    #[must_use]
    pub fn with_persisted_history_len(mut self, len: usize) -> Self {
        self.persisted = len.min(self.baseline.len());
        self
    }

    /// Key-values that earlier executions left.
    #[must_use]
    pub fn with_kv_snapshot(mut self, snapshot: HashMap<String, KvEntry>) -> Self {
        self.kv_snapshot = snapshot;
        self
    }

    /// Turns messages into events of the delta. Stale and duplicate ones are dropped; one that cannot belong to this
    /// execution, or that reports a failure of the system, makes the turn fail.
    pub fn prep_completions(&mut self, messages: Vec<WorkItem>) {
        let rows = self.baseline.iter().chain(&self.delta);
        let identity = (self.instance.as_str(), self.execution_id);
        let Absorbed { events, abort } = absorb_after(rows, identity, messages, clock::now_ms(), self.abort.take());
        self.delta.extend(events);
        self.abort = abort;
    }

    /// Leads the handler through all events and on until it is quiet.
    pub fn execute_orchestration(
        &mut self,
        handler: Arc<dyn OrchestrationHandler>,
        input: String,
        orchestration_name: String,
        orchestration_version: String,
        _worker_id: &str,
    ) -> TurnResult {
        if let Some(details) = &self.abort {
            return TurnResult::Failed(details.clone());
        }
        if self.baseline.iter().chain(&self.delta).any(Event::is_terminal) {
            return TurnResult::Continue;
        }
        let (persisted, fresh) = self.baseline.split_at(self.persisted);
        let now_ms = clock::now_ms();
        let opening = Opening {
            instance: self.instance.clone(),
            execution_id: self.execution_id,
            name: orchestration_name,
            version: orchestration_version,
            input,
            history: Vec::new(),
            kv_snapshot: self.kv_snapshot.clone(),
            now_ms,
        };
        let mut new = fresh.to_vec();
        new.append(&mut self.delta);
        let step = Execution::open_lent(handler, opening, persisted).step(new, now_ms);
        let fresh = fresh.len();
        self.take(step, fresh)
    }

    fn take(&mut self, mut step: Step, fresh: usize) -> TurnResult {
        self.delta = step.events.split_off(fresh);
        self.asked = step.asked;
        self.dropped_activities = step.dropped_activities;
        self.dropped_children = step.dropped_children;
        match step.outcome {
            Outcome::Continue => TurnResult::Continue,
            Outcome::Completed(output) => TurnResult::Completed(Arc::unwrap_or_clone(output)),
            Outcome::Failed(details) => TurnResult::Failed(details),
            Outcome::ContinueAsNew { input, version } => {
                TurnResult::ContinueAsNew { input, version, unconsumed_queue_arrivals: Some(step.unread) }
            }
            Outcome::Cancelled(reason) => TurnResult::Cancelled(reason),
        }
    }

    /// Events this turn added, in order.
    pub fn history_delta(&self) -> &[Event] {
        &self.delta
    }

    /// What the handler asked for in this turn, in order, with event ids.
    pub fn pending_actions(&self) -> &[Action] {
        &self.asked
    }

    /// Activities whose futures were dropped in this turn, by their schedule events.
    pub fn cancelled_activity_ids(&self) -> &[u64] {
        &self.dropped_activities
    }

    /// Children whose futures were dropped in this turn, by their full instance ids.
    pub fn cancelled_sub_orchestration_ids(&self) -> &[String] {
        &self.dropped_children
    }

    /// Whether this turn added anything to history.
    pub fn made_progress(&self) -> bool {
        !self.delta.is_empty()
    }

    /// History as it stands after this turn.
    pub fn final_history(&self) -> Vec<Event> {
        self.baseline.iter().chain(&self.delta).cloned().collect()
    }
}
