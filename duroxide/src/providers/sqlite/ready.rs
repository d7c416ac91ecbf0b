//! Which rows may be taken next: delayed, ready, held or parked.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::time::Instant;

use super::error::StoreError;
use super::row::{MessageRow, int, uint};
use super::wakes::Wakes;
use crate::clock;
use crate::lease::Claim;
use crate::model::limits::ORPHANS_KEPT;
use crate::providers::signal::{WorkQueue, WorkSignal};

/// What a claimant of this file brings along: its fence is above all that were told, whatever was released or deleted since.
pub(super) fn claim<'a>(
    conn: &Connection,
    owner: &'a str,
    token: String,
    timeout: Duration,
    now_ms: u64,
) -> rusqlite::Result<Claim<'a>> {
    Ok(Claim { owner, token, last_fence: last_fence(conn)?, now_ms, timeout })
}

/// The last fence that anybody was told. A fence is written with its lease, and counted when it is told: until then no other
/// system can know it, and it does not matter that the next lease has the same.
pub(super) fn last_fence(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT fence FROM duroxide_store")?.query_row([], |row| uint(row, 0))
}

// What every turn writes does so without RETURNING, and without changing the index by which it finds its rows: SQLite
// would set up a table of its own for it each time, which costs more than all the rest.
const ENQUEUE: &str = "INSERT INTO orchestrator_queue (instance_id, work_item, visible_at, enqueued_at, state)
     VALUES (?1, ?2, ?3, ?4, ?5)";
const FREE: &str = "UPDATE orchestrator_queue SET state = 1 WHERE instance_id = ?1 AND state IN (2, 3)";

/// The statements above, for the test that looks at their plans.
#[cfg(test)]
pub(super) const HOT: &[&str] = &[ENQUEUE, FREE];

/// Puts a message into the queue of its instance, visible from then on.
pub(super) fn enqueue(
    conn: &Connection,
    message: &MessageRow,
    visible_at: u64,
    now_ms: u64,
    wakes: &mut Wakes,
) -> Result<(), StoreError> {
    wakes.queue_carried(conn, &message.instance)?;
    let held = || {
        conn.prepare_cached("SELECT 1 FROM instance_locks WHERE instance_id = ?1 AND lapsed = 0")?
            .query_row([&message.instance], |_| Ok(()))
            .optional()
    };
    let state = match visible_at > now_ms {
        true => 0,
        false if held()?.is_some() => 2,
        false => 1,
    };
    conn.prepare_cached(ENQUEUE)?.execute(params![
        message.instance,
        message.json,
        int(visible_at),
        int(now_ms),
        state
    ])?;
    match state {
        0 => wakes.ready_at(WorkQueue::Orchestrator, visible_at),
        1 => wakes.ready(WorkQueue::Orchestrator),
        // Held: whoever holds the instance wakes them when it lets go.
        _ => {}
    }
    Ok(())
}

/// Messages that fell due, and messages of instances whose lease ran out, may be taken from now on.
pub(super) fn promote_messages(conn: &Connection, now_ms: u64) -> rusqlite::Result<()> {
    let due = "SELECT 1 FROM orchestrator_queue WHERE state = 0 AND visible_at <= ?1 LIMIT 1";
    if exists(conn, due, now_ms)? {
        conn.prepare_cached(
            "UPDATE orchestrator_queue SET state = CASE
                 WHEN EXISTS (SELECT 1 FROM instance_locks l
                              WHERE l.instance_id = orchestrator_queue.instance_id AND l.lapsed = 0) THEN 2
                 ELSE 1 END
             WHERE state = 0 AND visible_at <= ?1",
        )?
        .execute([int(now_ms)])?;
    }
    let lapsed = "SELECT 1 FROM instance_locks WHERE lapsed = 0 AND locked_until <= ?1 LIMIT 1";
    if exists(conn, lapsed, now_ms)? {
        conn.prepare_cached(
            "UPDATE orchestrator_queue SET state = 1 WHERE state = 2 AND instance_id IN
                 (SELECT instance_id FROM instance_locks WHERE lapsed = 0 AND locked_until <= ?1)",
        )?
        .execute([int(now_ms)])?;
        conn.prepare_cached("UPDATE instance_locks SET lapsed = 1 WHERE lapsed = 0 AND locked_until <= ?1")?
            .execute([int(now_ms)])?;
    }
    Ok(())
}

