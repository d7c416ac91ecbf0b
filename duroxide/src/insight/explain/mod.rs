//! Why an instance stands where it does: facts of the store in, reasons out.

mod activity;
mod decide;
mod facts;
mod holder;
mod places;
mod said;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::insight::{HandlerSort, Queue};

pub use facts::Facts;

/// Why an instance stands where it does, and what it waits for.
///
/// Its [`Display`](std::fmt::Display) is a paragraph for people: a line on the instance, then one for each reason, then
/// the same of the children it waits for. Names, ids and the texts of errors are in it; inputs and results are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The instance.
    pub instance_id: String,
    /// What it runs; absent when nothing is known of it.
    pub orchestration: Option<Orchestration>,
    /// Where it stands.
    pub stand: Standing,
    /// When this was found out, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What keeps it there: trouble first, then what it waits for in the order in which it asked for it.
    pub reasons: Vec<Reason>,
    /// The same of children that it waits for, as far as was asked for.
    pub children: Vec<Explanation>,
}

/// What an instance runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Orchestration {
    /// Its name.
    pub name: String,
    /// Its version, when that is settled.
    pub version: Option<String>,
    /// The newest execution.
    pub execution_id: u64,
    /// Where it is defined, as `file:line`, when a worker has told.
    pub defined_at: Option<String>,
    /// When this execution began, in milliseconds since the Unix epoch.
    pub since_ms: Option<u64>,
}

/// Where an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The store knows no such instance.
    Unknown,
    /// Its start is stored, its first turn is not.
    NotStarted,
    /// It runs or waits.
    Running,
    /// An execution continued as new, and the next one has not begun.
    BetweenExecutions,
    /// It returned `Ok`.
    Completed,
    /// It failed or was cancelled.
    Failed,
}

/// One thing that keeps an instance where it is. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// Nothing of this id is in the store.
    NoSuchInstance,
    /// Messages wait for an instance that nobody has started.
    MessagesForNobody {
        /// How many.
        count: usize,
        /// Since when the oldest waits.
        since_ms: u64,
    },
    /// It returned `Ok`.
    Completed {
        /// When.
        at_ms: u64,
    },
    /// It failed.
    Failed {
        /// In which way.
        kind: FailureKind,
        /// Why.
        message: String,
        /// When.
        at_ms: u64,
    },
    /// The message that begins its first, or its next, execution waits for a worker.
    StartWaits {
        /// Since when, or from when on.
        since_ms: u64,
        /// The version that was asked for; any, when none was.
        version: Option<String>,
    },
    /// The store takes part in a transfer: nothing in it moves.
    StoreClosed {
        /// What the store says.
        message: String,
    },
    /// No worker at all is alive.
    NoWorkers {
        /// When the last one was heard of.
        last_seen_ms: Option<u64>,
    },
    /// No live worker has the orchestration, or not in this version.
    NoHandler {
        /// What is missing.
        kind: HandlerSort,
        /// Its name.
        name: String,
        /// The version that is needed.
        version: Option<String>,
        /// Versions that live workers have.
        found: Vec<String>,
    },
    /// The execution was begun by a version of this library that no live worker has reached.
    NoReplayer {
        /// The version that began it.
        pinned: String,
        /// The newest among live workers.
        newest: String,
    },
    /// Its history cannot be read.
    HistoryUnreadable {
        /// What is wrong with it.
        message: String,
    },
    /// Rows of it could not be read and were set aside.
    Quarantined {
        /// The number of the row.
        id: u64,
        /// The queue it was in.
        queue: Queue,
        /// Why it could not be read.
        message: String,
        /// When it was set aside.
        at_ms: u64,
    },
    /// Somebody asked to cancel it, and it has not heard of that yet.
    CancelWaits {
        /// Since when.
        since_ms: u64,
    },
    /// A cancellation is in its history, and its end is not.
    Cancelling {
        /// Why it is cancelled.
        message: String,
        /// When it heard of that.
        at_ms: u64,
    },
    /// Its turn is being computed, or was when its worker died.
    TurnHeld {
        /// Who holds it.
        holder: Holder,
        /// Until when, unless that is extended.
        until_ms: u64,
    },
    /// Messages wait for its next turn.
    MessagesWait {
        /// How many.
        count: usize,
        /// Since when the oldest waits.
        since_ms: u64,
    },
    /// Its messages were given back for a while: whoever took them could not use them.
    TurnGivenBack {
        /// When they can be taken again.
        due_ms: u64,
        /// How often they were taken.
        attempts: u32,
    },
    /// An activity has not ended.
    Activity {
        /// Its name.
        name: String,
        /// Its event in history; that of the newest attempt.
        event_id: u64,
        /// Since when it was asked for.
        since_ms: u64,
        /// Which attempt of the orchestration's policy this is, from 1; the last one that failed when the next is waited for.
        attempt: u32,
        /// How many there may be, when history tells.
        attempts_max: Option<u32>,
        /// Why the attempt before failed.
        error: Option<String>,
        /// When the orchestration gives it up.
        deadline_ms: Option<u64>,
        /// Where its code may have asked for it, as `file:line`, when a worker has told.
        asked_at: Vec<String>,
        /// What it waits for itself.
        state: ActivityState,
    },
    /// Waits for an external event.
    Event {
        /// Its name.
        name: String,
        /// Since when.
        since_ms: u64,
        /// Where its code may have asked for it, as `file:line`, when a worker has told.
        asked_at: Vec<String>,
    },
    /// Waits for a message of a queue.
    Message {
        /// The queue's name.
        queue: String,
        /// Since when.
        since_ms: u64,
        /// Where its code may have asked for it, as `file:line`, when a worker has told.
        asked_at: Vec<String>,
    },
    /// Waits for a timer.
    Timer {
        /// Since when.
        since_ms: u64,
        /// When it is due.
        due_ms: u64,
        /// Whether its row in the queue is gone: then it never fires.
        is_lost: bool,
        /// Where its code may have asked for it, as `file:line`, when a worker has told.
        asked_at: Vec<String>,
    },
    /// Waits for a child.
    Child {
        /// Its instance.
        instance_id: String,
        /// What it runs.
        name: String,
        /// Since when.
        since_ms: u64,
        /// Whether its result waits to be delivered.
        has_ended: bool,
        /// Whether it has ended and the message that says so is gone: then this never hears of it.
        is_lost: bool,
        /// Where its code may have asked for it, as `file:line`, when a worker has told.
        asked_at: Vec<String>,
    },
    /// Waits for an answer of the runtime itself.
    SystemCall {
        /// What it asked for.
        name: String,
        /// Since when.
        since_ms: u64,
    },
    /// Its history asks for nothing that is open, and nothing is queued for it.
    Nothing {
        /// When it last did something.
        since_ms: u64,
    },
}

