//! Append and read events.

use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::error::{StoreError, is_duplicate};
use super::row::{int, opt_uint, text, to_json, uint};
use super::several::{AT_ONCE, Inserts};
use crate::codec::told;
use crate::model::event::Event;
use crate::model::ids::INITIAL_EXECUTION_ID;
use crate::model::status::Stand;
use crate::providers::express::Head;

/// An event on its way into history.
#[derive(Debug)]
pub(super) struct EventRow {
    event_id: u64,
    event_type: &'static str,
    json: String,
}

/// An event as it is stored, not yet read.
#[derive(Debug)]
pub(super) struct StoredEvent {
    event_id: u64,
    json: String,
}

/// Serializes events; an id of 0 is refused. Done by the caller, so that the writer's thread does not have to.
pub(super) fn to_rows(events: &[Event]) -> Result<Vec<EventRow>, StoreError> {
    events
        .iter()
        .map(|event| {
            if event.event_id == 0 {
                return Err(StoreError::Refused("event id 0: ids start at 1".to_owned()));
            }
            Ok(EventRow { event_id: event.event_id, event_type: event.kind.wire_type(), json: to_json(event)? })
        })
        .collect()
}

static INSERTS: LazyLock<Inserts> = LazyLock::new(|| {
    const INSERT: &str = "INSERT OR FAIL INTO history (instance_id, execution_id, event_id, event_type, event_data)";
    Inserts::new(INSERT, 3, 3, |own| format!("(?1, ?2, ?{own}, ?{}, ?{})", own + 1, own + 2))
});

