//! What is known of one instance, and of those who could work on it.

use std::collections::BTreeSet;

use crate::model::event::{Event, EventKind};
use crate::model::info::InstanceInfo;
use crate::model::insight::{
    HandlerSort, HandlerSource, MAX_PAGE, Place, QuarantinedRow, Queue, QueueRow, RowState, WorkerInfo,
};

/// What the store says of one instance, and of those who could work on it. What it cannot tell is left out.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The instance.
    pub instance_id: String,
    /// When this was read, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// Its row.
    pub info: Option<InstanceInfo>,
    /// The history of its newest execution, or why that cannot be read.
    pub history: Option<Result<Vec<Event>, String>>,
    /// Its rows in both queues.
    pub rows: Option<Vec<QueueRow>>,
    /// Its rows that could not be read.
    pub quarantined: Vec<QuarantinedRow>,
    /// All workers that the store knows.
    pub workers: Option<Vec<WorkerInfo>>,
    /// Why the store is closed, if it is.
    pub closed: Option<String>,
    /// Children that had ended by their own account before the rest was read.
    pub ended_children: BTreeSet<String>,
}

impl Facts {
    /// Its history, empty when there is none that can be read.
    pub(super) fn events(&self) -> &[Event] {
        match &self.history {
            Some(Ok(events)) => events,
            Some(Err(_)) | None => &[],
        }
    }

    /// Name, version and time of the event that began the newest execution.
    pub(super) fn started(&self) -> Option<(&Event, &str, &str)> {
        self.events().iter().find_map(|event| match &event.kind {
            EventKind::OrchestrationStarted { name, version, .. } => Some((event, name.as_str(), version.as_str())),
            _ => None,
        })
    }

    /// Whether all its rows are known: a store tells of [`MAX_PAGE`] of each queue.
    pub(super) fn has_all_rows(&self) -> bool {
        let rows_of = |queue| self.rows.iter().flatten().filter(|row| row.queue == queue).count();
        self.rows.is_some() && [Queue::Orchestrator, Queue::Worker].into_iter().all(|queue| rows_of(queue) < MAX_PAGE)
    }

    /// Its messages.
    pub(super) fn messages(&self) -> impl Iterator<Item = &QueueRow> {
        self.rows.iter().flatten().filter(|row| row.queue == Queue::Orchestrator)
    }

    /// Its messages in this state.
    pub(super) fn messages_that(&self, state: RowState) -> impl Iterator<Item = &QueueRow> {
        self.messages().filter(move |row| row.state == state)
    }

    /// The message that begins an execution.
    pub(super) fn start(&self) -> Option<&QueueRow> {
        self.messages().find(|row| matches!(row.kind.as_str(), "StartOrchestration" | "ContinueAsNew"))
    }

    /// A message of one of these kinds about an event.
    pub(super) fn is_answered(&self, event_id: u64, kinds: &[&str]) -> bool {
        self.messages().any(|row| row.event_id == Some(event_id) && kinds.contains(&row.kind.as_str()))
    }

    /// The row of an activity.
    pub(super) fn activity(&self, event_id: u64) -> Option<&QueueRow> {
        let mut rows = self.rows.iter().flatten().filter(|row| row.queue == Queue::Worker);
        rows.find(|row| row.event_id == Some(event_id))
    }

    /// Workers that are alive.
    pub(super) fn live(&self) -> impl Iterator<Item = &WorkerInfo> {
        self.workers.iter().flatten().filter(|worker| worker.is_alive)
    }

    /// Versions of a handler that live workers have, each once.
    pub(super) fn versions(&self, kind: HandlerSort, name: &str) -> Vec<String> {
        let handlers = self.live().flat_map(|worker| &worker.handlers);
        let mut versions: Vec<String> = handlers
            .filter(|handler| handler.kind == kind && handler.name == name)
            .map(|handler| handler.version.clone())
            .collect();
        versions.sort();
        versions.dedup();
        versions
    }

    /// Where an orchestration is defined, as `file:line`: in this version, if a worker has that.
    pub(super) fn defined_at(&self, name: &str, version: Option<&str>) -> Option<String> {
        self.source(name, version).map(|source| format!("{}:{}", source.file, source.line))
    }

    /// Where the newest execution's orchestration asks for what.
    pub(super) fn places(&self) -> &[Place] {
        let started = self.started().and_then(|(_, name, version)| self.source(name, Some(version)));
        started.map_or(&[], |source| &source.places)
    }

    /// What macros wrote down of an orchestration.
    fn source(&self, name: &str, version: Option<&str>) -> Option<&HandlerSource> {
        // Those that are alive come first.
        let handlers = self.workers.iter().flatten().flat_map(|worker| &worker.handlers);
        let named = handlers.filter(|handler| handler.kind == HandlerSort::Orchestration && handler.name == name);
        let mut sourced = named.filter_map(|handler| Some((handler.version.as_str(), handler.source.as_ref()?)));
        let fits = |(of, _): &(&str, _)| version.is_none_or(|version| version == *of);
        sourced.find(fits).map(|(_, source)| source)
    }
}
