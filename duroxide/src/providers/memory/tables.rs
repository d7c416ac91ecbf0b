//! The rows of the store, in plain maps.

use std::collections::BTreeMap;
use std::time::Duration;

use semver::Version;

use super::rings::Rings;
use crate::lease::{self, Claim, Lease};
use crate::model::insight::{QuarantinedRow, WorkerInfo};
use crate::model::item::{KvEntry, ScheduledActivityIdentifier};
use crate::model::trace::TraceContext;
use crate::providers::error::ProviderError;
use crate::seams;

/// Status of an execution that has not ended.
pub(super) const RUNNING: &str = "Running";

/// Statuses of an execution that has ended.
const ENDED: [&str; 3] = ["Completed", "Failed", "ContinuedAsNew"];

/// Whether an execution with this status has ended.
pub(super) fn is_ended(status: &str) -> bool {
    ENDED.contains(&status)
}

/// Everything the store keeps. Ordered maps throughout, so that a run is the same each time it is repeated.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) instances: BTreeMap<String, InstanceRow>,
    /// Instance, execution.
    pub(super) executions: BTreeMap<String, BTreeMap<u64, ExecutionRow>>,
    /// Instance, execution, event id. JSON, so that every read parses and rows can be damaged as on a disk.
    pub(super) history: BTreeMap<String, BTreeMap<u64, BTreeMap<u64, String>>>,
    /// The orchestrator queue by instance; row numbers order it across instances.
    pub(super) inboxes: BTreeMap<String, Inbox>,
    pub(super) locks: BTreeMap<String, Lease>,
    pub(super) activities: BTreeMap<u64, ActivityRow>,
    /// Token of a lease on an activity, its row.
    pub(super) activity_tokens: BTreeMap<String, u64>,
    pub(super) sessions: BTreeMap<String, SessionRow>,
    pub(super) key_values: BTreeMap<String, KeyValues>,
    /// The contexts in which instances were started, some before they exist.
    pub(super) traces: BTreeMap<String, TraceContext>,
    /// Queue rows that do not parse: out of everybody's way, but not lost.
    pub(super) quarantine: BTreeMap<u64, QuarantinedRow>,
    pub(super) workers: BTreeMap<String, WorkerInfo>,
    /// Who is to be told once the change is made.
    pub(super) rings: Rings,
    last_row: u64,
    /// Outlives every lease, and every instance.
    last_fence: u64,
}

pub(super) struct InstanceRow {
    /// Orders instances that were created in the same millisecond.
    pub(super) row: u64,
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) current_execution_id: u64,
    pub(super) custom_status: Option<String>,
    pub(super) custom_status_version: u64,
    pub(super) parent: Option<String>,
    pub(super) created_at_ms: u64,
    pub(super) updated_at_ms: u64,
}

pub(super) struct ExecutionRow {
    pub(super) status: String,
    pub(super) output: Option<String>,
    pub(super) pinned: Option<Version>,
    pub(super) started_at_ms: u64,
    pub(super) completed_at_ms: Option<u64>,
}

pub(super) type Inbox = BTreeMap<u64, MessageRow>;

pub(super) struct MessageRow {
    /// JSON of the work item.
    pub(super) text: String,
    pub(super) kind: MessageKind,
    pub(super) enqueued_at_ms: u64,
    pub(super) visible_at_ms: u64,
    /// The fetch that took it into its batch.
    pub(super) token: Option<String>,
    pub(super) attempts: u32,
}

/// What a message means to an instance that does not exist yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageKind {
    /// Creates it.
    Start,
    /// Is dropped with it.
    Queue,
    /// Waits for it.
    Other,
}

pub(super) struct ActivityRow {
    /// JSON of the work item.
    pub(super) text: String,
    pub(super) identity: Option<ScheduledActivityIdentifier>,
    pub(super) session_id: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) visible_at_ms: u64,
    pub(super) lease: Option<Lease>,
    pub(super) attempts: u32,
    pub(super) progress: Option<Progress>,
}

/// What an activity last said of its progress.
pub(super) struct Progress {
    pub(super) text: String,
    pub(super) attempt: u32,
    pub(super) at_ms: u64,
}

pub(super) struct SessionRow {
    pub(super) lease: Lease,
    pub(super) last_activity_at_ms: u64,
}

/// Two layers: what ended executions left, and what the running one changed.
#[derive(Default)]
pub(super) struct KeyValues {
    pub(super) store: BTreeMap<String, KvEntry>,
    /// `None` hides the key.
    pub(super) delta: BTreeMap<String, Option<KvEntry>>,
}

impl Tables {
    /// The next row number.
    pub(super) fn next_row(&mut self) -> u64 {
        self.last_row += 1;
        self.last_row
    }

    /// A lease for this store's object; `None` while somebody holds one.
    pub(super) fn claim(&mut self, held: Option<&Lease>, now_ms: u64, timeout: Duration) -> Option<Lease> {
        let lease = lease::claim(held, self.asks(super::NAME, now_ms, timeout))?;
        self.last_fence = lease.fence;
        Some(lease)
    }

    /// A lease for a worker, who may hold one already; `None` while somebody else does.
    pub(super) fn reclaim(
        &mut self,
        held: Option<&Lease>,
        owner: &str,
        now_ms: u64,
        timeout: Duration,
    ) -> Option<Lease> {
        let lease = lease::reclaim(held, self.asks(owner, now_ms, timeout))?;
        self.last_fence = lease.fence;
        Some(lease)
    }

    fn asks<'a>(&self, owner: &'a str, now_ms: u64, timeout: Duration) -> Claim<'a> {
        Claim { owner, token: seams::lock_token(), last_fence: self.last_fence, now_ms, timeout }
    }

    /// The row of an instance's current execution.
    pub(super) fn current_execution(&self, instance: &str) -> Option<&ExecutionRow> {
        let row = self.instances.get(instance)?;
        self.executions.get(instance)?.get(&row.current_execution_id)
    }

    /// The newest execution, 1 if there is none.
    pub(super) fn latest_execution_id(&self, instance: &str) -> u64 {
        self.executions.get(instance).and_then(|rows| rows.keys().next_back().copied()).unwrap_or(1)
    }

    pub(super) fn instance(&self, operation: &str, id: &str) -> Result<&InstanceRow, ProviderError> {
        self.instances.get(id).ok_or_else(|| ProviderError::permanent(operation, format!("instance {id} not found")))
    }
}