/// Activities that fell due, and activities whose lease ran out, may be taken from now on.
pub(super) fn promote_activities(conn: &Connection, now_ms: u64) -> rusqlite::Result<()> {
    let due = "SELECT 1 FROM worker_queue WHERE state = 0 AND visible_at <= ?1 LIMIT 1";
    if exists(conn, due, now_ms)? {
        conn.prepare_cached("UPDATE worker_queue SET state = 1 WHERE state = 0 AND visible_at <= ?1")?
            .execute([int(now_ms)])?;
    }
    let lapsed = "SELECT 1 FROM worker_queue WHERE state = 2 AND locked_until <= ?1 LIMIT 1";
    if exists(conn, lapsed, now_ms)? {
        conn.prepare_cached("UPDATE worker_queue SET state = 1 WHERE state = 2 AND locked_until <= ?1")?
            .execute([int(now_ms)])?;
    }
    Ok(())
}

/// The instance is leased: its messages wait until that ends. Its end may have been noticed before, by a clock that was
/// set back since; then it must be noticed again.
pub(super) fn hold(conn: &Connection, instance: &str) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE instance_locks SET lapsed = 0 WHERE instance_id = ?1")?.execute([instance])?;
    conn.prepare_cached("UPDATE orchestrator_queue SET state = 2 WHERE instance_id = ?1 AND state = 1")?
        .execute([instance])?;
    Ok(())
}

/// Ends the lease of an instance; what arrived meanwhile, or waited for the instance to exist, may be taken.
pub(super) fn release(conn: &Connection, instance: &str, wakes: &mut Wakes) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM instance_locks WHERE instance_id = ?1")?.execute([instance])?;
    let freed = conn.prepare_cached(FREE)?.execute([instance])?;
    if freed > 0 {
        wakes.ready(WorkQueue::Orchestrator);
    }
    Ok(())
}

/// Puts messages aside until their instance exists: they must neither block the queue's head nor be lost at once. The
/// batch that starts the instance takes them along, because it takes all that is visible.
pub(super) fn park(conn: &Connection, instance: &str, now_ms: u64) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE orchestrator_queue SET state = 3 WHERE instance_id = ?1 AND state = 1")?
        .execute([instance])?;
    drop_stale(conn, now_ms)
}

/// The instance exists now: what waited for it may be taken.
pub(super) fn unpark(conn: &Connection, instance: &str, wakes: &mut Wakes) -> rusqlite::Result<()> {
    let freed = conn
        .prepare_cached("UPDATE orchestrator_queue SET state = 1 WHERE instance_id = ?1 AND state = 3")?
        .execute([instance])?;
    if freed > 0 {
        wakes.ready(WorkQueue::Orchestrator);
    }
    Ok(())
}

/// A message has waited since it could be taken, not since it was sent; and one whose start is queued, but delayed, is
/// no orphan.
fn drop_stale(conn: &Connection, now_ms: u64) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "DELETE FROM orchestrator_queue WHERE state = 3 AND enqueued_at < ?1 AND visible_at < ?1 AND NOT EXISTS
             (SELECT 1 FROM orchestrator_queue start WHERE start.instance_id = orchestrator_queue.instance_id
                  AND (start.work_item GLOB '{\"StartOrchestration\"*' OR start.work_item GLOB '{\"ContinueAsNew\"*'))",
    )?
    .execute([int(now_ms.saturating_sub(clock::as_ms(ORPHANS_KEPT)))])?;
    Ok(())
}

/// After other programs may have touched the tables: no row stays held by a lease that does not exist, and none waits
/// for an instance that does. Returns how many rows were freed.
pub(super) fn repair(conn: &Connection, now_ms: u64) -> rusqlite::Result<usize> {
    let freed = FREE_ALL.iter().map(|sql| conn.execute(sql, [])).sum::<rusqlite::Result<usize>>()?;
    drop_stale(conn, now_ms)?;
    Ok(freed)
}

