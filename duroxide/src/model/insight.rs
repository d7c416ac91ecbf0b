//! What an operator asks of a store: which instances, which workers, what waits in the queues and why.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which instances are listed, newest first. Everything that is set must hold; the default lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceQuery {
    /// Status of the newest execution: `Running`, `Completed`, `Failed` or `ContinuedAsNew`.
    pub status: Option<String>,
    /// Orchestration name.
    pub name: Option<String>,
    /// Version of the newest execution.
    pub version: Option<String>,
    /// Whose children.
    pub parent: Option<ParentFilter>,
    /// How the id begins.
    pub id_prefix: Option<String>,
    /// Created at this time or later, in milliseconds since the Unix epoch.
    pub created_from_ms: Option<u64>,
    /// Created before this time, in milliseconds since the Unix epoch.
    pub created_before_ms: Option<u64>,
    /// Where the page before ended.
    pub after: Option<InstanceCursor>,
    /// At most this many, 1 to [`MAX_PAGE`]; 0 stands for [`DEFAULT_PAGE`].
    pub limit: usize,
}

/// How many rows a page has when nothing is said.
pub const DEFAULT_PAGE: usize = 50;

/// How many rows a page has at most, so that an answer stays small.
pub const MAX_PAGE: usize = 1_000;

impl InstanceQuery {
    /// [`limit`](Self::limit), brought into its bounds.
    pub fn page(&self) -> usize {
        page(self.limit)
    }
}

/// A limit, brought into its bounds: 0 stands for [`DEFAULT_PAGE`].
pub(crate) fn page(limit: usize) -> usize {
    match limit {
        0 => DEFAULT_PAGE,
        limit => limit.min(MAX_PAGE),
    }
}

/// Whose children are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParentFilter {
    /// Nobody's: roots.
    Roots,
    /// Those of this instance.
    Of(String),
}

/// Where a page of instances ended. Its text form can be given to people and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceCursor {
    /// When the last one was created, in milliseconds since the Unix epoch.
    pub created_at: u64,
    /// The last one.
    pub instance_id: String,
}

impl fmt::Display for InstanceCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.created_at, self.instance_id)
    }
}

impl std::str::FromStr for InstanceCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected `MILLISECONDS/ID`, as the page before printed it, found `{text}`");
        let (created_at, instance_id) = text.split_once('/').ok_or_else(expected)?;
        let created_at = created_at.parse().map_err(|_| expected())?;
        Ok(InstanceCursor { created_at, instance_id: instance_id.to_owned() })
    }
}

/// A page of instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstancePage {
    /// Newest first.
    pub rows: Vec<InstanceRow>,
    /// Where the next page begins, when there is one.
    pub next: Option<InstanceCursor>,
}

impl InstancePage {
    /// The first `limit` of these rows, which may come from several walks of at least one row more each.
    pub(crate) fn of(mut rows: Vec<InstanceRow>, limit: usize) -> Self {
        rows.sort_by(|one, other| {
            let newest_first = other.created_at.cmp(&one.created_at);
            newest_first.then_with(|| one.instance_id.cmp(&other.instance_id))
        });
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows
            .last()
            .filter(|_| has_more)
            .map(|last| InstanceCursor { created_at: last.created_at, instance_id: last.instance_id.clone() });
        InstancePage { rows, next }
    }
}

/// An instance in a list: what can be said of it without its history, and without its payloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRow {
    /// Its id.
    pub instance_id: String,
    /// Orchestration name.
    pub orchestration_name: String,
    /// Version of the newest execution, when recorded.
    pub orchestration_version: Option<String>,
    /// The newest execution.
    pub execution_id: u64,
    /// `Running`, `Completed`, `Failed` or `ContinuedAsNew`.
    pub status: String,
    /// The instance that started it as a child.
    pub parent_instance_id: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub created_at: u64,
    /// Milliseconds since the Unix epoch: its last turn, or its end. A store may be a second behind as long as it runs.
    pub updated_at: u64,
}

/// What a running process has told the store of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// One runtime of one process, from its start to its end; never used again.
    pub worker_id: String,
    /// The machine and process, or what the program calls its node.
    pub node: String,
    /// Process id on its machine.
    pub pid: u32,
    /// The program's file name, without its folder.
    pub program: String,
    /// The version of this library in it.
    pub library_version: String,
    /// How many orchestration turns it runs at once.
    pub orchestration_slots: usize,
    /// How many activities it runs at once.
    pub activity_slots: usize,
    /// Which activities it takes.
    pub tags: TagsServed,
    /// What it can run, sorted by kind, name and version.
    pub handlers: Vec<HandlerInfo>,
    /// What its commits survive, as it opened the store; absent when the store does not say, and in what earlier
    /// versions of this library wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    /// Milliseconds since the Unix epoch, by the store's clock.
    pub started_at: u64,
    /// When it last said that it is there, in milliseconds since the Unix epoch, by the store's clock.
    pub seen_at: u64,
    /// Until when it counts as alive unless it is heard of again, in milliseconds since the Unix epoch.
    pub alive_until: u64,
    /// Whether it counted as alive when this was read.
    pub is_alive: bool,
}

impl WorkerInfo {
    /// Those that are alive first, then by node and start.
    pub(crate) fn in_order(&self, other: &Self) -> std::cmp::Ordering {
        let key = |worker: &Self| (!worker.is_alive, worker.node.clone(), worker.started_at, worker.worker_id.clone());
        key(self).cmp(&key(other))
    }
}

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// A power cut: it was flushed before it was acknowledged.
    PowerCut,
    /// The end of its process, however that comes. A power cut may take the newest commits; what is left is whole.
    Kill,
    /// Nothing: it is gone with its process.
    Nothing,
    /// What only a later version of this library knows.
    #[serde(other)]
    Other,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Durability::PowerCut => "a power cut",
            Durability::Kill => "a kill",
            Durability::Nothing => "nothing",
            Durability::Other => "unknown",
        })
    }
}

