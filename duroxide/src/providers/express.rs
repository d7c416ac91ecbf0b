//! What a store may do beyond the contract so that turns are quick: batches, tails, completions with their turns.
//!
//! Nothing in here lets anybody write without a lease, or where somebody else has one. A store that has none of it is
//! driven by the required methods of [`Provider`](super::Provider) alone.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use crate::model::commit::Commit;

use super::{DispatcherCapabilityFilter, OrchestrationItem, ProviderError, SessionFetchConfig, TagFilter, WorkItem};

/// The quick half of a store, reached through [`Provider::as_express_capability`](super::Provider).
#[async_trait]
pub trait ExpressProvider: Send + Sync {
    /// Leases up to [`max`](TurnRequest::max) instances, each as
    /// [`fetch_orchestration_item`](super::Provider::fetch_orchestration_item) would, in the same order. Returns at
    /// once, with none when nothing is ready.
    async fn fetch_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError>;

    /// Waits until instances may be taken, and leases them as [`fetch_turns`](Self::fetch_turns) does: those that a commit
    /// of this process makes ready may be leased by that commit. What was ready before is not looked for.
    ///
    /// A message may also be handed over before it is stored, under a token that does what that of a lease does: it is stored
    /// together with its turn when that is committed, or by itself before anything else comes to its instance. Whoever sent it is
    /// answered then.
    ///
    /// Whoever waits here also listens to the store's [`WorkSignal`](super::WorkSignal), and drops the future for it: what
    /// was leased meanwhile goes back. A store that has nothing better than its signal never returns.
    async fn await_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError> {
        let _ = request;
        std::future::pending().await
    }

    /// Leases up to [`max`](ActivityRequest::max) activities, each as
    /// [`fetch_work_item`](super::Provider::fetch_work_item) would, in the same order. At most one of them belongs to
    /// a session. Returns at once, with none when nothing is ready.
    async fn fetch_activities(&self, request: ActivityRequest) -> Result<Vec<FetchedActivity>, ProviderError>;

    /// Commits a turn as [`ack_orchestration_item`](super::Provider::ack_orchestration_item) does, and leases some of
    /// its new activities to the caller. `base` is the head that came with the fetch.
    ///
    /// # Errors
    /// As there.
    async fn commit_turn(
        &self,
        lock_token: &str,
        base: Head,
        commit: Commit,
        handover: Handover,
    ) -> Result<Committed, ProviderError>;

    /// Removes leased activities and, in the same transaction, commits the turn to which their completions led.
    ///
    /// The instance need not be leased. Instead the store makes sure that the turn is what a lease holder would have
    /// committed: every activity is still leased by its token, nobody holds the instance, no message waits for it
    /// (completions of other activities may: among those there is no order),
    /// and its history ends where `base` says. Otherwise nothing changes and the answer is `None`.
    ///
    /// # Errors
    /// As [`ack_orchestration_item`](super::Provider::ack_orchestration_item); nothing changes then.
    async fn complete_with_turn(
        &self,
        activity_tokens: &[String],
        instance: &str,
        base: Head,
        commit: Commit,
        handover: Handover,
    ) -> Result<Option<Committed>, ProviderError>;
}

/// Where the history of an execution ends, as the store knew it: what a store hands out and gets back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The execution.
    pub execution_id: u64,
    /// Its last event, 0 when there is none.
    pub last_event_id: u64,
    /// A digest of its events as they are stored, 0 when there are none; means something to the store alone.
    pub digest: u64,
    /// How often the store had seen others change histories when this was known: whatever else than turns of this
    /// process wrote, it counts up. When it differs, the store compares the other fields with what it has.
    pub seen: u64,
}

impl Head {
    /// Where an execution without events ends.
    pub fn of_new(execution_id: u64, seen: u64) -> Head {
        Head { execution_id, last_event_id: 0, digest: 0, seen }
    }
}

/// What became of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Where history ends now.
    pub head: Head,
    /// Activities that were handed over.
    pub leased: Vec<Leased>,
}

/// Tells a store whose histories the caller knows already.
pub trait KnownHeads: Debug + Send + Sync {
    /// Where the caller's knowledge of this instance ends. Called by the store while it holds its own locks.
    fn head_of(&self, instance: &str) -> Option<Head>;
}

/// Which instances are asked for.
#[derive(Debug, Clone)]
pub struct TurnRequest {
    /// At most this many.
    pub max: usize,
    /// How long each is leased.
    pub lock_timeout: Duration,
    /// Which executions the caller can replay.
    pub filter: Option<DispatcherCapabilityFilter>,
    /// What need not be sent.
    pub known: Arc<dyn KnownHeads>,
}

/// One instance under its lease.
#[derive(Debug, Clone)]
pub struct FetchedTurn {
    /// As the contract has it; without history and key-values when `known` is set.
    pub item: OrchestrationItem,
    /// Lease token.
    pub token: String,
    /// Highest attempt count of the batch.
    pub attempt: u32,
    /// Whether history ends where the caller knows it does: then it is not sent.
    pub known: bool,
    /// Where history ends.
    pub head: Head,
}

/// Which activities are asked for.
#[derive(Debug, Clone)]
pub struct ActivityRequest {
    /// At most this many.
    pub max: usize,
    /// How long each is leased.
    pub lock_timeout: Duration,
    /// Whose sessions count, if any.
    pub session: Option<SessionFetchConfig>,
    /// Which tags are served.
    pub tags: TagFilter,
}

/// One activity under its lease.
#[derive(Debug, Clone)]
pub struct FetchedActivity {
    /// What to run.
    pub item: WorkItem,
    /// Lease token.
    pub token: String,
    /// Attempt count.
    pub attempt: u32,
}

/// How many activities of a turn the caller would run at once.
///
/// They are stored as leased, as if the caller had fetched them right after the commit. A store hands over none that
/// belongs to a session, and none that would overtake an activity which waits already and which the caller, or another
/// worker of the same process with the same tags, could take: slots that are always handed the newest would never ask
/// for it. What waits for others (tags that are not served, sessions of other processes) is in nobody's way.
#[derive(Debug, Clone, Default)]
pub struct Handover {
    /// The first so many of the turn's activities may be leased to the caller.
    pub max: usize,
    /// How long each is leased.
    pub lock_timeout: Duration,
    /// Which tags the caller serves.
    pub tags: TagFilter,
}

/// One activity of a turn that was leased to whoever committed it; it is on its first attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// Which of the turn's activities, counted from 0.
    pub index: usize,
    /// Lease token.
    pub token: String,
}
