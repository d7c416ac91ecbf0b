//! A start, compared with what its id stands for.

use rusqlite::{Connection, OptionalExtension};

use super::error::StoreError;
use super::row::MessageRow;
use super::wakes::Wakes;
use super::{basis, ready};
use crate::model::event::Event;
use crate::model::start::StartOutcome;
use crate::model::work_item::WorkItem;

/// Enqueues `start` unless its instance exists or is about to. A first event that cannot be read counts by the name
/// alone, as one that was pruned does.
pub(super) fn enqueue(
    conn: &Connection,
    start: &WorkItem,
    message: &MessageRow,
    now_ms: u64,
    wakes: &mut Wakes,
) -> Result<StartOutcome, StoreError> {
    wakes.queue_carried(conn, &message.instance)?;
    if let Some(found) = compare(conn, start, &message.instance)? {
        return Ok(found);
    }
    if basis::offer(conn, start, wakes)? {
        return Ok(StartOutcome::Queued);
    }
    ready::enqueue(conn, message, now_ms, now_ms, wakes)?;
    Ok(StartOutcome::Queued)
}

/// Whether no start of this instance is stored, and nothing that came of one.
pub(super) fn is_new(conn: &Connection, instance: &str) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT NOT EXISTS (SELECT 1 FROM instances WHERE instance_id = ?1)
             AND NOT EXISTS (SELECT 1 FROM history WHERE instance_id = ?1)
             AND NOT EXISTS (SELECT 1 FROM instance_locks WHERE instance_id = ?1)
             AND NOT EXISTS (SELECT 1 FROM orchestrator_queue WHERE instance_id = ?1
                 AND (work_item GLOB '{\"StartOrchestration\"*' OR work_item GLOB '{\"ContinueAsNew\"*'))",
    )?
    .query_row([instance], |row| row.get(0))
}

/// Whether nothing is stored that has to do with this instance.
pub(super) fn is_free(conn: &Connection, instance: &str) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT NOT EXISTS (SELECT 1 FROM instances WHERE instance_id = ?1)
             AND NOT EXISTS (SELECT 1 FROM history WHERE instance_id = ?1)
             AND NOT EXISTS (SELECT 1 FROM orchestrator_queue WHERE instance_id = ?1)
             AND NOT EXISTS (SELECT 1 FROM instance_locks WHERE instance_id = ?1)",
    )?
    .query_row([instance], |row| row.get(0))
}

/// What the id of `start` stands for already, if anything.
pub(super) fn compare(conn: &Connection, start: &WorkItem, instance: &str) -> rusqlite::Result<Option<StartOutcome>> {
    if let Some(found) = of_history(conn, instance, start)? {
        return Ok(Some(found));
    }
    if let Some(found) = of_instance(conn, instance, start)? {
        return Ok(Some(found));
    }
    of_queue(conn, instance, start)
}

fn of_history(conn: &Connection, instance: &str, start: &WorkItem) -> rusqlite::Result<Option<StartOutcome>> {
    let first: Option<String> = conn
        .prepare_cached("SELECT event_data FROM history WHERE instance_id = ?1 AND execution_id = 1 AND event_id = 1")?
        .query_row([instance], |row| row.get(0))
        .optional()?;
    let event = first.and_then(|text| serde_json::from_str::<Event>(&text).ok());
    Ok(event.and_then(|event| StartOutcome::of_event(start, &event.kind)))
}

fn of_instance(conn: &Connection, instance: &str, start: &WorkItem) -> rusqlite::Result<Option<StartOutcome>> {
    let name: Option<String> = conn
        .prepare_cached("SELECT orchestration_name FROM instances WHERE instance_id = ?1")?
        .query_row([instance], |row| row.get(0))
        .optional()?;
    Ok(name.map(|name| StartOutcome::compared(start, &name, None)))
}

fn of_queue(conn: &Connection, instance: &str, start: &WorkItem) -> rusqlite::Result<Option<StartOutcome>> {
    let mut queued =
        conn.prepare_cached("SELECT work_item FROM orchestrator_queue WHERE instance_id = ?1 ORDER BY id")?;
    let mut rows = queued.query([instance])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        let message = serde_json::from_str::<WorkItem>(&text).ok();
        if let Some(found) = message.and_then(|message| StartOutcome::of_message(start, &message)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
