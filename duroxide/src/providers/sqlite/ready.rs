//! Which rows may be taken next: delayed, ready, held or parked, and whom to wake.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::time::Instant;

use super::carried::{Carried, Offered, Taken, Terms};
use super::error::StoreError;
use super::row::{MessageRow, int, start_of, uint};
use crate::clock;
use crate::lease::Claim;
use crate::model::limits::ORPHANS_KEPT;
use crate::model::status::OrchestrationStatus;
use crate::model::work_item::WorkItem;
use crate::providers::signal::{WorkQueue, WorkSignal};

/// Longer than the poll interval of another process.
const STEP_BACK: Duration = Duration::from_millis(150);

/// Whom to wake once the transaction is committed, and what becomes of starts on their way.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    messages: bool,
    activities: bool,
    due: Vec<(WorkQueue, u64)>,
    /// Instances of which waiting clients see a difference, each with its status if it has ended and is known.
    news: Vec<(String, Option<OrchestrationStatus>)>,
    carried: Carried,
    /// Which request of the transaction this is about, if somebody waits who would take its start.
    job: Option<usize>,
    offered: Vec<Offered>,
    /// Instances of which a start was offered in this transaction.
    met: Rc<RefCell<HashSet<String>>>,
    taken: Vec<Taken>,
    /// Instances whose starts this transaction stores.
    stored: Vec<String>,
}

impl Wakes {
    /// Rows of this queue are visible.
    pub(super) fn ready(&mut self, queue: WorkQueue) {
        match queue {
            WorkQueue::Orchestrator => self.messages = true,
            WorkQueue::Worker => self.activities = true,
        }
    }

    /// Whether messages may be taken.
    pub(super) fn has_messages(&self) -> bool {
        self.messages
    }

    /// Somebody has taken messages: whether more are left.
    pub(super) fn look_for_messages(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let left = "SELECT 1 FROM orchestrator_queue WHERE state = 1 LIMIT 1";
        self.messages = conn.prepare_cached(left)?.query_row([], |_| Ok(())).optional()?.is_some();
        Ok(())
    }

    /// A row of this queue becomes visible then.
    pub(super) fn ready_at(&mut self, queue: WorkQueue, at_ms: u64) {
        self.due.push((queue, at_ms));
    }

    /// A row of this queue was given back until then. If that counts as an attempt, whoever tried looks a little later
    /// than other processes, which only poll: they may be able to do what is not known here.
    pub(super) fn given_back(&mut self, queue: WorkQueue, until_ms: u64, counts: bool) {
        let later = if counts { clock::as_ms(STEP_BACK) } else { 0 };
        self.ready_at(queue, until_ms.saturating_add(later));
    }

    /// Whoever waits for this instance sees a difference: its end, if that is known.
    pub(super) fn news(&mut self, instance: String, end: Option<OrchestrationStatus>) {
        self.news.push((instance, end));
    }

    /// Those of a transaction in which starts may be stored that are under way.
    pub(super) fn with(carried: Carried) -> Self {
        Wakes { carried, ..Wakes::default() }
    }

    /// For one request of this transaction, of this number if its start may be taken by somebody who waits.
    pub(super) fn of(&self, job: Option<usize>) -> Self {
        let (carried, met) = (self.carried.clone(), Rc::clone(&self.met));
        Wakes { job, carried, met, stored: self.stored.clone(), ..Wakes::default() }
    }

    /// For somebody who waits: what is offered goes along. What of it is not taken comes back when it is merged.
    pub(super) fn with_offers(&mut self) -> Self {
        Wakes { offered: self.offered.clone(), messages: self.messages, ..self.of(None) }
    }

    /// These, too.
    pub(super) fn merge(&mut self, other: Wakes) {
        self.messages |= other.messages;
        self.activities |= other.activities;
        self.due.extend(other.due);
        self.news.extend(other.news);
        self.offered.extend(other.offered);
        self.taken.extend(other.taken);
        // The request was told of those that are stored already.
        self.stored = other.stored;
    }

    /// Whether starts are offered.
    pub(super) fn has_offers(&self) -> bool {
        !self.offered.is_empty()
    }

    /// What is offered.
    pub(super) fn take_offers(&mut self) -> Vec<Offered> {
        std::mem::take(&mut self.offered)
    }

    /// Whoever was to take them did not.
    pub(super) fn offer_again(&mut self, offered: Vec<Offered>) {
        self.offered = offered;
    }

    /// Whether somebody waits who would take a start.
    pub(super) fn takes_offers(&self) -> bool {
        self.job.is_some()
    }

    /// Leaves the start to somebody who waits for messages, if there is one, and it is the first of its instance.
    pub(super) fn offer(&mut self, start: &WorkItem) -> bool {
        let is_first = self.job.is_some() && self.met.borrow_mut().insert(start.target_instance().to_owned());
        if let Some(job) = self.job.filter(|_| is_first) {
            self.offered.push(Offered { job, start: Rc::new(start.clone()) });
        }
        is_first
    }

    /// The first of the starts that are offered, and the token of its first turn.
    pub(super) fn take_start(&mut self, terms: &Terms) -> Option<(Rc<WorkItem>, String)> {
        if self.offered.is_empty() {
            return None;
        }
        let offered = self.offered.remove(0);
        let taken = Taken::new(&offered, terms);
        let token = taken.token().to_owned();
        self.taken.push(taken);
        Some((offered.start, token))
    }

    /// The instance of a start that is stored with its first turn, if that is committed under this token.
    pub(super) fn first_turn_of(&mut self, conn: &Connection, token: &str) -> Result<Option<String>, StoreError> {
        let first = self.carried.first_turn_of(conn, token)?.filter(|&instance| !self.is_stored(instance));
        if let Some(instance) = first {
            self.stored.push(instance.to_owned());
        }
        Ok(first.map(str::to_owned))
    }

    /// The lease of this token must be in the tables: if it is that of a start on its way, that is queued now.
    pub(super) fn queue_leased(&mut self, conn: &Connection, token: &str) -> Result<(), StoreError> {
        match start_of(token) {
            Some(instance) => self.queue_start(conn, instance),
            None => Ok(()),
        }
    }

    /// Whatever is said of this instance must find its start: if that is under way, it is queued now.
    pub(super) fn queue_start(&mut self, conn: &Connection, instance: &str) -> Result<(), StoreError> {
        if self.carried.is_empty() || self.is_stored(instance) {
            return Ok(());
        }
        if let Some(own) = self.carried.queue(conn, instance)? {
            self.stored.push(instance.to_owned());
            self.messages |= own.messages;
        }
        Ok(())
    }

    fn is_stored(&self, instance: &str) -> bool {
        self.stored.iter().any(|stored| stored == instance)
    }

    /// The transaction is committed: starts that were taken, and those that were stored.
    pub(super) fn starts(&mut self) -> (Vec<Taken>, Vec<String>) {
        (std::mem::take(&mut self.taken), std::mem::take(&mut self.stored))
    }

    /// Wakes them.
    pub(super) fn ring(self, signal: &WorkSignal) {
        for (queue, at_ms) in self.due {
            signal.ready_at(queue, at_ms);
        }
        if self.messages {
            signal.ready(WorkQueue::Orchestrator);
        }
        if self.activities {
            signal.ready(WorkQueue::Worker);
        }
        for (instance, end) in self.news {
            match end {
                Some(end) => signal.ended(&instance, end),
                None => signal.changed(&instance),
            }
        }
    }
}

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
    wakes.queue_start(conn, &message.instance)?;
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
