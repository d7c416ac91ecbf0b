//! Append and read events.

use sqlx::postgres::PgRow;

use super::error::{StoreError, is_duplicate};
use super::row::{int, number, stored, to_json};
use super::writer::{Db, Durability};
use crate::codec::told;
use crate::model::event::Event;

/// An event on its way into history.
#[derive(Debug, Clone)]
pub(super) struct EventRow {
    pub(super) event_id: i64,
    pub(super) event_type: &'static str,
    pub(super) json: String,
}

/// An event as it is stored, not yet read.
#[derive(Debug)]
pub(super) struct StoredEvent {
    event_id: u64,
    json: String,
}

impl StoredEvent {
    /// From the columns `event_id` and `event_data`, which stand at these places. JSON is never escaped twice.
    pub(super) fn from_row(row: &PgRow, event_id: usize, event_data: usize) -> Result<Self, StoreError> {
        let json = sqlx::Row::try_get(row, event_data)?;
        Ok(StoredEvent { event_id: number(row, event_id)?, json })
    }
}

/// Serializes events; an id of 0 is refused. Done by the caller, so that the lane does not have to.
pub(super) fn to_rows(events: &[Event]) -> Result<Vec<EventRow>, StoreError> {
    events
        .iter()
        .map(|event| {
            if event.event_id == 0 {
                return Err(StoreError::Refused("event id 0: ids start at 1".to_owned()));
            }
            Ok(EventRow { event_id: int(event.event_id), event_type: event.kind.wire_type(), json: to_json(event)? })
        })
        .collect()
}

/// Which event a refused append already met. The database's own words would tell more than they should.
pub(super) async fn explain(
    db: &Db,
    error: StoreError,
    instance: &str,
    execution_id: i64,
    rows: &[EventRow],
) -> StoreError {
    if !is_duplicate(&error) {
        return error;
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.event_id).collect();
    let taken = || {
        let taken = db.query(
            "SELECT event_id FROM @.history WHERE instance_id = $1 AND execution_id = $2 AND event_id = ANY($3)
             ORDER BY event_id LIMIT 1",
        );
        taken.bind(instance.to_owned()).bind(execution_id).bind(ids.clone())
    };
    let stored = match db.optional(taken).await {
        Ok(row) => row.and_then(|row| number(&row, 0).ok()),
        Err(_) => None,
    };
    let twice = || (1..ids.len()).find(|at| ids[..*at].contains(&ids[*at])).map(|at| super::row::uint(ids[at]));
    match stored.or_else(twice) {
        Some(id) => StoreError::Refused(format!("duplicate event id {id} in execution {execution_id} of {instance}")),
        None => StoreError::Refused(format!("duplicate row in execution {execution_id} of {instance}")),
    }
}

/// Appends rows as they are; what is there already is neither read nor written again.
pub(super) async fn append(db: &Db, instance: &str, execution_id: u64, rows: &[EventRow]) -> Result<(), StoreError> {
    let mut tx = db.begin(Durability::Flushed).await?;
    let appended = tx
        .all(
            db.query(
                "INSERT INTO @.history (instance_id, execution_id, event_id, event_type, event_data)
                 SELECT $1, $2, * FROM unnest($3::bigint[], $4::text[], $5::text[])",
            )
            .bind(stored(instance).into_owned())
            .bind(int(execution_id))
            .bind(rows.iter().map(|row| row.event_id).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.event_type).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.json.clone()).collect::<Vec<_>>()),
        )
        .await;
    match appended {
        Ok(_) => tx.commit_surely().await,
        Err(error) => {
            tx.rollback().await;
            Err(explain(db, error, &stored(instance), int(execution_id), rows).await)
        }
    }
}

/// The events of one execution, or of the newest one, ascending.
pub(super) async fn events(db: &Db, instance: &str, execution_id: Option<u64>) -> Result<Vec<Event>, StoreError> {
    let rows = db
        .all(|| {
            db.query(
                "SELECT event_id, event_data FROM @.history WHERE instance_id = $1 AND execution_id = COALESCE($2,
                     (SELECT max(execution_id) FROM @.executions WHERE instance_id = $1), 1)
                 ORDER BY event_id",
            )
            .bind(stored(instance).into_owned())
            .bind(execution_id.map(int))
        })
        .await?;
    let stored = rows.iter().map(|row| StoredEvent::from_row(row, 0, 1)).collect::<Result<Vec<_>, _>>()?;
    read(&stored)
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
