//! What is copied, as a table of tables: what is not in it is a lease, or belongs to one store alone.

use serde::{Deserialize, Serialize};

/// A kind of rows, by the name of its table in the stores of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// One for each instance, with its custom status.
    Instances,
    /// One for each execution.
    Executions,
    /// One for each event.
    History,
    /// Messages that wait for a turn, timers among them.
    OrchestratorQueue,
    /// Activities that wait for a worker, with what they said of their progress.
    WorkerQueue,
    /// Which worker a session is pinned to; its lease is over.
    Sessions,
    /// Key-values that ended executions left.
    KvStore,
    /// What running executions changed of them.
    KvDelta,
    /// Rows that could not be read.
    Quarantine,
    /// The trace contexts in which instances were started.
    Traces,
}

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub kind: ColumnKind,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Any text.
    Text,
    /// A document that a store wrote as JSON, and that may be damaged. U+0000 is not part of one; where it is found all the
    /// same, U+FFFD takes its place.
    Document,
    /// A number.
    Number,
    /// A time of the store's own clock, in milliseconds since the Unix epoch, at which something falls due.
    Due,
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Text }
}

const fn document(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Document }
}

const fn number(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Number }
}

const fn due(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Due }
}

const INSTANCES: &[Column] = &[
    number("row_id"),
    text("instance_id"),
    text("orchestration_name"),
    text("orchestration_version"),
    number("current_execution_id"),
    text("custom_status"),
    number("custom_status_version"),
    text("parent_instance_id"),
    number("created_at"),
    number("updated_at"),
];

const EXECUTIONS: &[Column] = &[
    text("instance_id"),
    number("execution_id"),
    text("status"),
    text("output"),
    number("duroxide_version_major"),
    number("duroxide_version_minor"),
    number("duroxide_version_patch"),
    number("started_at"),
    number("completed_at"),
];

const HISTORY: &[Column] =
    &[text("instance_id"), number("execution_id"), number("event_id"), text("event_type"), document("event_data")];

const ORCHESTRATOR_QUEUE: &[Column] = &[
    number("id"),
    text("instance_id"),
    document("work_item"),
    number("state"),
    due("visible_at"),
    number("enqueued_at"),
    number("attempt_count"),
];

const WORKER_QUEUE: &[Column] = &[
    number("id"),
    text("instance_id"),
    number("execution_id"),
    number("activity_id"),
    document("work_item"),
    text("session_id"),
    text("tag"),
    number("state"),
    due("visible_at"),
    number("attempt_count"),
    text("progress"),
    number("progress_at"),
    number("progress_attempt"),
];

const SESSIONS: &[Column] = &[text("session_id"), text("worker_id"), number("last_activity_at")];

const QUARANTINE: &[Column] =
    &[number("id"), text("queue"), text("instance_id"), document("body"), text("reason"), number("at_ms")];

const TRACES: &[Column] = &[text("instance_id"), text("traceparent"), text("tracestate")];

const KEY_VALUES: &[Column] = &[text("instance_id"), text("key"), text("value"), number("last_updated_at_ms")];

impl Table {
    /// All, in the order in which they are copied.
    pub const ALL: [Table; 10] = [
        Table::Instances,
        Table::Executions,
        Table::History,
        Table::OrchestratorQueue,
        Table::WorkerQueue,
        Table::Sessions,
        Table::KvStore,
        Table::KvDelta,
        Table::Quarantine,
        Table::Traces,
    ];

    /// The names of what nobody changes while a store is closed: what is copied, and the leases.
    pub fn guarded() -> impl Iterator<Item = &'static str> {
        Table::ALL.into_iter().map(Table::name).chain(["instance_locks"])
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Table::Instances => "instances",
            Table::Executions => "executions",
            Table::History => "history",
            Table::OrchestratorQueue => "orchestrator_queue",
            Table::WorkerQueue => "worker_queue",
            Table::Sessions => "sessions",
            Table::KvStore => "kv_store",
            Table::KvDelta => "kv_delta",
            Table::Quarantine => "quarantine",
            Table::Traces => "traces",
        }
    }

    /// What of it is copied. `state` of a queue row: 0 delayed, 1 ready, 3 parked. An activity without an identity has
    /// the empty instance, and 0 for the rest.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Table::Instances => INSTANCES,
            Table::Executions => EXECUTIONS,
            Table::History => HISTORY,
            Table::OrchestratorQueue => ORCHESTRATOR_QUEUE,
            Table::WorkerQueue => WORKER_QUEUE,
            Table::Sessions => SESSIONS,
            Table::Quarantine => QUARANTINE,
            Table::Traces => TRACES,
            Table::KvStore | Table::KvDelta => KEY_VALUES,
        }
    }

    /// The place of the column of this name, if there is one.
    pub fn place_of(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }

    /// Whether the first column is a number that the store itself gives out.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn is_numbered(self) -> bool {
        match self {
            Table::Instances | Table::OrchestratorQueue | Table::WorkerQueue | Table::Quarantine => true,
            Table::Executions | Table::History | Table::Sessions | Table::KvStore | Table::KvDelta | Table::Traces => {
                false
            }
        }
    }

    /// The columns of this kind, by their places.
    pub(crate) fn places_of(self, kind: ColumnKind) -> impl Iterator<Item = usize> {
        (0..).zip(self.columns()).filter(move |(_, column)| column.kind == kind).map(|(place, _)| place)
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
