//! What a running activity asks of its lease, and says of its progress.

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::row::{int, text, uint};
use super::worker::find_lease;
use crate::clock;
use crate::model::info::ActivityProgress;
use crate::model::work_item::WorkItem;

/// The fence of a live lease, which is counted from now on: what is told to other systems must not be told twice, not after
/// a power cut either. The write makes the flush: SQLite flushes nothing for a row that is as it was, so a number is
/// skipped.
pub(super) fn fence(conn: &Connection, token: &str) -> Result<u64, StoreError> {
    let held = find_lease(conn, token)?;
    held.lease.check(token, clock::now_ms())?;
    conn.prepare_cached("UPDATE duroxide_store SET fence = MAX(fence, ?1) + 1")?.execute([int(held.lease.fence)])?;
    Ok(held.lease.fence)
}

/// Keeps what a leased activity says.
pub(super) fn keep(conn: &Connection, token: &str, progress: &str) -> Result<(), StoreError> {
    let now_ms = clock::now_ms();
    let held = find_lease(conn, token)?;
    held.lease.check(token, now_ms)?;
    conn.prepare_cached(
        "UPDATE worker_queue SET progress = ?2, progress_at = ?3, progress_attempt = attempt_count WHERE id = ?1",
    )?
    .execute(params![held.id, progress, int(now_ms)])?;
    Ok(())
}

/// What the activities of an instance said.
pub(super) fn read(conn: &Connection, instance: &str) -> Result<Vec<ActivityProgress>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT work_item, progress, progress_at, progress_attempt FROM worker_queue
         WHERE instance_id = ?1 AND progress IS NOT NULL ORDER BY execution_id, activity_id",
    )?;
    let rows =
        statement.query_map([instance], |row| Ok((text(row, 0)?, text(row, 1)?, uint(row, 2)?, uint(row, 3)?)))?;
    let mut said = Vec::new();
    for row in rows {
        let (item, progress, at_ms, attempt) = row?;
        // A row that cannot be read is set aside when somebody fetches it.
        if let Ok(WorkItem::ActivityExecute { execution_id, id, name, .. }) = serde_json::from_str(&item) {
            let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
            said.push(ActivityProgress {
                execution_id,
                activity_id: id,
                activity_name: name,
                attempt,
                progress,
                at_ms,
            });
        }
    }
    Ok(said)
}
