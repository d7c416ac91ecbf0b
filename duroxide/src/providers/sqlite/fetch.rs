//! Take the next orchestration item under a lease.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::basis::{Basis, Resting};
use super::carried::{Offered, Terms};
use super::error::StoreError;
use super::history::{self, StoredEvent};
use super::kv;
use super::ready;
use super::row::{self, carried_by, int, quarantine, row_of, text, token_of, uint};
use super::wakes::Wakes;
use crate::lease::{Claim, Lease, Refusal};
use crate::model::event::{Event, EventKind};
use crate::model::filter::Capability;
use crate::model::ids::INITIAL_EXECUTION_ID;
use crate::model::item::{KvEntry, OrchestrationItem};
use crate::model::work_item::WorkItem;
use crate::providers::express::{Head, KnownHeads};
use crate::providers::signal::WorkQueue;
use crate::providers::unreadable::{self, Reading};
use crate::{clock, lease};

/// What stands in for a version that is not recorded.
const UNKNOWN_VERSION: &str = "unknown";

/// A leased batch as it is stored; history is read outside the writer's thread.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) token: String,
    instance: String,
    identity: Identity,
    messages: Vec<WorkItem>,
    history: Vec<StoredEvent>,
    kv_snapshot: HashMap<String, KvEntry>,
    attempts: u32,
    /// History was left out, because it ends where the caller knows it does.
    known: bool,
    head: Head,
}

/// What the caller of a fetch knows already, and how often others were seen to have written.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) heads: Arc<dyn KnownHeads>,
    pub(super) seen: u64,
}

#[derive(Debug)]
struct Identity {
    name: String,
    version: Option<String>,
    /// What the item says.
    execution_id: u64,
    /// Whose history it carries, if any.
    history_of: Option<u64>,
    /// Nothing of it was ever committed.
    is_new: bool,
}

impl Fetched {
    /// The item, its token and its attempt count. A history that cannot be read is reported, not lost.
    pub(super) fn into_item(self) -> (OrchestrationItem, String, u32) {
        let (history, history_error, kv_snapshot) = match history::parse(&self.history) {
            Ok(history) => (history, None, self.kv_snapshot),
            Err(error) => (Vec::new(), Some(error), HashMap::new()),
        };
        let item = OrchestrationItem {
            instance: self.instance,
            orchestration_name: self.identity.name,
            execution_id: self.identity.execution_id,
            version: self.identity.version.unwrap_or_else(|| UNKNOWN_VERSION.to_owned()),
            history,
            messages: self.messages,
            history_error,
            kv_snapshot,
        };
        (item, self.token, self.attempts)
    }

    /// A message that was offered, as it would be fetched had it been queued.
    fn of_offered(offered: Offered, token: String, seen: u64) -> Self {
        let message = Rc::unwrap_or_clone(offered.message);
        let (identity, head, known) = match offered.basis {
            Basis::Nothing => {
                let identity = starts_as(&message).expect("it starts its instance");
                let head = history::head_of(identity.execution_id, &[], seen);
                (Identity { is_new: true, ..identity }, head, false)
            }
            Basis::Resting(Resting { name, version, head }) => {
                let execution_id = head.execution_id;
                (Identity { name, version, execution_id, history_of: Some(execution_id), is_new: false }, head, true)
            }
        };
        Fetched {
            token,
            instance: message.target_instance().to_owned(),
            identity,
            messages: vec![message],
            history: Vec::new(),
            kv_snapshot: HashMap::new(),
            attempts: 1,
            known,
            head,
        }
    }

    /// Whether the item is without history because the caller knows it, and where history ends.
    pub(super) fn extent(&self) -> (bool, Head) {
        (self.known, self.head)
    }
}

/// Leases the instance of the earliest message that may be taken.
pub(super) fn fetch(
    conn: &Connection,
    lock_timeout: Duration,
    capability: Capability,
    owner: &str,
    wakes: &mut Wakes,
) -> Result<Option<Fetched>, StoreError> {
    let now_ms = clock::now_ms();
    ready::promote_messages(conn, now_ms)?;
    next(conn, Seeking { lock_timeout, capability, owner, known: None, now_ms }, wakes)
}

