//! One execution over time: a bar for everything it asked for, with attempts, retries and waits.

mod closing;
mod reading;
mod retries;

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::model::event::Event;

/// What one execution did and waits for, read from its history.
///
/// Payloads are left out: inputs, results and the data of events are not in here. Texts of errors are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Timeline {
    /// The instance.
    pub instance_id: String,
    /// The execution, from 1.
    pub execution_id: u64,
    /// Orchestration name.
    pub name: String,
    /// Orchestration version.
    pub version: String,
    /// When it began, in milliseconds since the Unix epoch.
    pub from_ms: u64,
    /// When it ended; while it runs, the time at which it was looked at.
    pub to_ms: u64,
    /// How it ended; absent while it runs.
    pub end: Option<End>,
    /// What it asked for, in the order of history.
    pub bars: Vec<Bar>,
    /// What happened to it without having been asked for.
    pub marks: Vec<Mark>,
    /// How many events the history has.
    pub event_count: usize,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum End {
    /// It returned `Ok`.
    Completed,
    /// It failed.
    Failed {
        /// Why.
        message: String,
    },
    /// It was cancelled.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// The next execution goes on from here.
    ContinuedAsNew,
}

/// Something that the execution asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Bar {
    /// Its event in history; that of the first attempt.
    pub event_id: u64,
    /// What it is.
    pub kind: BarKind,
    /// The activity, event, queue or orchestration; for a timer its length.
    pub name: String,
    /// The full instance id of a child or of an independent orchestration.
    pub child: Option<String>,
    /// The tag of an activity.
    pub tag: Option<String>,
    /// The session of an activity.
    pub session_id: Option<String>,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub from_ms: u64,
    /// When it ended; [`Timeline::to_ms`] for what is open.
    pub to_ms: u64,
    /// When a timer is due, in milliseconds since the Unix epoch.
    pub due_ms: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// The attempts of an activity, first to last; empty for everything else.
    pub attempts: Vec<Attempt>,
    /// How many attempts it may have, when history records that.
    pub attempts_max: Option<u32>,
    /// The waits between attempts.
    pub waits: Vec<Wait>,
}

impl Bar {
    /// Whether it waits for its next attempt.
    pub fn is_between_attempts(&self) -> bool {
        let last = self.attempts.last();
        self.outcome == Outcome::Open && last.is_some_and(|attempt| attempt.outcome != Outcome::Open)
    }
}

/// What a bar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BarKind {
    /// An activity.
    Activity,
    /// A timer.
    Timer,
    /// A wait for an external event.
    Event,
    /// A wait for a message of a queue.
    Queue,
    /// A child orchestration.
    Child,
    /// An orchestration that was started and is not waited for.
    Detached,
    /// A system call: a guid, the time, a key-value of another instance.
    SystemCall,
}

impl BarKind {
    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            BarKind::Activity => "activity",
            BarKind::Timer => "timer",
            BarKind::Event => "event",
            BarKind::Queue => "queue",
            BarKind::Child => "child",
            BarKind::Detached => "independent orchestration",
            BarKind::SystemCall => "system call",
        }
    }
}

/// How a bar or an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It has not ended.
    Open,
    /// It has what was asked for.
    Done,
    /// It failed.
    Failed {
        /// Why.
        message: String,
    },
    /// It took longer than its policy allows.
    TimedOut,
    /// It was given up.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// The execution ended first, and did not need it.
    Left,
}

impl Outcome {
    /// One word for it.
    pub fn label(&self) -> &'static str {
        match self {
            Outcome::Open => "open",
            Outcome::Done => "done",
            Outcome::Failed { .. } => "failed",
            Outcome::TimedOut => "timed out",
            Outcome::Cancelled { .. } => "cancelled",
            Outcome::Left => "not needed",
        }
    }
}

/// One attempt of an activity: from being asked for to its answer, the time in the queue included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Attempt {
    /// Its event in history.
    pub event_id: u64,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub from_ms: u64,
    /// When it ended; [`Timeline::to_ms`] while it is open.
    pub to_ms: u64,
    /// Until when it must answer, if it must, in milliseconds since the Unix epoch.
    pub deadline_ms: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
}

/// The wait before another attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Wait {
    /// The event of its timer.
    pub event_id: u64,
    /// When it began, in milliseconds since the Unix epoch.
    pub from_ms: u64,
    /// When it ended; [`Timeline::to_ms`] while it lasts.
    pub to_ms: u64,
    /// When the next attempt is due, in milliseconds since the Unix epoch.
    pub due_ms: u64,
}

/// Something that happened to the execution without having been asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Mark {
    /// Its event in history.
    pub event_id: u64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What.
    pub kind: MarkKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkKind {
    /// Somebody asked to cancel it.
    CancelRequested {
        /// Why.
        reason: String,
    },
    /// An event arrived for which nobody waited: it is never delivered.
    Unheard {
        /// Event name.
        name: String,
    },
}

impl Timeline {
    /// Reads the history of one execution, ascending. What is open lasts until `now_ms`, milliseconds since the Unix
    /// epoch. An empty history gives an empty timeline.
    pub fn of(history: &[Event], now_ms: u64) -> Self {
        reading::read(history, now_ms)
    }

    /// The bars that have not ended.
    pub fn open(&self) -> impl Iterator<Item = &Bar> {
        self.bars.iter().filter(|bar| bar.outcome == Outcome::Open)
    }
}
