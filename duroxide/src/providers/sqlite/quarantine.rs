//! Rows that could not be read: listed, put back, or dropped.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::ready;
use super::row::{ActivityRow, MessageRow, int, text, uint};
use super::wakes::Wakes;
use super::worker;
use crate::clock;
use crate::model::insight::{QuarantinedRow, Queue};
use crate::model::work_item::WorkItem;
use crate::providers::unreadable::{self, Reading};

/// Those behind a row, of one instance or of all.
pub(super) fn list(
    conn: &Connection,
    instance: Option<&str>,
    after: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Vec<QuarantinedRow>> {
    conn.prepare_cached(
        "SELECT id, queue, instance_id, body, reason, at_ms FROM quarantine
         WHERE id > ?1 AND (?2 IS NULL OR instance_id = ?2) ORDER BY id LIMIT ?3",
    )?
    .query_map(params![int(after.unwrap_or(0)), instance, int(limit as u64)], |row| {
        Ok(QuarantinedRow {
            id: uint(row, 0)?,
            queue: if row.get_ref(1)?.as_str() == Ok("worker") { Queue::Worker } else { Queue::Orchestrator },
            instance_id: row.get(2)?,
            body: text(row, 3)?,
            reason: row.get(4)?,
            at_ms: uint(row, 5)?,
        })
    })?
    .collect()
}

/// Puts a row back as it was; `false` when there is none.
pub(super) fn retry(conn: &Connection, id: u64, wakes: &mut Wakes) -> Result<bool, StoreError> {
    let found = conn
        .prepare_cached("SELECT body FROM quarantine WHERE id = ?1")?
        .query_row([int(id)], |row| text(row, 0))
        .optional()?;
    let Some(body) = found else {
        return Ok(false);
    };
    let now_ms = clock::now_ms();
    match unreadable::read(&body) {
        Reading::Item(item @ WorkItem::ActivityExecute { .. }) => {
            worker::enqueue(conn, &ActivityRow::new(item)?, now_ms, wakes)?;
        }
        Reading::Item(item) => ready::enqueue(conn, &MessageRow::new(&item)?, now_ms, now_ms, wakes)?,
        Reading::LaterKind(kind) => {
            return Err(StoreError::Unreadable(format!("a kind that this version does not know: {kind}")));
        }
        Reading::Unreadable(reason) => return Err(StoreError::Unreadable(reason)),
    }
    Ok(drop_row(conn, id)?)
}

/// Deletes a row; `false` when there is none.
pub(super) fn drop_row(conn: &Connection, id: u64) -> rusqlite::Result<bool> {
    Ok(conn.prepare_cached("DELETE FROM quarantine WHERE id = ?1")?.execute([int(id)])? > 0)
}
