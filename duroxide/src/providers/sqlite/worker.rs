//! Take, ack, abandon and renew an activity.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::ready;
use super::row::{self, ActivityRow, MessageRow, int, opt_uint, quarantine, row_of, text, token_of, uint};
use super::session;
use super::wakes::Wakes;
use crate::lease::{Claim, Lease, Refusal};
use crate::model::filter::{SessionFetchConfig, TagFilter};
use crate::model::item::ScheduledActivityIdentifier;
use crate::model::work_item::WorkItem;
use crate::observe::target;
use crate::providers::signal::WorkQueue;
use crate::providers::unreadable::{self, LEFT_TO_OTHERS, Reading};
use crate::{clock, lease};

/// Which activity a worker asks for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) lock_timeout: Duration,
    pub(super) session: Option<SessionFetchConfig>,
    pub(super) tags: TagFilter,
}

/// A leased activity.
#[derive(Debug)]
pub(super) struct TakenActivity {
    pub(super) item: WorkItem,
    pub(super) token: String,
    pub(super) attempts: u32,
}

/// Puts an activity into the queue, visible now.
pub(super) fn enqueue(
    conn: &Connection,
    activity: &ActivityRow,
    now_ms: u64,
    wakes: &mut Wakes,
) -> rusqlite::Result<()> {
    let identity = activity.identity.as_ref();
    conn.prepare_cached(
        "INSERT INTO worker_queue (work_item, instance_id, execution_id, activity_id, session_id, tag, visible_at, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)",
    )?
    .execute(params![
        activity.json,
        identity.map(|(instance, _, _)| instance),
        identity.map(|(_, execution_id, _)| int(*execution_id)),
        identity.map(|(_, _, activity_id)| int(*activity_id)),
        activity.session_id,
        activity.tag,
        int(now_ms)
    ])?;
    wakes.ready(WorkQueue::Worker);
    Ok(())
}

/// Leases up to `max` activities. Only the first may belong to a session.
pub(super) fn fetch_many(
    conn: &Connection,
    max: usize,
    wanted: &Wanted,
    owner: &str,
    wakes: &mut Wakes,
) -> Result<Vec<TakenActivity>, StoreError> {
    let mut taken: Vec<TakenActivity> = Vec::new();
    let sessions = wanted.session.is_some() && sessions_wait(conn)?;
    if sessions || !matches!(wanted.tags, TagFilter::DefaultOnly) {
        taken.extend(fetch(conn, wanted, owner, wakes)?);
    } else {
        ready::promote_activities(conn, clock::now_ms())?;
        taken = take_rest(conn, max, wanted, owner, wakes)?;
    }
    let plain = Wanted { session: None, ..wanted.clone() };
    while !taken.is_empty() && taken.len() < max {
        match take_rest(conn, max - taken.len(), &plain, owner, wakes)? {
            more if more.is_empty() => break,
            more => taken.extend(more),
        }
    }
    Ok(taken)
}

fn sessions_wait(conn: &Connection) -> rusqlite::Result<bool> {
    let found = conn
        .prepare_cached("SELECT 1 FROM worker_queue WHERE session_id IS NOT NULL LIMIT 1")?
        .query_row([], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// Without tags, all that is asked for is taken in one statement; with tags, one by one. Empty only when nothing is
/// left that can be read.
fn take_rest(
    conn: &Connection,
    max: usize,
    wanted: &Wanted,
    owner: &str,
    wakes: &mut Wakes,
) -> Result<Vec<TakenActivity>, StoreError> {
    if !matches!(wanted.tags, TagFilter::DefaultOnly) {
        return Ok(fetch(conn, wanted, owner, wakes)?.into_iter().collect());
    }
    let now_ms = clock::now_ms();
    loop {
        let ready = ready_rows(conn, max, now_ms)?;
        if ready.is_empty() {
            return Ok(Vec::new());
        }
        let last_fence = ready::last_fence(conn)?;
        let mut taken = Vec::with_capacity(ready.len());
        for (id, json, attempts) in ready {
            let Some(item) = read_or_set_aside(conn, id, &json, now_ms, wakes)? else {
                continue;
            };
            let claim = Claim { owner, token: token_of(id), last_fence, now_ms, timeout: wanted.lock_timeout };
            let lease = lease::claim(None, claim).expect("rows that somebody holds were left out");
            take(conn, id, &lease)?;
            taken.push(TakenActivity { item, token: lease.token, attempts: attempts.saturating_add(1) });
        }
        if !taken.is_empty() {
            return Ok(taken);
        }
    }
}

/// The earliest rows without session and tag that nobody holds: id, activity, attempts.
fn ready_rows(conn: &Connection, max: usize, now_ms: u64) -> rusqlite::Result<Vec<(i64, String, u32)>> {
    conn.prepare_cached(READY_ROWS)?
        .query_map(params![int(now_ms), i64::try_from(max).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, text(row, 1)?, u32::try_from(uint(row, 2)?).unwrap_or(u32::MAX)))
        })?
        .collect()
}