/// Leases up to `max` instances, in the order of their earliest messages.
pub(super) fn fetch_many(
    conn: &Connection,
    max: usize,
    lock_timeout: Duration,
    capability: Capability,
    owner: &str,
    known: &Known,
    wakes: &mut Wakes,
) -> Result<Vec<Fetched>, StoreError> {
    let now_ms = clock::now_ms();
    ready::promote_messages(conn, now_ms)?;
    let seeking = Seeking { lock_timeout, capability, owner, known: Some(known), now_ms };
    let mut fetched = Vec::new();
    while fetched.len() < max
        && let Some(one) = next(conn, seeking, wakes)?
    {
        fetched.push(one);
    }
    Ok(fetched)
}

/// Takes up to `max` of the messages that are offered, each as if it had been queued and leased. What starts has no version yet
/// that somebody could lack, and what rests is known to whoever could replay it.
pub(super) fn take_offered(
    max: usize,
    capability: Capability,
    terms: &Terms,
    known: &Known,
    wakes: &mut Wakes,
) -> Vec<Fetched> {
    let max = if matches!(capability, Capability::Nothing) { 0 } else { max };
    let can_go_on = |offered: &Offered| match &offered.basis {
        Basis::Nothing => true,
        Basis::Resting(Resting { head, .. }) => {
            let own = known.heads.head_of(offered.message.target_instance());
            own.is_some_and(|own| Head { seen: head.seen, ..own } == *head)
        }
    };
    let taken = std::iter::from_fn(|| wakes.take_offered(terms, can_go_on)).take(max);
    taken.map(|(offered, token)| Fetched::of_offered(offered, token, known.seen)).collect()
}

/// Leases the instance of a message that was queued last, under the token that was given out for it. Whoever has that knows the
/// message alone: what else waits for the instance is no part of the batch. Whether nobody else holds it.
pub(super) fn take_queued(conn: &Connection, instance: &str, token: &str, terms: &Terms) -> rusqlite::Result<bool> {
    let row_id = conn.last_insert_rowid();
    let held = conn
        .prepare_cached("SELECT owner, lock_token, fence, locked_until FROM instance_locks WHERE instance_id = ?1")?
        .query_row([instance], |row| row::lease(row, 0))
        .optional()?
        .flatten();
    let claim = ready::claim(conn, &terms.owner, token.to_owned(), terms.timeout, clock::now_ms())?;
    if lock(conn, instance, held.as_ref(), claim)?.is_none() {
        return Ok(false);
    }
    ready::hold(conn, instance)?;
    conn.prepare_cached("UPDATE orchestrator_queue SET lock_token = ?2, attempt_count = 1 WHERE id = ?1")?
        .execute(params![row_id, token])?;
    Ok(true)
}

/// On whose behalf, and what it can do.
#[derive(Clone, Copy)]
struct Seeking<'a> {
    lock_timeout: Duration,
    capability: Capability,
    owner: &'a str,
    known: Option<&'a Known>,
    now_ms: u64,
}

fn next(conn: &Connection, seeking: Seeking<'_>, wakes: &mut Wakes) -> Result<Option<Fetched>, StoreError> {
    let Seeking { lock_timeout, capability, owner, known, now_ms } = seeking;
    // Each round that yields nothing takes the rows it looked at out of the way, so that it ends.
    while let Some(found) = candidate(conn, capability, now_ms)? {
        if wakes.is_on_its_way(&found.instance) {
            wakes.queue_carried(conn, &found.instance)?;
            continue;
        }
        let Some(batch) = readable_batch(conn, &found.instance, now_ms)? else {
            continue;
        };
        let Candidate { instance, identity, has_past, held, last_fence } = found;
        let identity = match identity {
            Some(identity) => Some(identity),
            None => identify(conn, &instance, &batch.messages, has_past)?,
        };
        let Some(identity) = identity else {
            set_orphans_aside(conn, &instance, &batch.messages, now_ms)?;
            continue;
        };
        let claim = Claim { owner, token: token_of(batch.first_id), last_fence, now_ms, timeout: lock_timeout };
        match take(conn, &instance, held.as_ref(), claim)? {
            Some(token) => return load(conn, token, instance, identity, batch, known).map(Some),
            None => ready::hold(conn, &instance)?,
        }
    }
    Ok(None)
}

/// An instance for which a message waits that may be taken, and what is known of it.
struct Candidate {
    instance: String,
    /// By its row.
    identity: Option<Identity>,
    /// It has no row, and yet a history.
    has_past: bool,
    held: Option<Lease>,
    last_fence: u64,
}

