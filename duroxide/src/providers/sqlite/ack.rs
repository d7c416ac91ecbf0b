//! One transaction: the steps of a commit, one named function per step.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::fetch::find_lease;
use super::handing::Handing;
use super::history::{self, EventRow};
use super::kv::{self, KvChange};
use super::ready;
use super::row::{ActivityRow, MessageRow, int};
use super::wakes::Wakes;
use super::{admin, basis, worker};
use crate::clock;
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::event::{Event, EventKind};
use crate::model::item::ScheduledActivityIdentifier;
use crate::model::status::Stand;
use crate::model::work_item::WorkItem;
use crate::providers::express::{Committed, Handover, Head, Leased};
use crate::providers::signal::WorkSignal;

/// A commit as rows, serialized by the caller, so that the writer's thread does not have to.
#[derive(Debug)]
pub(super) struct Ack {
    token: String,
    execution_id: u64,
    events: Vec<EventRow>,
    kv: Vec<KvChange>,
    /// The last change of the custom status, if any.
    custom_status: Option<Option<String>>,
    activities: Vec<ActivityRow>,
    messages: Vec<MessageRow>,
    metadata: ExecutionMetadata,
    cancelled: Vec<ScheduledActivityIdentifier>,
    /// Whether clients that wait for the instance see a difference.
    is_news: bool,
    /// To whom its activities may be handed at once.
    offer: Option<Offer>,
    /// How it ended the instance, if somebody of this process waits for that.
    end: Option<Stand>,
}

impl Ack {
    /// Refuses event id 0.
    pub(super) fn new(token: &str, commit: Commit, signal: &WorkSignal) -> Result<Self, StoreError> {
        let ended = commit.delta.iter().find(|event| event.is_terminal());
        let watched = ended.filter(|event| signal.is_watched(&event.instance_id));
        Ok(Ack {
            offer: None,
            is_news: commit.delta.iter().any(is_news),
            end: watched.and_then(|event| Stand::ended_by(&event.kind)),
            token: token.to_owned(),
            execution_id: commit.execution_id,
            events: history::to_rows(&commit.delta)?,
            kv: kv::changes(&commit.delta),
            custom_status: last_custom_status(&commit.delta),
            activities: commit.worker_items.into_iter().map(ActivityRow::new).collect::<Result<_, _>>()?,
            messages: commit
                .orchestrator_items
                .iter()
                .filter(|item| !matches!(item, WorkItem::ActivityExecute { .. }))
                .map(MessageRow::new)
                .collect::<Result<_, _>>()?,
            metadata: commit.metadata,
            cancelled: commit.cancelled_activities,
        })
    }

    /// Where history ends when this turn, based on `base`, is committed.
    pub(super) fn head_after(&self, base: Head) -> Head {
        history::head_after(base, self.execution_id, &self.events)
    }

    /// The same, some of whose activities the caller would run at once.
    pub(super) fn offering(mut self, offer: Offer) -> Self {
        self.offer = Some(offer);
        self
    }
}

/// Whoever commits would run some of the new activities at once.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) handover: Handover,
    pub(super) owner: Arc<str>,
}

fn last_custom_status(delta: &[Event]) -> Option<Option<String>> {
    delta.iter().rev().find_map(|event| match &event.kind {
        EventKind::CustomStatusUpdated { status } => Some(status.clone()),
        _ => None,
    })
}

/// Whether a waiting client sees a difference.
fn is_news(event: &Event) -> bool {
    event.is_terminal() || matches!(event.kind, EventKind::CustomStatusUpdated { .. } | EventKind::KeyValueSet { .. })
}