const READY_ROWS: &str = "SELECT id, work_item, attempt_count FROM worker_queue
     WHERE state = 1 AND session_id IS NULL AND tag IS NULL AND visible_at <= ?1
         AND (lock_token IS NULL OR locked_until IS NULL OR locked_until <= ?1)
     ORDER BY id LIMIT ?2";

const TAKE: &str = "UPDATE worker_queue SET state = 2, lock_token = ?2, locked_until = ?3, owner = ?4, fence = ?5,
     attempt_count = attempt_count + 1 WHERE id = ?1";

/// Statements that every activity costs, for the test that looks at their plans.
#[cfg(test)]
pub(super) const HOT: &[&str] = &[REMOVE_PLAIN, READY_ROWS, TAKE];

/// Leases the earliest activity that may be taken and passes the tag and session rules.
pub(super) fn fetch(
    conn: &Connection,
    wanted: &Wanted,
    owner: &str,
    wakes: &mut Wakes,
) -> Result<Option<TakenActivity>, StoreError> {
    let now_ms = clock::now_ms();
    ready::promote_activities(conn, now_ms)?;
    while let Some(id) = candidate(conn, wanted, now_ms)? {
        let row = load(conn, id)?;
        let Some(item) = read_or_set_aside(conn, id, &row.json, now_ms, wakes)? else {
            continue;
        };
        if let (Some(session_id), Some(session)) = (&row.session_id, &wanted.session)
            && !session::claim(conn, session_id, session, owner, now_ms)?
        {
            return Ok(None);
        }
        let claim = ready::claim(conn, owner, token_of(id), wanted.lock_timeout, now_ms)?;
        let Some(lease) = lease::claim(row.held.as_ref(), claim) else {
            hold(conn, id)?;
            continue;
        };
        take(conn, id, &lease)?;
        return Ok(Some(TakenActivity { item, token: lease.token, attempts: row.attempts.saturating_add(1) }));
    }
    Ok(None)
}

struct StoredActivity {
    json: String,
    session_id: Option<String>,
    attempts: u32,
    held: Option<Lease>,
}

fn load(conn: &Connection, id: i64) -> rusqlite::Result<StoredActivity> {
    conn.prepare_cached(
        "SELECT work_item, session_id, attempt_count, owner, lock_token, fence, locked_until
         FROM worker_queue WHERE id = ?1",
    )?
    .query_row([id], |row| {
        Ok(StoredActivity {
            json: text(row, 0)?,
            session_id: row.get(1)?,
            attempts: u32::try_from(uint(row, 2)?).unwrap_or(u32::MAX),
            held: row::lease(row, 3)?,
        })
    })
}

fn take(conn: &Connection, id: i64, lease: &Lease) -> rusqlite::Result<()> {
    conn.prepare_cached(TAKE)?.execute(params![id, lease.token, int(lease.until_ms), lease.owner, int(lease.fence)])?;
    Ok(())
}

