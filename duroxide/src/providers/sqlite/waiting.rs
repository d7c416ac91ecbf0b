//! What waits in the queues, counted and listed; payloads stay where they are.

use rusqlite::{Connection, Row, params};

use super::row::{int, opt_uint, text, uint};
use super::worker;
use crate::clock;
use crate::model::insight::{MAX_PAGE, Queue, QueueFigures, QueueOverview, QueueRow, RowState};
use crate::providers::insight::glance::Glance;

/// Rows at the head of a queue among which the oldest is looked for: they are taken in this order, and only a row that
/// was given back may be younger than its neighbours.
const HEAD: i64 = 100;

/// How much waits where. Counted along partial indexes; what is due or whose lease is over counts as ready, whether
/// somebody noticed or not.
pub(super) fn overview(conn: &Connection, now_ms: u64) -> rusqlite::Result<QueueOverview> {
    let now = int(now_ms);
    let count = |sql: &str| conn.prepare_cached(sql)?.query_row([now], |row| uint(row, 0));
    let figures = |[all, delayed, held, parked]: [&str; 4], oldest_ready_at: Option<u64>| {
        let (delayed, held, parked) = (count(delayed)?, count(held)?, count(parked)?);
        let ready = count(all)?.saturating_sub(delayed + held + parked);
        Ok::<_, rusqlite::Error>(QueueFigures { ready, delayed, held, parked, oldest_ready_at })
    };
    Ok(QueueOverview {
        orchestrator: figures(MESSAGES, oldest_message(conn, now)?)?,
        worker: figures(ACTIVITIES, oldest_activity(conn, now)?)?,
        quarantined: count("SELECT count(*) FROM quarantine WHERE ?1 IS ?1")?,
    })
}

/// All, delayed, held, parked.
const MESSAGES: [&str; 4] = [
    "SELECT count(*) FROM orchestrator_queue WHERE ?1 IS ?1",
    "SELECT count(*) FROM orchestrator_queue WHERE state = 0 AND visible_at > ?1",
    "SELECT count(*) FROM instance_locks l CROSS JOIN orchestrator_queue q ON q.instance_id = l.instance_id
     WHERE l.locked_until > ?1 AND q.state <> 3 AND q.visible_at <= ?1",
    "SELECT count(*) FROM orchestrator_queue WHERE state = 3 AND ?1 IS ?1",
];

const ACTIVITIES: [&str; 4] = [
    "SELECT count(*) FROM worker_queue WHERE ?1 IS ?1",
    "SELECT count(*) FROM worker_queue WHERE state = 0 AND visible_at > ?1",
    "SELECT count(*) FROM worker_queue WHERE state = 2 AND locked_until > ?1",
    "SELECT 0 WHERE ?1 IS ?1",
];

/// The smallest time of those that can be taken.
fn oldest(conn: &Connection, sql: &str, now: i64) -> rusqlite::Result<Option<u64>> {
    conn.prepare_cached(sql)?.query_row([now, HEAD], |row| opt_uint(row, 0))
}

fn oldest_message(conn: &Connection, now: i64) -> rusqlite::Result<Option<u64>> {
    let ways = [
        "SELECT min(visible_at) FROM (SELECT visible_at FROM orchestrator_queue
             WHERE state = 1 AND visible_at <= ?1 ORDER BY id LIMIT ?2)",
        "SELECT min(visible_at) FROM (SELECT visible_at FROM orchestrator_queue q
             WHERE state = 0 AND visible_at <= ?1 AND NOT EXISTS
                 (SELECT 1 FROM instance_locks l WHERE l.instance_id = q.instance_id AND l.locked_until > ?1)
             ORDER BY visible_at LIMIT ?2)",
        "SELECT min(visible_at) FROM (SELECT q.visible_at FROM instance_locks l
             CROSS JOIN orchestrator_queue q ON q.instance_id = l.instance_id
             WHERE l.lapsed = 0 AND l.locked_until <= ?1 AND q.state = 2 LIMIT ?2)",
    ];
    let found = ways.into_iter().map(|sql| oldest(conn, sql, now)).collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().min())
}

fn oldest_activity(conn: &Connection, now: i64) -> rusqlite::Result<Option<u64>> {
    let mut found = Vec::new();
    for (tags, head) in
        [(worker::plain_tags(conn)?, worker::PLAIN_HEAD), (worker::pinned_tags(conn)?, worker::PINNED_HEAD)]
    {
        let mut statement = conn.prepare_cached(&format!("SELECT min(visible_at) FROM ({head})"))?;
        for tag in tags {
            found.push(statement.query_row(params![tag, HEAD], |row| opt_uint(row, 0))?);
        }
    }
    for sql in [
        "SELECT min(visible_at) FROM worker_queue WHERE state = 0 AND visible_at <= ?1 AND ?2 > 0",
        "SELECT min(visible_at) FROM (SELECT visible_at FROM worker_queue WHERE state = 2 AND locked_until <= ?1 LIMIT ?2)",
    ] {
        found.push(oldest(conn, sql, now)?);
    }
    Ok(found.into_iter().flatten().filter(|&at_ms| int(at_ms) <= now).min())
}