/// What a candidate has of its instance, its lock and the store.
macro_rules! candidate {
    ($rest:literal) => {
        concat!(
            "SELECT q.instance_id, i.orchestration_name, i.orchestration_version, i.current_execution_id,
                 i.instance_id IS NULL AND EXISTS (SELECT 1 FROM history h WHERE h.instance_id = q.instance_id),
                 l.owner, l.lock_token, l.fence, l.locked_until, (SELECT fence FROM duroxide_store)
             FROM orchestrator_queue q
             LEFT JOIN instances i ON i.instance_id = q.instance_id
             LEFT JOIN instance_locks l ON l.instance_id = q.instance_id ",
            $rest
        )
    };
}

/// The instance of the earliest message that may be taken.
const NEXT: &str = candidate!("WHERE q.state = 1 AND q.visible_at <= ?1 ORDER BY q.id LIMIT 1");

/// The same among instances whose current execution was begun by a version in a range, or by no recorded one.
const NEXT_IN_RANGE: &str = candidate!(
    "LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
     WHERE q.state = 1 AND q.visible_at <= ?1 AND (e.duroxide_version_major IS NULL OR
         (e.duroxide_version_major, e.duroxide_version_minor, e.duroxide_version_patch)
             BETWEEN (?2, ?3, ?4) AND (?5, ?6, ?7))
     ORDER BY q.id LIMIT 1"
);

/// The statements above, for the test that looks at their plans.
#[cfg(test)]
pub(super) const LOOKUPS: &[&str] = &[NEXT, NEXT_IN_RANGE];

fn candidate(conn: &Connection, capability: Capability, now_ms: u64) -> rusqlite::Result<Option<Candidate>> {
    match capability {
        Capability::Nothing => Ok(None),
        Capability::Any => conn.prepare_cached(NEXT)?.query_row([int(now_ms)], candidate_of).optional(),
        Capability::Range(min, max) => conn
            .prepare_cached(NEXT_IN_RANGE)?
            .query_row(
                params![int(now_ms), int(min[0]), int(min[1]), int(min[2]), int(max[0]), int(max[1]), int(max[2])],
                candidate_of,
            )
            .optional(),
    }
}

fn candidate_of(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    let identity = match row.get::<_, Option<String>>(1)? {
        Some(name) => {
            let execution_id = uint(row, 3)?;
            let history_of = Some(execution_id);
            Some(Identity { name, version: row.get(2)?, execution_id, history_of, is_new: false })
        }
        None => None,
    };
    Ok(Candidate {
        instance: row.get(0)?,
        identity,
        has_past: row.get(4)?,
        held: row::lease(row, 5)?,
        last_fence: uint(row, 9)?,
    })
}

struct Batch {
    first_id: i64,
    messages: Vec<WorkItem>,
    attempts: u32,
}

/// The visible messages of an instance; those that cannot be read are set aside. `None` when nothing is left.
fn readable_batch(conn: &Connection, instance: &str, now_ms: u64) -> Result<Option<Batch>, StoreError> {
    let mut batch: Option<Batch> = None;
    let mut statement = conn.prepare_cached(
        "SELECT id, work_item, attempt_count FROM orchestrator_queue
         WHERE instance_id = ?1 AND visible_at <= ?2 ORDER BY id",
    )?;
    let mut aside = Vec::new();
    let mut rows = statement.query(params![instance, int(now_ms)])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let json = text(row, 1)?;
        match unreadable::read(&json) {
            Reading::Item(message) => {
                let attempts = u32::try_from(uint(row, 2)?).unwrap_or(u32::MAX).saturating_add(1);
                let batch = batch.get_or_insert_with(|| Batch { first_id: id, messages: Vec::new(), attempts: 0 });
                batch.messages.push(message);
                batch.attempts = batch.attempts.max(attempts);
            }
            Reading::LaterKind(kind) => {
                aside.push((id, json, format!("a kind that this version does not know: {kind}")))
            }
            Reading::Unreadable(reason) => aside.push((id, json, reason)),
        }
    }
    drop(rows);
    for (id, json, reason) in aside {
        quarantine(conn, "orchestrator", Some(instance), &json, &reason, now_ms)?;
        conn.prepare_cached("DELETE FROM orchestrator_queue WHERE id = ?1")?.execute([id])?;
    }
    Ok(batch)
}