/// Somebody holds the activity, although it looked free: another program moved rows.
fn hold(conn: &Connection, id: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE worker_queue SET state = 2 WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// The item in a row. One that cannot be read goes out of everybody's way: for a while, if a later version may know
/// it, and else for good; then its orchestration is told, which would wait for ever.
fn read_or_set_aside(
    conn: &Connection,
    id: i64,
    json: &str,
    now_ms: u64,
    wakes: &mut Wakes,
) -> Result<Option<WorkItem>, StoreError> {
    match unreadable::read(json) {
        Reading::Item(item) => return Ok(Some(item)),
        Reading::LaterKind(kind) => leave_to_others(conn, id, &kind, now_ms, wakes)?,
        Reading::Unreadable(reason) => set_aside(conn, id, json, &reason, now_ms, wakes)?,
    }
    Ok(None)
}

fn leave_to_others(conn: &Connection, id: i64, kind: &str, now_ms: u64, wakes: &mut Wakes) -> rusqlite::Result<()> {
    tracing::warn!(target: target::SQLITE, row = id, kind, "an activity of a kind that this version does not know waits for a later one");
    let visible_at = lease::until(now_ms, LEFT_TO_OTHERS);
    conn.prepare_cached("UPDATE worker_queue SET state = 0, visible_at = ?2 WHERE id = ?1")?
        .execute(params![id, int(visible_at)])?;
    wakes.ready_at(WorkQueue::Worker, visible_at);
    Ok(())
}

fn set_aside(
    conn: &Connection,
    id: i64,
    json: &str,
    reason: &str,
    now_ms: u64,
    wakes: &mut Wakes,
) -> Result<(), StoreError> {
    let (instance, execution_id, activity_id) =
        conn.query_row("SELECT instance_id, execution_id, activity_id FROM worker_queue WHERE id = ?1", [id], |row| {
            Ok((row.get::<_, Option<String>>(0)?, opt_uint(row, 1)?, opt_uint(row, 2)?))
        })?;
    let kept = quarantine(conn, "worker", instance.as_deref(), json, reason, now_ms)?;
    conn.execute("DELETE FROM worker_queue WHERE id = ?1", [id])?;
    if let (Some(instance), Some(execution_id), Some(activity_id)) = (instance, execution_id, activity_id) {
        let of = ScheduledActivityIdentifier { instance, execution_id, activity_id };
        let failure = unreadable::failure(&of, reason, &format!("row {kept} of the table quarantine"));
        ready::enqueue(conn, &MessageRow::new(&failure)?, now_ms, now_ms, wakes)?;
    }
    Ok(())
}

/// One step into an index per tag and kind of row; the earliest of what they find.
fn candidate(conn: &Connection, wanted: &Wanted, now_ms: u64) -> rusqlite::Result<Option<i64>> {
    let mut earliest = first(conn, PLAIN, &wanted.tags, None, now_ms)?;
    if let Some(session) = &wanted.session {
        let pinned = first(conn, PINNED, &wanted.tags, Some(&session.owner_id), now_ms)?;
        earliest = [earliest, pinned].into_iter().flatten().min();
    }
    Ok(earliest)
}

/// What whoever hands over an activity has to know of the queue.
pub(super) struct Queue {
    /// Whether an activity waits that some worker of this store with these tags could take. Those whose delay or lease is
    /// over count whatever their tag: the next fetch sorts them.
    pub(super) waits: bool,
    pub(super) last_id: i64,
    pub(super) last_fence: u64,
}

/// The queue as workers of this store with these tags see it.
pub(super) fn queue(conn: &Connection, tags: &TagFilter, owner: &str, now_ms: u64) -> rusqlite::Result<Queue> {
    let mut queue = conn.prepare_cached(QUEUE)?;
    let (plain, pinned, over, last_id, last_fence): (bool, bool, bool, i64, u64) = queue
        .query_row([int(now_ms)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, uint(row, 4)?)))?;
    let waits = over
        || (plain && first(conn, PLAIN, tags, None, now_ms)?.is_some())
        || (pinned && first(conn, PINNED_HERE, tags, Some(owner), now_ms)?.is_some());
    Ok(Queue { waits, last_id, last_fence })
}

/// Most often nothing waits at all, and one statement tells: rows without and with a session, rows whose time has come, the
/// last row and the last fence.
const QUEUE: &str = "SELECT EXISTS (SELECT 1 FROM worker_queue WHERE state = 1 AND session_id IS NULL),
    EXISTS (SELECT 1 FROM worker_queue WHERE state = 1 AND session_id IS NOT NULL),
    EXISTS (SELECT 1 FROM worker_queue WHERE state = 0 AND visible_at <= ?1)
        OR EXISTS (SELECT 1 FROM worker_queue WHERE state = 2 AND locked_until <= ?1),
    (SELECT COALESCE(MAX(id), 0) FROM worker_queue), (SELECT fence FROM duroxide_store)";

/// How to look among rows without, or with, a session.
struct Lookup {
    /// The earliest row with tag ?1 that is visible at ?2 and free for owner ?3.
    first: &'static str,
    /// The next tag after ?1.
    next_tag: &'static str,
}