/// Commits one turn; returns the activities that were handed over. On an error nothing changes: the writer rolls back
/// to where the request began.
pub(super) fn ack(conn: &Connection, ack: &Ack, wakes: &mut Wakes) -> Result<Vec<Leased>, StoreError> {
    let now_ms = clock::now_ms();
    let carried = wakes.turn_of(conn, &ack.token)?;
    let is_leased = carried.is_none();
    let instance = match carried {
        Some(instance) => instance,
        None => claim(conn, &ack.token, now_ms, wakes)?,
    };
    upsert_instance(conn, &instance, ack, now_ms)?;
    upsert_execution(conn, &instance, ack, now_ms)?;
    let leased = apply(conn, &instance, ack, now_ms, wakes)?;
    if is_leased {
        release(conn, &instance, wakes)?;
    }
    Ok(leased)
}

/// Activities that ended, and the turn to which that led.
#[derive(Debug)]
pub(super) struct Completing {
    pub(super) tokens: Vec<String>,
    pub(super) instance: String,
    pub(super) base: Head,
    /// Where history ends afterwards.
    pub(super) head: Head,
    pub(super) turn: Ack,
}

/// Removes the activities and commits the turn. `None` when the turn is not what a lease holder would have committed.
pub(super) fn complete(
    conn: &Connection,
    completing: &Completing,
    seen: u64,
    wakes: &mut Wakes,
) -> Result<Option<Committed>, StoreError> {
    let Completing { tokens, instance, base, head, turn } = completing;
    let now_ms = clock::now_ms();
    if wakes.is_on_its_way(instance) || !basis::is_left_to_completions(conn, instance, base, seen)? {
        return Ok(None);
    }
    for token in tokens {
        worker::remove(conn, token, now_ms)?;
    }
    upsert_instance(conn, instance, turn, now_ms)?;
    let leased = apply(conn, instance, turn, now_ms, wakes)?;
    Ok(Some(Committed { head: Head { seen, ..*head }, leased }))
}

/// What a turn changes, whoever proved that it may.
fn apply(
    conn: &Connection,
    instance: &str,
    ack: &Ack,
    now_ms: u64,
    wakes: &mut Wakes,
) -> Result<Vec<Leased>, StoreError> {
    append_history(conn, instance, ack)?;
    materialize_kv(conn, instance, ack)?;
    let leased = enqueue_workers(conn, ack, now_ms, wakes)?;
    steal_cancelled(conn, ack)?;
    enqueue_orchestrators(conn, ack, now_ms, wakes)?;
    close_execution(conn, instance, ack, now_ms)?;
    tell(conn, instance, ack, wakes)?;
    Ok(leased)
}

/// Proves the lease and takes its batch out of the queue.
fn claim(conn: &Connection, token: &str, now_ms: u64, wakes: &mut Wakes) -> Result<String, StoreError> {
    wakes.queue_leased(conn, token)?;
    let (instance, lease) = find_lease(conn, token)?;
    lease.check(token, now_ms)?;
    conn.prepare_cached("DELETE FROM orchestrator_queue WHERE instance_id = ?1 AND lock_token = ?2")?
        .execute([instance.as_str(), token])?;
    Ok(instance)
}

/// Only a turn that names its orchestration creates or renames the instance; the parent never changes. The status is
/// written by the turns that change it, because it stands in indexes.
fn upsert_instance(conn: &Connection, instance: &str, ack: &Ack, now_ms: u64) -> Result<(), StoreError> {
    let meta = &ack.metadata;
    let (set, status) = match &ack.custom_status {
        Some(status) => (1, status.as_deref()),
        None => (0, None),
    };
    let execution_id = int(ack.execution_id);
    match (&meta.orchestration_name, &meta.orchestration_version, meta.status.as_deref()) {
        (Some(name), Some(version), listed) => conn.prepare_cached(NAMED)?.execute(params![
            instance,
            name,
            version,
            execution_id,
            meta.parent_instance_id,
            int(now_ms),
            set,
            status,
            listed.unwrap_or("Running")
        ])?,
        (_, _, None) => {
            conn.prepare_cached(UNNAMED)?.execute(params![instance, execution_id, int(now_ms), set, status])?
        }
        (_, _, Some(listed)) => {
            conn.prepare_cached(ENDING)?.execute(params![instance, execution_id, int(now_ms), set, status, listed])?
        }
    };
    Ok(())
}