/// Which activities a worker takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagsServed {
    /// Those without a tag.
    pub untagged: bool,
    /// Those with any tag.
    pub any: bool,
    /// Those with one of these tags, sorted.
    pub tags: Vec<String>,
}

/// A handler that a worker has registered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HandlerInfo {
    /// `activity` or `orchestration`.
    pub kind: HandlerSort,
    /// The name under which it is registered.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What the macros wrote down of it; absent for handlers registered by strings.
    pub source: Option<HandlerSource>,
}

/// What a handler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HandlerSort {
    /// Runs on a worker, with side effects.
    Activity,
    /// Replays.
    Orchestration,
}

impl fmt::Display for HandlerSort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HandlerSort::Activity => "activity",
            HandlerSort::Orchestration => "orchestration",
        })
    }
}

/// Where a handler is in its program, and its types.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HandlerSource {
    /// The crate it was written in.
    pub krate: String,
    /// The file, as the compiler was given it.
    pub file: String,
    /// The line of its attribute, from 1.
    pub line: u32,
    /// Name and Rust type of each argument, in order.
    pub arguments: Vec<(String, String)>,
    /// The Rust type that it returns when all is well.
    pub ok: String,
    /// The Rust type that it returns otherwise.
    pub err: String,
    /// Where an orchestration asks for what an instance of it may wait for, sorted; none in what earlier versions of
    /// this library wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

/// Where an orchestration asks for something, in its own body or in a `#[durable]` function that it calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// What it asks for.
    pub kind: PlaceKind,
    /// Under which name; empty for a timer.
    pub name: String,
    /// How long a timer is, in milliseconds, when its length stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_ms: Option<u64>,
    /// The file, as the compiler was given it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaceKind {
    /// An activity or a child: where it is called, that cannot be told apart.
    Work,
    /// An external event.
    Event,
    /// A message of a queue.
    Queue,
    /// A timer.
    Timer,
}

/// Work for which no live worker has a handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unserved {
    /// What is missing.
    pub kind: HandlerSort,
    /// The name that nobody has registered.
    pub name: String,
    /// The version that was asked for, when it was.
    pub version: Option<String>,
    /// The tag that nobody serves, when that is what is missing.
    pub tag: Option<String>,
    /// How many instances wait for it.
    pub instances: u64,
    /// One of them.
    pub example: String,
}

/// Which queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Queue {
    /// Messages for orchestrations: starts, completions, timers, events.
    Orchestrator,
    /// Activities to run.
    Worker,
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Queue::Orchestrator => "orchestrator",
            Queue::Worker => "worker",
        })
    }
}

/// What a queue row waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowState {
    /// Its time: a timer, or a row that was given back.
    Delayed,
    /// Somebody to take it.
    Ready,
    /// The end of a lease: somebody works on it or on its instance.
    Held,
    /// An instance that does not exist yet.
    Parked,
}

/// A row of a queue, without its payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Its place in the queue: ascending.
    pub id: u64,
    /// Which queue.
    pub queue: Queue,
    /// Whose it is, when that could be told.
    pub instance_id: Option<String>,
    /// What it is: the name of its [`WorkItem`](crate::providers::WorkItem) variant.
    pub kind: String,
    /// The activity, orchestration or event that it names, if it names one.
    pub name: Option<String>,
    /// The schedule event in history that it answers or runs, if any.
    pub event_id: Option<u64>,
    /// The tag of an activity.
    pub tag: Option<String>,
    /// The session of an activity.
    pub session_id: Option<String>,
    /// What it waits for.
    pub state: RowState,
    /// When it can be taken, in milliseconds since the Unix epoch.
    pub visible_at: u64,
    /// Until when it is leased, in milliseconds since the Unix epoch; of a ready row, until when somebody has its
    /// session.
    pub locked_until: Option<u64>,
    /// Who leased it, as far as the store knows: the worker, where one alone works through the store that signed; of a
    /// ready row, who has its session.
    pub owner: Option<String>,
    /// How often it was handed out.
    pub attempts: u32,
}

/// What waits in one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueFigures {
    /// Rows that can be taken now.
    pub ready: u64,
    /// Rows whose time has not come.
    pub delayed: u64,
    /// Rows under a lease.
    pub held: u64,
    /// Rows of instances that do not exist.
    pub parked: u64,
    /// Since when the oldest row that can be taken waits, in milliseconds since the Unix epoch.
    pub oldest_ready_at: Option<u64>,
}

/// What waits in all queues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueOverview {
    /// Messages for orchestrations.
    pub orchestrator: QueueFigures,
    /// Activities.
    pub worker: QueueFigures,
    /// Rows that could not be read, kept for people to look at.
    pub quarantined: u64,
}

impl QueueOverview {
    /// Since when the oldest row that can be taken waits in any of them, in milliseconds since the Unix epoch.
    pub fn oldest_ready_at(&self) -> Option<u64> {
        [&self.orchestrator, &self.worker].into_iter().filter_map(|queue| queue.oldest_ready_at).min()
    }
}

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedRow {
    /// Its number, ascending.
    pub id: u64,
    /// The queue it was in.
    pub queue: Queue,
    /// Whose it was, when that could be told.
    pub instance_id: Option<String>,
    /// What stood in it.
    pub body: String,
    /// Why it could not be read.
    pub reason: String,
    /// When it was set aside, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}