const PLAIN: &Lookup = &Lookup {
    first: "SELECT id FROM worker_queue WHERE state = 1 AND session_id IS NULL AND tag IS ?1 AND visible_at <= ?2
                AND ?3 IS ?3
            ORDER BY id LIMIT 1",
    next_tag: "SELECT tag FROM worker_queue WHERE state = 1 AND session_id IS NULL AND tag > ?1 ORDER BY tag LIMIT 1",
};

const PINNED: &Lookup = &Lookup {
    first: "SELECT id FROM worker_queue w
            WHERE state = 1 AND session_id IS NOT NULL AND tag IS ?1 AND visible_at <= ?2 AND NOT EXISTS
                (SELECT 1 FROM sessions s
                 WHERE s.session_id = w.session_id AND s.locked_until > ?2 AND s.worker_id <> ?3)
            ORDER BY id LIMIT 1",
    next_tag: "SELECT tag FROM worker_queue
               WHERE state = 1 AND session_id IS NOT NULL AND tag > ?1 ORDER BY tag LIMIT 1",
};

/// The same for all workers of store ?3: which of them owns a session does not matter.
const PINNED_HERE: &Lookup = &Lookup {
    first: "SELECT id FROM worker_queue w
            WHERE state = 1 AND session_id IS NOT NULL AND tag IS ?1 AND visible_at <= ?2 AND NOT EXISTS
                (SELECT 1 FROM sessions s
                 WHERE s.session_id = w.session_id AND s.locked_until > ?2 AND s.owner <> ?3)
            ORDER BY id LIMIT 1",
    next_tag: PINNED.next_tag,
};

/// The first ?2 rows with tag ?1 and without a session that may be taken: since when, their tag and their text.
pub(super) const PLAIN_HEAD: &str = "SELECT visible_at, tag, work_item FROM worker_queue
     WHERE state = 1 AND session_id IS NULL AND tag IS ?1 ORDER BY id LIMIT ?2";

/// The same with a session.
pub(super) const PINNED_HEAD: &str = "SELECT visible_at, tag, work_item FROM worker_queue
     WHERE state = 1 AND session_id IS NOT NULL AND tag IS ?1 ORDER BY id LIMIT ?2";

/// The tags of rows without a session that may be taken; `None` stands for rows without a tag.
pub(super) fn plain_tags(conn: &Connection) -> rusqlite::Result<Vec<Option<String>>> {
    tags(conn, PLAIN, &TagFilter::Any)
}

/// The tags of rows with a session that may be taken.
pub(super) fn pinned_tags(conn: &Connection) -> rusqlite::Result<Vec<Option<String>>> {
    tags(conn, PINNED, &TagFilter::Any)
}

/// The statements above, for the test that looks at their plans.
#[cfg(test)]
pub(super) const LOOKUPS: &[&str] =
    &[PLAIN.first, PLAIN.next_tag, PINNED.first, PINNED.next_tag, PINNED_HERE.first, QUEUE, PLAIN_HEAD, PINNED_HEAD];

fn first(
    conn: &Connection,
    lookup: &Lookup,
    filter: &TagFilter,
    owner: Option<&str>,
    now_ms: u64,
) -> rusqlite::Result<Option<i64>> {
    let mut statement = conn.prepare_cached(lookup.first)?;
    let mut earliest: Option<i64> = None;
    for tag in tags(conn, lookup, filter)? {
        let id: Option<i64> = statement.query_row(params![tag, int(now_ms), owner], |row| row.get(0)).optional()?;
        earliest = [earliest, id].into_iter().flatten().min();
    }
    Ok(earliest)
}

/// The tags to look for; `None` stands for rows without one.
fn tags(conn: &Connection, lookup: &Lookup, filter: &TagFilter) -> rusqlite::Result<Vec<Option<String>>> {
    Ok(match filter {
        TagFilter::None => Vec::new(),
        TagFilter::DefaultOnly => vec![None],
        TagFilter::Tags(tags) => tags.iter().cloned().map(Some).collect(),
        TagFilter::DefaultAnd(tags) => std::iter::once(None).chain(tags.iter().cloned().map(Some)).collect(),
        TagFilter::Any => {
            let mut all = vec![None, Some(String::new())];
            let mut next = conn.prepare_cached(lookup.next_tag)?;
            while let Some(tag) =
                next.query_row([all.last().and_then(Option::as_deref)], |row| row.get(0)).optional()?
            {
                all.push(Some(tag));
            }
            all
        }
    })
}