/// Who an instance without a row is: by what its history began with, or by the message that starts it.
fn identify(
    conn: &Connection,
    instance: &str,
    messages: &[WorkItem],
    has_past: bool,
) -> Result<Option<Identity>, StoreError> {
    if !has_past {
        return Ok(messages.iter().find_map(starts_as).map(|identity| Identity { is_new: true, ..identity }));
    }
    let latest = history::latest_execution(conn, instance)?;
    // A history that cannot be read says nothing here; a start message may.
    let past = history::parse(&history::load(conn, instance, latest)?).unwrap_or_default();
    Ok(started_as(&past, latest).or_else(|| messages.iter().find_map(starts_as)))
}

fn started_as(history: &[Event], execution_id: u64) -> Option<Identity> {
    history.iter().find_map(|event| match &event.kind {
        EventKind::OrchestrationStarted { name, version, .. } => Some(Identity {
            name: name.clone(),
            version: Some(version.clone()),
            execution_id: INITIAL_EXECUTION_ID,
            history_of: Some(execution_id),
            is_new: false,
        }),
        _ => None,
    })
}

fn starts_as(message: &WorkItem) -> Option<Identity> {
    match message {
        WorkItem::StartOrchestration { orchestration, version, .. }
        | WorkItem::ContinueAsNew { orchestration, version, .. } => Some(Identity {
            name: orchestration.clone(),
            version: version.clone(),
            execution_id: INITIAL_EXECUTION_ID,
            history_of: None,
            is_new: false,
        }),
        _ => None,
    }
}

/// Messages for an instance that does not exist. Queue messages alone are dropped, as the contract has it; anything
/// else may be ahead of its start and waits for it, and so does everything while a start is queued but delayed.
fn set_orphans_aside(conn: &Connection, instance: &str, messages: &[WorkItem], now_ms: u64) -> Result<(), StoreError> {
    let only_queue_messages = messages.iter().all(|message| matches!(message, WorkItem::QueueMessage { .. }));
    if only_queue_messages && !start_is_delayed(conn, instance, now_ms)? {
        conn.prepare_cached("DELETE FROM orchestrator_queue WHERE instance_id = ?1 AND visible_at <= ?2")?
            .execute(params![instance, int(now_ms)])?;
    } else {
        ready::park(conn, instance, now_ms)?;
    }
    Ok(())
}