/// Instance, text, whether it is parked, when it is visible, attempts, owner, end of the lease, tag, session, and
/// who has that until when. A lease is
/// signed by a store; where one worker alone works through that, it is the worker's.
const MESSAGE: &str = "SELECT q.id, q.instance_id, q.work_item, q.state = 3, q.visible_at, q.attempt_count,
         COALESCE((SELECT IIF(count(*) = 1, min(w.worker_id), NULL) FROM workers w WHERE w.owner = l.owner), l.owner),
         l.locked_until, NULL, NULL, NULL, NULL
     FROM orchestrator_queue q
     LEFT JOIN instance_locks l ON l.instance_id = q.instance_id AND l.locked_until > ?1 AND q.state <> 3";

const ACTIVITY: &str = "SELECT q.id, q.instance_id, q.work_item, 0, q.visible_at, q.attempt_count,
         COALESCE((SELECT IIF(count(*) = 1, min(w.worker_id), NULL) FROM workers w WHERE w.owner = q.owner), q.owner),
         IIF(q.state = 2 AND q.locked_until > ?1, q.locked_until, NULL), q.tag, q.session_id,
         s.worker_id, s.locked_until
     FROM worker_queue q LEFT JOIN sessions s ON s.session_id = q.session_id AND s.locked_until > ?1";

/// Rows of a queue behind a row.
pub(super) fn rows(
    conn: &Connection,
    queue: Queue,
    after: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Vec<QueueRow>> {
    let now_ms = clock::now_ms();
    let select = format!("{} WHERE q.id > ?2 ORDER BY q.id LIMIT ?3", select(queue));
    conn.prepare_cached(&select)?
        .query_map(params![int(now_ms), int(after.unwrap_or(0)), int(limit as u64)], |row| told(row, queue, now_ms))?
        .collect()
}

/// The rows of an instance in both queues.
pub(super) fn rows_of(conn: &Connection, instance: &str) -> rusqlite::Result<Vec<QueueRow>> {
    let now_ms = clock::now_ms();
    let mut all = Vec::new();
    for queue in [Queue::Orchestrator, Queue::Worker] {
        let select = format!("{} WHERE q.instance_id = ?2 ORDER BY q.id LIMIT ?3", select(queue));
        let mut statement = conn.prepare_cached(&select)?;
        let rows = statement
            .query_map(params![int(now_ms), instance, int(MAX_PAGE as u64)], |row| told(row, queue, now_ms))?;
        for row in rows {
            all.push(row?);
        }
    }
    Ok(all)
}

/// Deletes a message whose instance does not exist; `false` when there is no such row, or it is not parked.
pub(super) fn drop_parked(conn: &Connection, id: u64) -> rusqlite::Result<bool> {
    let mut statement = conn.prepare_cached("DELETE FROM orchestrator_queue WHERE id = ?1 AND state = 3")?;
    Ok(statement.execute([int(id)])? > 0)
}

fn select(queue: Queue) -> &'static str {
    match queue {
        Queue::Orchestrator => MESSAGE,
        Queue::Worker => ACTIVITY,
    }
}

fn told(row: &Row<'_>, queue: Queue, now_ms: u64) -> rusqlite::Result<QueueRow> {
    let glance = match row.get_ref(2)?.as_str() {
        Ok(json) => Glance::at(json),
        Err(_) => Glance::at(&text(row, 2)?),
    };
    let (visible_at, locked_until) = (uint(row, 4)?, opt_uint(row, 7)?);
    let state = match locked_until {
        _ if row.get::<_, bool>(3)? => RowState::Parked,
        _ if visible_at > now_ms => RowState::Delayed,
        Some(_) => RowState::Held,
        None => RowState::Ready,
    };
    let (owner, locked_until) = match state {
        RowState::Held => (row.get(6)?, locked_until),
        RowState::Ready => (row.get(10)?, opt_uint(row, 11)?),
        RowState::Delayed | RowState::Parked => (None, None),
    };
    Ok(QueueRow {
        id: uint(row, 0)?,
        queue,
        instance_id: row.get::<_, Option<String>>(1)?.or(glance.instance),
        kind: glance.kind,
        name: glance.name,
        event_id: glance.event_id,
        tag: row.get(8)?,
        session_id: row.get(9)?,
        state,
        visible_at,
        locked_until,
        owner,
        attempts: u32::try_from(uint(row, 5)?).unwrap_or(u32::MAX),
    })
}
