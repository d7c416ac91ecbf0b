//! A turn is a value, so its tests are tables: given this history, when these arrive, it decides that.
//!
//! Every turn of every story is driven three ways: live on an execution that stayed in memory, cold from its history,
//! and once from each prefix of that history. The three must agree.

#[cfg(feature = "macros")]
mod arguments;
mod batches;
mod calls;
mod drops;
mod ends;
mod events;
mod joins;
mod limits;
mod long;
mod machine;
mod measures;
mod mismatches;
#[cfg(feature = "macros")]
mod policies;
mod steps;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use super::{Execution, Opening, Outcome, TurnInput};
use crate::context::handler::{FnOrchestration, OrchestrationHandler};
use crate::context::orchestration::OrchestrationContext;
use crate::model::commit::Commit;
use crate::model::error::{AppErrorKind, ErrorDetails};
use crate::model::event::{Event, EventKind};
use crate::model::item::KvEntry;
use crate::model::limits::Limits;
use crate::model::measure::Measure;
use crate::model::work_item::WorkItem;

/// One orchestration, told turn by turn.
pub(super) struct Story {
    handler: Arc<dyn OrchestrationHandler>,
    live: Option<Execution>,
    history: Vec<Event>,
    now_ms: u64,
    execution_id: u64,
    start: EventKind,
    kv: HashMap<String, KvEntry>,
    limits: Limits,
    /// What the last turn came to.
    outcome: Outcome,
    /// What the last turn measured.
    measured: Vec<Measure>,
}

impl Story {
    pub(super) fn of<F, Fut>(code: F) -> Self
    where
        F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        Story {
            handler: Arc::new(FnOrchestration(code)),
            live: None,
            history: Vec::new(),
            now_ms: 1_000,
            execution_id: 1,
            start: start(None),
            kv: HashMap::new(),
            limits: Limits::default(),
            outcome: Outcome::Continue,
            measured: Vec::new(),
        }
    }

    /// The orchestration is the child of `parent`'s schedule event 7.
    pub(super) fn with_parent(mut self) -> Self {
        self.start = start(Some("parent"));
        self
    }

    /// What the code may ask for.
    pub(super) fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The history recorded so far is replaced: what an older version of the code left behind.
    pub(super) fn with_history(mut self, rows: Vec<(Option<u64>, EventKind)>) -> Self {
        self.history =
            rows.into_iter().enumerate().map(|(at, (source, kind))| event(at as u64 + 1, source, kind)).collect();
        self
    }

    fn open(&self, history: Vec<Event>) -> Execution {
        let opening = Opening {
            instance: "order".into(),
            execution_id: self.execution_id,
            name: "Checkout".into(),
            version: "1.0.0".into(),
            input: "in".into(),
            history,
            kv_snapshot: self.kv.clone(),
            now_ms: self.now_ms,
        };
        Execution::open(self.handler.clone(), opening).within(self.limits)
    }

    fn input(&self, messages: Vec<WorkItem>) -> TurnInput {
        let start = self.history.is_empty().then(|| self.start.clone());
        TurnInput { start, messages, now_ms: self.now_ms }
    }

    /// One turn; answers its system calls with `answer {id}`.
    pub(super) fn turn(&mut self, messages: impl IntoIterator<Item = WorkItem>) -> Commit {
        let messages: Vec<WorkItem> = messages.into_iter().collect();
        self.now_ms += 1_000;
        let mut live = self.live.take().unwrap_or_else(|| self.open(self.history.clone()));
        let commit = self.drive(&mut live, messages.clone());
        let mut cold = self.open(self.history.clone());
        let again = self.drive(&mut cold, messages);
        assert_eq!(format!("{commit:#?}"), format!("{again:#?}"), "live and cold must decide the same");
        self.outcome = live.outcome().clone();
        assert_eq!(self.outcome, *cold.outcome());
        self.measured = live.take_measures();
        assert_eq!(self.measured, cold.take_measures(), "live and cold must measure the same");
        self.history.extend(commit.delta.iter().cloned());
        if self.outcome == Outcome::Continue {
            self.live = Some(live);
            self.replay_prefixes();
        }
        commit
    }

    fn drive(&self, execution: &mut Execution, messages: Vec<WorkItem>) -> Commit {
        execution.advance(self.input(messages));
        loop {
            let calls = execution.system_calls();
            if calls.is_empty() {
                return execution.conclude(None);
            }
            let messages = calls.iter().map(|call| done(call.id, &format!("answer {}", call.id))).collect();
            execution.advance(TurnInput { start: None, messages, now_ms: self.now_ms });
        }
    }

    /// Whatever prefix storage has, the code asks for nothing that contradicts it.
    fn replay_prefixes(&self) {
        for length in 1..self.history.len() {
            let mut prefix = self.open(self.history[..length].to_vec());
            prefix.advance(TurnInput { start: None, messages: Vec::new(), now_ms: self.now_ms });
            if let Outcome::Failed(details) = prefix.outcome() {
                assert!(
                    !details.display_message().starts_with("nondeterministic"),
                    "prefix of {length}: {}",
                    details.display_message()
                );
            }
        }
    }

    /// The text of the failure that the last turn came to.
    pub(super) fn failure(&self) -> String {
        match &self.outcome {
            Outcome::Failed(details) => details.display_message(),
            other => panic!("expected a failure, got {other:?}"),
        }
    }

    pub(super) fn completed(&self) -> &str {
        match &self.outcome {
            Outcome::Completed(output) => output.as_str(),
            other => panic!("expected completion, got {other:?}"),
        }
    }
}