/// Whether a start of the instance is queued, but not visible: given back for a while, say.
fn start_is_delayed(conn: &Connection, instance: &str, now_ms: u64) -> Result<bool, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT work_item FROM orchestrator_queue WHERE instance_id = ?1 AND visible_at > ?2")?;
    let mut rows = statement.query(params![instance, int(now_ms)])?;
    while let Some(row) = rows.next()? {
        let message = serde_json::from_str(&text(row, 0)?).ok();
        if message.as_ref().and_then(starts_as).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Locks the instance and marks its visible messages as the batch of this lease; `None` as [`lock`] has it.
fn take(conn: &Connection, instance: &str, held: Option<&Lease>, claim: Claim<'_>) -> rusqlite::Result<Option<String>> {
    let now_ms = claim.now_ms;
    let Some(token) = lock(conn, instance, held, claim)? else {
        return Ok(None);
    };
    conn.prepare_cached(
        "UPDATE orchestrator_queue SET lock_token = ?2, state = 2, attempt_count = attempt_count + 1
         WHERE instance_id = ?1 AND visible_at <= ?3",
    )?
    .execute(params![instance, token, int(now_ms)])?;
    Ok(Some(token))
}

/// Locks the instance. `None` when somebody holds it, which only happens when another program moved rows.
fn lock(conn: &Connection, instance: &str, held: Option<&Lease>, claim: Claim<'_>) -> rusqlite::Result<Option<String>> {
    let now_ms = claim.now_ms;
    let Some(lease) = lease::claim(held, claim) else {
        return Ok(None);
    };
    conn.prepare_cached(
        "INSERT OR REPLACE INTO instance_locks (instance_id, lock_token, locked_until, locked_at, owner, fence)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![instance, lease.token, int(lease.until_ms), int(now_ms), lease.owner, int(lease.fence)])?;
    Ok(Some(lease.token))
}

fn load(
    conn: &Connection,
    token: String,
    instance: String,
    identity: Identity,
    batch: Batch,
    known: Option<&Known>,
) -> Result<Fetched, StoreError> {
    let seen = known.map_or(0, |known| known.seen);
    let head = match (known, identity.history_of) {
        (Some(known), Some(execution_id)) => known_head(conn, known, &instance, execution_id)?,
        _ => None,
    };
    let history = match identity.history_of {
        Some(execution_id) if head.is_none() => history::load(conn, &instance, execution_id)?,
        _ => Vec::new(),
    };
    let needs_snapshot = head.is_none() && !identity.is_new;
    let kv_snapshot = if needs_snapshot { kv::snapshot(conn, &instance)? } else { HashMap::new() };
    Ok(Fetched {
        token,
        known: head.is_some(),
        head: head.unwrap_or_else(|| history::head_of(identity.execution_id, &history, seen)),
        history,
        kv_snapshot,
        identity,
        instance,
        messages: batch.messages,
        attempts: batch.attempts,
    })
}

/// Where the history of an execution ends, if the caller knows it to its end.
fn known_head(conn: &Connection, known: &Known, instance: &str, execution_id: u64) -> rusqlite::Result<Option<Head>> {
    match known.heads.head_of(instance) {
        Some(head) if head.execution_id == execution_id && history::ends_at(conn, instance, &head, known.seen)? => {
            Ok(Some(Head { seen: known.seen, ..head }))
        }
        _ => Ok(None),
    }
}

/// The instance that a token leases or, as long as nobody else took it, leased.
pub(super) fn find_lease(conn: &Connection, token: &str) -> Result<(String, Lease), StoreError> {
    if let Some(instance) = carried_by(token) {
        return find_lease_of(conn, instance, token);
    }
    let id = row_of(token).ok_or(Refusal::Unknown)?;
    conn.prepare_cached(
        "SELECT l.instance_id, l.owner, l.lock_token, l.fence, l.locked_until FROM orchestrator_queue q
         JOIN instance_locks l ON l.instance_id = q.instance_id
         WHERE q.id = ?1 AND q.lock_token = ?2 AND l.lock_token = ?2",
    )?
    .query_row(params![id, token], |row| Ok(row::lease(row, 1)?.zip(row.get(0).ok())))
    .optional()?
    .flatten()
    .map(|(lease, instance)| (instance, lease))
    .ok_or(Refusal::Unknown.into())
}

/// The same where the token names its instance.
fn find_lease_of(conn: &Connection, instance: &str, token: &str) -> Result<(String, Lease), StoreError> {
    conn.prepare_cached(
        "SELECT owner, lock_token, fence, locked_until FROM instance_locks WHERE instance_id = ?1 AND lock_token = ?2",
    )?
    .query_row([instance, token], |row| row::lease(row, 0))
    .optional()?
    .flatten()
    .map(|lease| (instance.to_owned(), lease))
    .ok_or(Refusal::Unknown.into())
}

/// Gives a batch back. A lease that ended is accepted as long as nobody else took the instance.
pub(super) fn abandon(
    conn: &Connection,
    token: &str,
    delay: Option<Duration>,
    ignore_attempt: bool,
    wakes: &mut Wakes,
) -> Result<(), StoreError> {
    wakes.queue_leased(conn, token)?;
    let (instance, _) = find_lease(conn, token)?;
    let now_ms = clock::now_ms();
    let visible_at = lease::until(now_ms, delay.unwrap_or_default());
    let delayed = visible_at > now_ms;
    conn.prepare_cached(
        "UPDATE orchestrator_queue SET lock_token = NULL, state = ?3, visible_at = ?4,
             attempt_count = MAX(0, attempt_count - ?5)
         WHERE instance_id = ?1 AND lock_token = ?2",
    )?
    .execute(params![instance, token, if delayed { 0 } else { 1 }, int(visible_at), i64::from(ignore_attempt)])?;
    if delayed {
        wakes.given_back(WorkQueue::Orchestrator, visible_at, !ignore_attempt);
    } else {
        wakes.ready(WorkQueue::Orchestrator);
    }
    Ok(ready::release(conn, &instance, wakes)?)
}

/// The receiver is gone: as if the batch had not been fetched.
pub(super) fn give_back(conn: &Connection, token: &str, wakes: &mut Wakes) -> Result<(), StoreError> {
    abandon(conn, token, None, true, wakes)
}

/// Extends a live lease.
pub(super) fn renew(conn: &Connection, token: &str, extend_for: Duration, wakes: &mut Wakes) -> Result<(), StoreError> {
    wakes.queue_leased(conn, token)?;
    let (instance, mut lease) = find_lease(conn, token)?;
    lease.renew(token, clock::now_ms(), extend_for)?;
    conn.prepare_cached("UPDATE instance_locks SET locked_until = ?2 WHERE instance_id = ?1")?
        .execute(params![instance, int(lease.until_ms)])?;
    Ok(())
}