const NAMED: &str = "INSERT INTO instances (instance_id, orchestration_name, orchestration_version,
         current_execution_id, parent_instance_id, created_at, updated_at, custom_status, custom_status_version,
         status)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?8, ?7, ?9)
     ON CONFLICT DO UPDATE SET orchestration_name = ?2, orchestration_version = ?3,
         status = IIF(?4 >= current_execution_id, ?9, status),
         current_execution_id = MAX(current_execution_id, ?4), updated_at = ?6,
         custom_status = IIF(?7, ?8, custom_status), custom_status_version = custom_status_version + ?7";

/// A turn of an instance that goes on says nothing here but when it was: that is written once a second.
const UNNAMED: &str = "UPDATE instances SET current_execution_id = MAX(current_execution_id, ?2), updated_at = ?3,
         custom_status = IIF(?4, ?5, custom_status), custom_status_version = custom_status_version + ?4
     WHERE instance_id = ?1 AND (?4 OR current_execution_id < ?2 OR updated_at NOT BETWEEN ?3 - 999 AND ?3)";

const ENDING: &str = "UPDATE instances SET status = IIF(?2 >= current_execution_id, ?6, status),
         current_execution_id = MAX(current_execution_id, ?2), updated_at = ?3,
         custom_status = IIF(?4, ?5, custom_status), custom_status_version = custom_status_version + ?4
     WHERE instance_id = ?1";

/// An execution began without naming its orchestration: it is listed all the same.
const BEGUN: &str = "UPDATE instances SET status = 'Running'
     WHERE instance_id = ?1 AND current_execution_id = ?2 AND status <> 'Running' AND EXISTS
         (SELECT 1 FROM executions e WHERE e.instance_id = ?1 AND e.execution_id = ?2 AND e.status = 'Running')";

/// The row of the execution that this turn belongs to; pinned to a version only when the turn names one.
fn upsert_execution(conn: &Connection, instance: &str, ack: &Ack, now_ms: u64) -> Result<(), StoreError> {
    let key = (instance, int(ack.execution_id), int(now_ms));
    let meta = &ack.metadata;
    let begun = match &meta.pinned_duroxide_version {
        None => conn
            .prepare_cached(
                "INSERT OR IGNORE INTO executions (instance_id, execution_id, started_at) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![key.0, key.1, key.2])?,
        Some(pinned) => conn
            .prepare_cached(
                "INSERT INTO executions (instance_id, execution_id, started_at, duroxide_version_major,
                     duroxide_version_minor, duroxide_version_patch) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET duroxide_version_major = ?4, duroxide_version_minor = ?5,
                     duroxide_version_patch = ?6",
            )?
            .execute(params![key.0, key.1, key.2, int(pinned.major), int(pinned.minor), int(pinned.patch)])?,
    };
    // A turn that names both wrote the status with them.
    let is_named = meta.orchestration_name.is_some() && meta.orchestration_version.is_some();
    if begun > 0 && meta.status.is_none() && !is_named {
        conn.prepare_cached(BEGUN)?.execute(params![key.0, key.1])?;
    }
    Ok(())
}

fn append_history(conn: &Connection, instance: &str, ack: &Ack) -> Result<(), StoreError> {
    history::append(conn, instance, ack.execution_id, &ack.events)
}

/// When the execution ends, its changes become what the next one finds.
fn materialize_kv(conn: &Connection, instance: &str, ack: &Ack) -> Result<(), StoreError> {
    kv::apply(conn, instance, &ack.kv)?;
    if matches!(ack.metadata.status.as_deref(), Some("Completed" | "Failed" | "ContinuedAsNew")) {
        kv::fold(conn, instance)?;
    }
    Ok(())
}