pub(super) struct Held {
    pub(super) id: i64,
    pub(super) lease: Lease,
    session_id: Option<String>,
}

/// The activity that a token leases or, as long as nobody else took it, leased.
pub(super) fn find_lease(conn: &Connection, token: &str) -> Result<Held, StoreError> {
    let id = row_of(token).ok_or(Refusal::Unknown)?;
    conn.prepare_cached(
        "SELECT session_id, owner, lock_token, fence, locked_until FROM worker_queue
         WHERE id = ?1 AND lock_token = ?2",
    )?
    .query_row(params![id, token], |row| {
        let session_id = row.get(0)?;
        Ok(row::lease(row, 1)?.map(|lease| Held { id, lease, session_id }))
    })
    .optional()?
    .flatten()
    .ok_or(Refusal::Unknown.into())
}

/// Removes a leased activity and delivers its completion.
pub(super) fn ack(
    conn: &Connection,
    token: &str,
    completion: Option<&MessageRow>,
    wakes: &mut Wakes,
) -> Result<(), StoreError> {
    let now_ms = clock::now_ms();
    remove(conn, token, now_ms)?;
    if let Some(completion) = completion {
        ready::enqueue(conn, completion, now_ms, now_ms, wakes)?;
    }
    Ok(())
}

/// Removes an activity whose lease is live.
pub(super) fn remove(conn: &Connection, token: &str, now_ms: u64) -> Result<(), StoreError> {
    let id = row_of(token).ok_or(Refusal::Unknown)?;
    let removed = conn.prepare_cached(REMOVE_PLAIN)?.execute(params![id, token, int(now_ms)])?;
    if removed > 0 {
        return Ok(());
    }
    // It has a session, or the lease is not what it was.
    let held = find_lease(conn, token)?;
    held.lease.check(token, now_ms)?;
    conn.prepare_cached("DELETE FROM worker_queue WHERE id = ?1")?.execute([held.id])?;
    if let Some(session_id) = &held.session_id {
        session::touch(conn, session_id, now_ms)?;
    }
    Ok(())
}

const REMOVE_PLAIN: &str =
    "DELETE FROM worker_queue WHERE id = ?1 AND lock_token = ?2 AND locked_until > ?3 AND session_id IS NULL";

/// Extends a live lease.
pub(super) fn renew(conn: &Connection, token: &str, extend_for: Duration) -> Result<(), StoreError> {
    let now_ms = clock::now_ms();
    let mut held = find_lease(conn, token)?;
    held.lease.renew(token, now_ms, extend_for)?;
    conn.prepare_cached("UPDATE worker_queue SET locked_until = ?2 WHERE id = ?1")?
        .execute(params![held.id, int(held.lease.until_ms)])?;
    if let Some(session_id) = &held.session_id {
        session::touch(conn, session_id, now_ms)?;
    }
    Ok(())
}

/// Gives an activity back. A lease that ended is accepted as long as nobody else took the activity.
pub(super) fn abandon(
    conn: &Connection,
    token: &str,
    delay: Option<Duration>,
    ignore_attempt: bool,
    wakes: &mut Wakes,
) -> Result<(), StoreError> {
    let held = find_lease(conn, token)?;
    let now_ms = clock::now_ms();
    let visible_at = lease::until(now_ms, delay.unwrap_or_default());
    let delayed = visible_at > now_ms;
    conn.prepare_cached(
        "UPDATE worker_queue SET state = ?2, visible_at = ?3, attempt_count = MAX(0, attempt_count - ?4),
             lock_token = NULL, locked_until = NULL, owner = NULL, fence = NULL
         WHERE id = ?1",
    )?
    .execute(params![held.id, if delayed { 0 } else { 1 }, int(visible_at), i64::from(ignore_attempt)])?;
    if delayed {
        wakes.given_back(WorkQueue::Worker, visible_at, !ignore_attempt);
    } else {
        wakes.ready(WorkQueue::Worker);
    }
    Ok(())
}

/// The receiver is gone: as if the activity had not been fetched.
pub(super) fn give_back(conn: &Connection, token: &str, wakes: &mut Wakes) -> Result<(), StoreError> {
    abandon(conn, token, None, true, wakes)
}