/// Appends rows as they are; what is there already is neither read nor written again. After an error the caller undoes
/// what was appended.
pub(super) fn append(
    conn: &Connection,
    instance: &str,
    execution_id: u64,
    rows: &[EventRow],
) -> Result<(), StoreError> {
    let execution = int(execution_id);
    for rows in rows.chunks(AT_ONCE) {
        let ids: Vec<i64> = rows.iter().map(|row| int(row.event_id)).collect();
        let mut parameters: Vec<&dyn ToSql> = vec![&instance, &execution];
        for (id, row) in ids.iter().zip(rows) {
            parameters.extend([id as &dyn ToSql, &row.event_type, &row.json]);
        }
        match conn.prepare_cached(INSERTS.of(rows.len()))?.execute(&*parameters) {
            Ok(_) => {}
            Err(error) if is_duplicate(&error) => return Err(duplicate(conn, instance, execution_id, rows)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The rows before it were appended, and counted.
fn duplicate(conn: &Connection, instance: &str, execution_id: u64, rows: &[EventRow]) -> StoreError {
    let before = usize::try_from(conn.changes()).unwrap_or(0);
    let id = rows.get(before).map_or(0, |row| row.event_id);
    StoreError::Refused(format!("duplicate event id {id} in execution {execution_id} of {instance}"))
}

/// The events of one execution, ascending, not yet read.
pub(super) fn load(conn: &Connection, instance: &str, execution_id: u64) -> rusqlite::Result<Vec<StoredEvent>> {
    conn.prepare_cached(
        "SELECT event_id, event_data FROM history WHERE instance_id = ?1 AND execution_id = ?2 ORDER BY event_id",
    )?
    .query_map(params![instance, int(execution_id)], |row| {
        Ok(StoredEvent { event_id: uint(row, 0)?, json: text(row, 1)? })
    })?
    .collect()
}

/// Reads stored events; the error says which one cannot be read and why.
pub(super) fn parse(stored: &[StoredEvent]) -> Result<Vec<Event>, String> {
    stored
        .iter()
        .map(|event| {
            serde_json::from_str(&event.json).map_err(|error| format!("event {}: {}", event.event_id, told(error)))
        })
        .collect()
}

/// The same for callers that have nothing to do with an unreadable history.
pub(super) fn read(stored: &[StoredEvent]) -> Result<Vec<Event>, StoreError> {
    parse(stored).map_err(|error| StoreError::Unreadable(format!("history deserialization failed: {error}")))
}

/// The newest execution, 1 if there is none.
pub(super) fn latest_execution(conn: &Connection, instance: &str) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT MAX(execution_id) FROM executions WHERE instance_id = ?1")?
        .query_row([instance], |row| opt_uint(row, 0))
        .map(|newest| newest.unwrap_or(INITIAL_EXECUTION_ID))
}

/// Where an execution has brought its instance, from the end of its history: only rows about what was cancelled may
/// follow the event that ends it.
pub(super) fn stand(conn: &Connection, instance: &str, execution_id: u64) -> Result<Stand, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT event_type, event_id, event_data FROM history WHERE instance_id = ?1 AND execution_id = ?2
         ORDER BY event_id DESC",
    )?;
    let mut rows = statement.query(params![instance, int(execution_id)])?;
    while let Some(row) = rows.next()? {
        match row.get_ref(0)?.as_str().unwrap_or_default() {
            // Rows about what was cancelled may follow the end.
            kind if kind.ends_with("CancelRequested") || kind.ends_with("Cancelled") => {}
            "OrchestrationCompleted" | "OrchestrationFailed" => {
                let last = StoredEvent { event_id: uint(row, 1)?, json: text(row, 2)? };
                return Ok(read(&[last])?
                    .first()
                    .and_then(|event| Stand::ended_by(&event.kind))
                    .unwrap_or(Stand::Running));
            }
            _ if has_started(conn, instance, execution_id)? => return Ok(Stand::Running),
            _ => return Ok(Stand::NotFound),
        }
    }
    Ok(Stand::NotFound)
}

/// Whether the first turn of an execution was committed.
fn has_started(conn: &Connection, instance: &str, execution_id: u64) -> rusqlite::Result<bool> {
    let found = conn
        .prepare_cached(
            "SELECT 1 FROM history
             WHERE instance_id = ?1 AND execution_id = ?2 AND event_type = 'OrchestrationStarted' LIMIT 1",
        )?
        .query_row(params![instance, int(execution_id)], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// Whether the history of an execution still ends where it did. When others wrote since, its rows are counted, too:
/// another program may have changed them.
pub(super) fn ends_at(conn: &Connection, instance: &str, head: &Head, seen: u64) -> rusqlite::Result<bool> {
    let key = params![instance, int(head.execution_id)];
    if head.seen == seen {
        let last = conn
            .prepare_cached("SELECT MAX(event_id) FROM history WHERE instance_id = ?1 AND execution_id = ?2")?
            .query_row(key, |row| opt_uint(row, 0))?;
        return Ok(last == Some(head.last_event_id));
    }
    is_whole(conn, instance, head)
}

/// Whether the rows of an execution are those that led to this head.
pub(super) fn is_whole(conn: &Connection, instance: &str, head: &Head) -> rusqlite::Result<bool> {
    let found = head_of(head.execution_id, &load(conn, instance, head.execution_id)?, head.seen);
    Ok(found == *head)
}

/// Where a history that was read ends.
pub(super) fn head_of(execution_id: u64, stored: &[StoredEvent], seen: u64) -> Head {
    let events = stored.iter().map(|event| (event.event_id, event.json.as_str()));
    events.fold(Head::of_new(execution_id, seen), extended)
}

/// Where history ends once a turn based on `base` has added these events.
pub(super) fn head_after(base: Head, execution_id: u64, rows: &[EventRow]) -> Head {
    let base = if execution_id == base.execution_id { base } else { Head::of_new(execution_id, base.seen) };
    rows.iter().map(|row| (row.event_id, row.json.as_str())).fold(base, extended)
}

fn extended(head: Head, (event_id, json): (u64, &str)) -> Head {
    // Its keys are fixed, so that the same events have the same digest as long as the process lives.
    let mut hasher = std::hash::DefaultHasher::new();
    (head.digest, event_id, json).hash(&mut hasher);
    Head { last_event_id: event_id, digest: hasher.finish(), ..head }
}
