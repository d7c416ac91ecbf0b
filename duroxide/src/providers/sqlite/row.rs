//! Rows to model and back.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::error::StoreError;
use crate::lease::Lease;
use crate::model::work_item::WorkItem;
use crate::seams;

/// A message on its way into the orchestrator queue.
#[derive(Debug)]
pub(super) struct MessageRow {
    /// Whose queue.
    pub(super) instance: String,
    /// The message as JSON.
    pub(super) json: String,
    /// When it says that it is due, milliseconds since the Unix epoch.
    pub(super) fire_at_ms: Option<u64>,
}

impl MessageRow {
    /// Serialized by the caller, so that the writer's thread does not have to.
    pub(super) fn new(item: &WorkItem) -> Result<Self, StoreError> {
        Ok(MessageRow {
            instance: item.target_instance().to_owned(),
            json: to_json(item)?,
            fire_at_ms: match item {
                WorkItem::TimerFired { fire_at_ms, .. } => Some(*fire_at_ms),
                _ => None,
            },
        })
    }
}

/// An activity on its way into the worker queue.
#[derive(Debug)]
pub(super) struct ActivityRow {
    /// The activity as JSON.
    pub(super) json: String,
    /// Instance, execution and schedule event; `None` for other kinds of items, which nobody can cancel.
    pub(super) identity: Option<(String, u64, u64)>,
    /// Session that pins it to one worker.
    pub(super) session_id: Option<String>,
    /// Tag that only some workers serve.
    pub(super) tag: Option<String>,
}

impl ActivityRow {
    /// Serialized by the caller, so that the writer's thread does not have to.
    pub(super) fn new(item: WorkItem) -> Result<Self, StoreError> {
        let json = to_json(&item)?;
        Ok(match item {
            WorkItem::ActivityExecute { instance, execution_id, id, session_id, tag, .. } => {
                ActivityRow { json, identity: Some((instance, execution_id, id)), session_id, tag }
            }
            _ => ActivityRow { json, identity: None, session_id: None, tag: None },
        })
    }
}

/// A work item or an event as JSON.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Refused(format!("cannot be written as JSON: {error}")))
}

/// Times and ids beyond what SQLite holds saturate: they are far future, or refused as duplicates.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number that is never negative unless somebody else wrote it.
pub(super) fn uint(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or(0))
}

/// The same for a column that may be null.
pub(super) fn opt_uint(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(|value| u64::try_from(value).unwrap_or(0)))
}

/// Whatever is stored, as text: other programs may have put anything there, and the reader of the text decides.
pub(super) fn text(row: &Row<'_>, index: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(index)? {
        ValueRef::Null => String::new(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    })
}

/// A lease from four columns: owner, token, fence, end. `None` when there is no token.
pub(super) fn lease(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Lease>> {
    let Some(token) = row.get::<_, Option<String>>(first + 1)? else {
        return Ok(None);
    };
    Ok(Some(Lease {
        owner: row.get::<_, Option<String>>(first)?.unwrap_or_default(),
        token,
        fence: opt_uint(row, first + 2)?.unwrap_or(0),
        until_ms: opt_uint(row, first + 3)?.unwrap_or(0),
    }))
}

/// A token that names a queue row, so that the row is found without an index on tokens.
pub(super) fn token_of(row_id: i64) -> String {
    format!("{row_id}:{}", seams::lock_token())
}

/// A token that names an instance whose message is in no queue yet.
pub(super) fn carried_token(instance: &str) -> String {
    format!("{}:{instance}", seams::lock_token())
}

/// The instance that a token names.
pub(super) fn carried_by(token: &str) -> Option<&str> {
    let (first, instance) = token.split_once(':')?;
    first.starts_with("lock_").then_some(instance)
}

/// The queue row that a token names.
pub(super) fn row_of(token: &str) -> Option<i64> {
    token.split_once(':')?.0.parse().ok()
}

/// Sets a row aside that cannot be read; it stays visible to people, under the returned id, and stops nobody.
pub(super) fn quarantine(
    conn: &Connection,
    queue: &str,
    instance: Option<&str>,
    body: &str,
    reason: &str,
    now_ms: u64,
) -> rusqlite::Result<i64> {
    tracing::error!(queue, instance, reason, "a queue row cannot be read and was set aside");
    conn.prepare_cached(
        "INSERT INTO quarantine (queue, instance_id, body, reason, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![queue, instance, body, reason, int(now_ms)])?;
    Ok(conn.last_insert_rowid())
}