/// An activity both asked for and cancelled comes to nothing: nobody may be handed it in between.
fn enqueue_workers(conn: &Connection, ack: &Ack, now_ms: u64, wakes: &mut Wakes) -> Result<Vec<Leased>, StoreError> {
    let mut leased = Vec::new();
    let most = ack.offer.as_ref().map_or(0, |offer| offer.handover.max.min(ack.activities.len()));
    let mut handing =
        ack.offer.as_ref().filter(|_| most > 0).map(|offer| Handing::new(conn, &offer.handover, &offer.owner, now_ms));
    for (index, activity) in ack.activities.iter().enumerate().filter(|(_, activity)| !is_cancelled(ack, activity)) {
        let token = match &mut handing {
            Some(handing) if index < most => handing.enqueue(activity)?,
            Some(handing) => {
                handing.store()?;
                None
            }
            None => None,
        };
        match token {
            Some(token) => leased.push(Leased { index, token }),
            None => worker::enqueue(conn, activity, now_ms, wakes)?,
        }
    }
    if let Some(handing) = &mut handing {
        handing.store()?;
    }
    Ok(leased)
}

fn is_cancelled(ack: &Ack, activity: &ActivityRow) -> bool {
    activity.identity.as_ref().is_some_and(|(instance, execution_id, id)| {
        let is_it = |cancelled: &ScheduledActivityIdentifier| {
            // Numbers first: a turn may ask for thousands and cancel thousands.
            cancelled.activity_id == *id && cancelled.execution_id == *execution_id && cancelled.instance == *instance
        };
        ack.cancelled.iter().any(is_it)
    })
}

fn steal_cancelled(conn: &Connection, ack: &Ack) -> Result<(), StoreError> {
    for activity in &ack.cancelled {
        conn.prepare_cached(
            "DELETE FROM worker_queue WHERE instance_id = ?1 AND execution_id = ?2 AND activity_id = ?3",
        )?
        .execute(params![activity.instance, int(activity.execution_id), int(activity.activity_id)])?;
    }
    Ok(())
}

fn enqueue_orchestrators(conn: &Connection, ack: &Ack, now_ms: u64, wakes: &mut Wakes) -> Result<(), StoreError> {
    for message in &ack.messages {
        let visible_at = message.fire_at_ms.unwrap_or(now_ms);
        ready::enqueue(conn, message, visible_at, now_ms, wakes)?;
    }
    Ok(())
}

/// Status and output are what the metadata says, whatever the events are.
fn close_execution(conn: &Connection, instance: &str, ack: &Ack, now_ms: u64) -> Result<(), StoreError> {
    let Some(status) = &ack.metadata.status else {
        return Ok(());
    };
    let completed_at = (status != "Running").then(|| int(now_ms));
    conn.prepare_cached(
        "UPDATE executions SET status = ?3, output = ?4, completed_at = ?5
         WHERE instance_id = ?1 AND execution_id = ?2",
    )?
    .execute(params![instance, int(ack.execution_id), status, ack.metadata.output, completed_at])?;
    Ok(())
}

/// Clients that wait need not look for what is known here.
fn tell(conn: &Connection, instance: &str, ack: &Ack, wakes: &mut Wakes) -> Result<(), StoreError> {
    if !ack.is_news {
        return Ok(());
    }
    let end = match &ack.end {
        None => None,
        Some(stand) => {
            let (custom_status, version) = admin::custom_status(conn, instance, 0)?.unwrap_or_default();
            Some(stand.clone().with_custom_status(custom_status, version))
        }
    };
    wakes.news(instance.to_owned(), end);
    Ok(())
}

/// Ends the lease; what arrived during the turn may be taken.
fn release(conn: &Connection, instance: &str, wakes: &mut Wakes) -> Result<(), StoreError> {
    Ok(ready::release(conn, instance, wakes)?)
}