/// In which way an instance failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Its code returned an error.
    Returned,
    /// Its code panicked.
    Panicked,
    /// It was cancelled.
    Cancelled,
    /// Its code asked for something else than its history records.
    Nondeterminism,
    /// It was tried too often.
    Poison,
    /// Its history could not be read, however often it was tried.
    Unreadable,
    /// The store or the runtime failed.
    Infrastructure,
}

/// What an open activity waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ActivityState {
    /// A worker that takes it.
    Queued,
    /// Somebody holds it: it runs, or ran when its worker died.
    Held {
        /// Who.
        holder: Holder,
        /// Until when, unless that is extended, in milliseconds since the Unix epoch.
        until_ms: u64,
        /// How often it was handed out for this attempt.
        deliveries: u32,
    },
    /// The time of its next attempt.
    BetweenAttempts {
        /// When that is, in milliseconds since the Unix epoch.
        due_ms: u64,
    },
    /// Whoever took it gave it back for a while.
    GivenBack {
        /// When it can be taken again, in milliseconds since the Unix epoch.
        due_ms: u64,
        /// How often it was taken.
        deliveries: u32,
    },
    /// A live worker that has it registered.
    NoHandler,
    /// A live worker that has it registered and takes activities with this tag; `None`: those without one.
    NoWorkerForTag {
        /// The tag.
        tag: Option<String>,
    },
    /// The end of its session's lease, or the worker that has the session.
    SessionHeld {
        /// The session.
        session_id: String,
        /// Who has it.
        holder: Holder,
        /// Until when, unless that is extended, in milliseconds since the Unix epoch.
        until_ms: u64,
    },
    /// The orchestration: its result is in the queue.
    ResultQueued,
    /// Nothing: its row is gone and no result came.
    Lost,
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Holder {
    /// What signed the lease, as far as the store knows.
    pub owner: Option<String>,
    /// The worker behind it, as `node (program, pid)`, when that is known.
    pub worker: Option<String>,
    /// Whether that worker is alive; `None` when it is not known.
    pub is_alive: Option<bool>,
}

impl Explanation {
    /// Why this instance stands where it does.
    pub fn of(facts: &Facts) -> Self {
        decide::explain(facts)
    }

    /// Whether it will not go on by itself: somebody has to start a worker, deploy a handler or look at a row.
    pub fn needs_help(&self) -> bool {
        self.reasons.iter().any(Reason::needs_help) || self.children.iter().any(Explanation::needs_help)
    }

    /// A sentence for each reason, as of when it was found out.
    pub fn sentences(&self) -> Vec<String> {
        self.reasons.iter().map(|reason| said::reason(reason, self.at_ms)).collect()
    }

    /// The children among those explained here that have ended, and of whose end no message was found.
    pub(crate) fn ended_children(&self) -> BTreeSet<String> {
        let ended = self.children.iter().filter(|it| matches!(it.stand, Standing::Completed | Standing::Failed));
        ended.map(|child| child.instance_id.clone()).collect()
    }

    /// The children that it waits for.
    pub fn awaited_children(&self) -> impl Iterator<Item = &str> {
        self.reasons.iter().filter_map(|reason| match reason {
            Reason::Child { instance_id, has_ended: false, .. } => Some(instance_id.as_str()),
            _ => None,
        })
    }
}

impl Reason {
    /// Whether this will not pass by itself.
    pub fn needs_help(&self) -> bool {
        match self {
            Reason::StoreClosed { .. }
            | Reason::NoWorkers { .. }
            | Reason::NoHandler { .. }
            | Reason::NoReplayer { .. }
            | Reason::HistoryUnreadable { .. }
            | Reason::Quarantined { .. }
            | Reason::Nothing { .. } => true,
            Reason::Activity { state, .. } => {
                matches!(state, ActivityState::NoHandler | ActivityState::NoWorkerForTag { .. } | ActivityState::Lost)
            }
            Reason::Timer { is_lost, .. } | Reason::Child { is_lost, .. } => *is_lost,
            Reason::NoSuchInstance
            | Reason::MessagesForNobody { .. }
            | Reason::Completed { .. }
            | Reason::Failed { .. }
            | Reason::StartWaits { .. }
            | Reason::CancelWaits { .. }
            | Reason::Cancelling { .. }
            | Reason::TurnHeld { .. }
            | Reason::MessagesWait { .. }
            | Reason::TurnGivenBack { .. }
            | Reason::Event { .. }
            | Reason::Message { .. }
            | Reason::SystemCall { .. } => false,
        }
    }
}