pub(super) fn start(parent: Option<&str>) -> EventKind {
    EventKind::OrchestrationStarted {
        name: "Checkout".into(),
        version: "1.0.0".into(),
        input: "in".into(),
        parent_instance: parent.map(str::to_owned),
        parent_id: parent.map(|_| 7),
        parent_execution_id: parent.map(|_| 3),
        carry_forward_events: None,
        initial_custom_status: None,
    }
}

pub(super) fn event(event_id: u64, source_event_id: Option<u64>, kind: EventKind) -> Event {
    Event {
        event_id,
        source_event_id,
        instance_id: "order".into(),
        execution_id: 1,
        timestamp_ms: 500,
        duroxide_version: "0.2.0".into(),
        kind,
    }
}

/// Rows in short: `4<2 ActivityCompleted` is event 4, which answers event 2.
pub(super) fn rows(commit: &Commit) -> Vec<String> {
    let row = |event: &Event| {
        let source = event.source_event_id.map(|id| format!("<{id}")).unwrap_or_default();
        format!("{}{source} {}", event.event_id, event.kind.wire_type())
    };
    commit.delta.iter().map(row).collect()
}

pub(super) fn done(id: u64, result: &str) -> WorkItem {
    WorkItem::ActivityCompleted { instance: "order".into(), execution_id: 1, id, result: result.into() }
}

pub(super) fn failed(id: u64, text: &str) -> WorkItem {
    let details = ErrorDetails::application(AppErrorKind::ActivityFailed, text);
    WorkItem::ActivityFailed { instance: "order".into(), execution_id: 1, id, details }
}

pub(super) fn fired(id: u64) -> WorkItem {
    WorkItem::TimerFired { instance: "order".into(), execution_id: 1, id, fire_at_ms: 1 }
}

pub(super) fn raised(name: &str, data: &str) -> WorkItem {
    WorkItem::ExternalRaised { instance: "order".into(), name: name.into(), data: data.into() }
}

pub(super) fn queued(name: &str, data: &str) -> WorkItem {
    WorkItem::QueueMessage { instance: "order".into(), name: name.into(), data: data.into() }
}

pub(super) fn child_done(id: u64, result: &str) -> WorkItem {
    WorkItem::SubOrchCompleted {
        parent_instance: "order".into(),
        parent_execution_id: 1,
        parent_id: id,
        result: result.into(),
    }
}

pub(super) fn child_failed(id: u64, details: ErrorDetails) -> WorkItem {
    WorkItem::SubOrchFailed { parent_instance: "order".into(), parent_execution_id: 1, parent_id: id, details }
}

pub(super) fn cancel(reason: &str) -> WorkItem {
    WorkItem::CancelInstance { instance: "order".into(), reason: reason.into() }
}
