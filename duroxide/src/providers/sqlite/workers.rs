//! Who is there to work: what runtimes say of themselves, and until when that counts.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::row::{int, text, uint};
use crate::model::insight::WorkerInfo;
use crate::providers::insight::FORGOTTEN_AFTER;
use crate::{clock, lease};

/// Keeps what a worker says of itself, and forgets those that have long been silent.
pub(super) fn announce(
    conn: &Connection,
    worker_id: &str,
    info: &str,
    owner: &str,
    alive_for: Duration,
) -> rusqlite::Result<()> {
    let now_ms = clock::now_ms();
    conn.prepare_cached(
        "INSERT INTO workers (worker_id, info, started_at, seen_at, alive_until, owner) VALUES (?1, ?2, ?3, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET info = excluded.info, seen_at = excluded.seen_at,
             alive_until = excluded.alive_until, owner = excluded.owner",
    )?
    .execute(params![worker_id, info, int(now_ms), int(lease::until(now_ms, alive_for)), owner])?;
    conn.prepare_cached("DELETE FROM workers WHERE seen_at < ?1")?
        .execute([int(now_ms.saturating_sub(clock::as_ms(FORGOTTEN_AFTER)))])?;
    Ok(())
}

/// The worker is still there; `false` when it is not known.
pub(super) fn refresh(conn: &Connection, worker_id: &str, alive_for: Duration) -> rusqlite::Result<bool> {
    let now_ms = clock::now_ms();
    let refreshed = conn
        .prepare_cached("UPDATE workers SET seen_at = ?2, alive_until = ?3 WHERE worker_id = ?1")?
        .execute(params![worker_id, int(now_ms), int(lease::until(now_ms, alive_for))])?;
    Ok(refreshed > 0)
}

/// Forgets a worker.
pub(super) fn retire(conn: &Connection, worker_id: &str) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM workers WHERE worker_id = ?1")?.execute([worker_id])?;
    Ok(())
}

/// All of them, those that are alive first. What a later version says in a form of its own is passed over.
pub(super) fn list(conn: &Connection, now_ms: u64) -> rusqlite::Result<Vec<WorkerInfo>> {
    let mut statement = conn.prepare_cached("SELECT info, started_at, seen_at, alive_until FROM workers")?;
    let rows = statement.query_map([], |row| {
        let told = serde_json::from_str::<WorkerInfo>(&text(row, 0)?).ok();
        let (started_at, seen_at, alive_until) = (uint(row, 1)?, uint(row, 2)?, uint(row, 3)?);
        let is_alive = alive_until > now_ms;
        Ok(told.map(|told| WorkerInfo { started_at, seen_at, alive_until, is_alive, ..told }))
    })?;
    let mut workers = rows.filter_map(Result::transpose).collect::<rusqlite::Result<Vec<_>>>()?;
    workers.sort_by(WorkerInfo::in_order);
    Ok(workers)
}
