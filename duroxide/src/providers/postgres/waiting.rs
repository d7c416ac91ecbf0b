//! What waits in the queues, counted and listed; payloads stay where they are.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::StoreError;
use super::row::{int, loaded, number, opt_number, opt_text, stored, uint};
use super::writer::Db;
use crate::model::insight::{MAX_PAGE, Queue, QueueFigures, QueueOverview, QueueRow, RowState};
use crate::providers::insight::glance::Glance;

/// How much of a row's text is sent: names and ids stand before the payload.
pub(super) const GLANCE: &str = "left(work_item, 8192)";

/// Every row with what it waits for, as one pass over each queue: 0 delayed, 1 ready, 2 held, 3 parked.
const COUNT: &str = "WITH clock AS MATERIALIZED (SELECT @now AS ms),
    message AS (
        SELECT q.visible_at, CASE WHEN q.visible_at > ms THEN 0 WHEN q.state = 3 THEN 3
            WHEN l.instance_id IS NOT NULL THEN 2 ELSE 1 END AS state
        FROM clock CROSS JOIN @.orchestrator_queue q
        LEFT JOIN @.instance_locks l ON l.instance_id = q.instance_id AND l.locked_until > ms),
    activity AS (
        SELECT visible_at, CASE WHEN visible_at > ms THEN 0 WHEN locked_until > ms THEN 2 ELSE 1 END AS state
        FROM clock CROSS JOIN @.worker_queue),
    waiting AS (SELECT 'm' AS queue, * FROM message UNION ALL SELECT 'a', * FROM activity)
    SELECT queue, count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 0),
        count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 3),
        min(visible_at) FILTER (WHERE state = 1)
    FROM waiting GROUP BY queue
    UNION ALL SELECT 'q', count(*), 0, 0, 0, NULL FROM @.quarantine";

/// How much waits where.
pub(super) async fn overview(db: &Db) -> Result<QueueOverview, StoreError> {
    let mut overview = QueueOverview::default();
    for row in db.all(|| db.query(COUNT)).await? {
        match row.try_get(0)? {
            "m" => overview.orchestrator = figures(&row)?,
            "a" => overview.worker = figures(&row)?,
            _ => overview.quarantined = number(&row, 1)?,
        }
    }
    Ok(overview)
}

fn figures(row: &PgRow) -> Result<QueueFigures, StoreError> {
    Ok(QueueFigures {
        ready: number(row, 1)?,
        delayed: number(row, 2)?,
        held: number(row, 3)?,
        parked: number(row, 4)?,
        oldest_ready_at: opt_number(row, 5)?,
    })
}

/// Attempts are counted with the lease, until a row is given back. A lease is signed by a store; where one worker alone
/// works through that, it is the worker's.
const MESSAGE: &str = "SELECT q.id, q.instance_id, {glance}, q.state = 3, q.visible_at,
        q.attempt_count + CASE WHEN q.id = ANY(l.batch) THEN 1 ELSE 0 END
            + COALESCE(cardinality(array_positions(l.lapsed, q.id)), 0),
        COALESCE((SELECT CASE count(*) WHEN 1 THEN min(w.worker_id) END FROM @.workers w WHERE w.owner = l.owner),
            l.owner),
        l.locked_until, NULL, NULL, ms, NULL, NULL::bigint
    FROM (SELECT @now AS ms) clock CROSS JOIN @.orchestrator_queue q
    LEFT JOIN @.instance_locks l ON l.instance_id = q.instance_id";

const ACTIVITY: &str = "SELECT q.id, q.instance_id, {glance}, false, q.visible_at, q.attempt_count,
        COALESCE((SELECT CASE count(*) WHEN 1 THEN min(w.worker_id) END FROM @.workers w WHERE w.owner = q.owner),
            q.owner),
        q.locked_until, q.tag, q.session_id, ms, s.worker_id, s.locked_until
    FROM (SELECT @now AS ms) clock CROSS JOIN @.worker_queue q
    LEFT JOIN @.sessions s ON s.session_id = q.session_id AND s.locked_until > ms";

fn select(queue: Queue) -> String {
    match queue {
        Queue::Orchestrator => MESSAGE.replace("{glance}", GLANCE),
        Queue::Worker => ACTIVITY.replace("{glance}", GLANCE),
    }
}

/// Rows of a queue behind a row. The queues have no index over ids alone: it would cost every message, and this only
/// people who look.
pub(super) async fn rows(db: &Db, queue: Queue, after: Option<u64>, limit: usize) -> Result<Vec<QueueRow>, StoreError> {
    let select = format!("{} WHERE q.id > $1 ORDER BY q.id LIMIT $2", select(queue));
    let rows = db.all(|| db.query(&select).bind(int(after.unwrap_or(0))).bind(int(limit as u64))).await?;
    rows.iter().map(|row| told(row, queue)).collect()
}

/// The rows of an instance in both queues.
pub(super) async fn rows_of(db: &Db, instance: &str) -> Result<Vec<QueueRow>, StoreError> {
    let mut all = Vec::new();
    // The activity first: when it ends in between, it is seen twice, and not never.
    for queue in [Queue::Worker, Queue::Orchestrator] {
        let select = format!("{} WHERE q.instance_id = $1 ORDER BY q.id LIMIT $2", select(queue));
        let rows = db.all(|| db.query(&select).bind(stored(instance).into_owned()).bind(int(MAX_PAGE as u64))).await?;
        for row in &rows {
            all.push(told(row, queue)?);
        }
    }
    all.sort_by_key(|row| row.queue);
    Ok(all)
}

/// Deletes a message whose instance does not exist; `false` when there is no such row, or it is not parked.
pub(super) async fn drop_parked(db: &Db, id: u64) -> Result<bool, StoreError> {
    let query = db.query("DELETE FROM @.orchestrator_queue WHERE id = $1 AND state = 3 RETURNING 1").bind(int(id));
    // Told once: a repetition would find nothing.
    Ok(!db.once(query).await?.is_empty())
}

fn told(row: &PgRow, queue: Queue) -> Result<QueueRow, StoreError> {
    let glance = Glance::at(row.try_get(2)?);
    let (visible_at, locked_until, now_ms) = (number(row, 4)?, opt_number(row, 7)?, number(row, 10)?);
    let locked_until = locked_until.filter(|&until_ms| until_ms > now_ms);
    let state = match locked_until {
        _ if visible_at > now_ms => RowState::Delayed,
        _ if row.try_get::<bool, _>(3)? => RowState::Parked,
        Some(_) => RowState::Held,
        None => RowState::Ready,
    };
    let (owner, locked_until) = match state {
        RowState::Held => (opt_text(row, 6)?, locked_until),
        RowState::Ready => (opt_text(row, 11)?, opt_number(row, 12)?),
        RowState::Delayed | RowState::Parked => (None, None),
    };
    let instance = Some(loaded(row.try_get(1)?)).filter(|instance: &String| !instance.is_empty());
    Ok(QueueRow {
        id: number(row, 0)?,
        queue,
        instance_id: instance.or(glance.instance),
        kind: glance.kind,
        name: glance.name,
        event_id: glance.event_id,
        tag: opt_text(row, 8)?,
        session_id: opt_text(row, 9)?,
        state,
        visible_at,
        locked_until,
        owner,
        attempts: u32::try_from(uint(row.try_get(5)?)).unwrap_or(u32::MAX),
    })
}