const FREE_ALL: [&str; 3] = [
    "UPDATE orchestrator_queue SET state = 1 WHERE state = 2 AND NOT EXISTS
         (SELECT 1 FROM instance_locks l WHERE l.instance_id = orchestrator_queue.instance_id AND l.lapsed = 0)",
    "UPDATE orchestrator_queue SET state = 1 WHERE state = 3 AND
         (EXISTS (SELECT 1 FROM instances i WHERE i.instance_id = orchestrator_queue.instance_id)
             OR EXISTS (SELECT 1 FROM history h WHERE h.instance_id = orchestrator_queue.instance_id
                 AND h.event_type = 'OrchestrationStarted'))",
    "UPDATE worker_queue SET state = 1 WHERE state = 2 AND (lock_token IS NULL OR locked_until IS NULL)",
];

/// How many delayed rows a store just opened puts before the signal; the rest is found by polling.
const SEEDED_ROWS: usize = 10_000;

/// When delayed rows fall due and leases run out, soonest first. A lease that another program spoilt has no end.
const SOONEST: [(WorkQueue, &str); 4] = [
    (WorkQueue::Orchestrator, "SELECT visible_at FROM orchestrator_queue WHERE state = 0 ORDER BY visible_at LIMIT ?1"),
    (
        WorkQueue::Orchestrator,
        "SELECT locked_until FROM instance_locks WHERE lapsed = 0 ORDER BY locked_until LIMIT ?1",
    ),
    (WorkQueue::Worker, "SELECT visible_at FROM worker_queue WHERE state = 0 ORDER BY visible_at LIMIT ?1"),
    (
        WorkQueue::Worker,
        "SELECT locked_until FROM worker_queue WHERE state = 2 AND locked_until > 0 ORDER BY locked_until LIMIT ?1",
    ),
];

/// Tells the signal of a store just opened when the next delayed rows fall due and leases run out.
pub(super) fn seed(conn: &Connection, signal: &WorkSignal) -> rusqlite::Result<()> {
    for (queue, sql) in SOONEST {
        let mut statement = conn.prepare(sql)?;
        for at_ms in statement.query_map([SEEDED_ROWS as i64], |row| uint(row, 0))? {
            signal.ready_at(queue, at_ms?);
        }
    }
    Ok(())
}

/// What others have delayed, as far as it was told of: the soonest of each kind.
#[derive(Debug, Default)]
pub(super) struct Foreseen {
    told: [Option<u64>; SOONEST.len()],
    looked: Option<Instant>,
}

/// How long a look at what is delayed counts, when nobody else has written since.
const FORESEEN_FOR: Duration = Duration::from_secs(1);

impl Foreseen {
    /// Whether rows may have come to the front that were never told of: more are delayed than a store tells of when it
    /// opens.
    pub(super) fn is_old(&self) -> bool {
        self.looked.is_none_or(|at| at.elapsed() >= FORESEEN_FOR)
    }

    /// Others wrote: tells when the soonest of their rows falls due, so that whoever gave it back is not always the first
    /// to see it.
    pub(super) fn look(&mut self, conn: &Connection, signal: &WorkSignal) -> rusqlite::Result<()> {
        self.looked = Some(Instant::now());
        for ((queue, sql), told) in SOONEST.into_iter().zip(&mut self.told) {
            let soonest = conn.prepare_cached(sql)?.query_row([1], |row| uint(row, 0)).optional()?;
            // Told once: a distant time must not pile up in the signal.
            if soonest != *told
                && let Some(at_ms) = soonest
            {
                signal.ready_at(queue, at_ms);
            }
            *told = soonest;
        }
        Ok(())
    }
}

fn exists(conn: &Connection, sql: &str, now_ms: u64) -> rusqlite::Result<bool> {
    Ok(conn.prepare_cached(sql)?.query_row([int(now_ms)], |_| Ok(())).optional()?.is_some())
}
