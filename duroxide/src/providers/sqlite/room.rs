//! Whether an instance may be sent another message.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::row::int;

/// Refuses a message when `waiting_max` or more wait for its instance. Costs a step into an index for each that waits.
pub(super) fn check(conn: &Connection, instance: &str, waiting_max: usize) -> Result<(), StoreError> {
    let Some(last) = waiting_max.checked_sub(1) else {
        return Err(StoreError::Full { instance: instance.to_owned(), waiting_max });
    };
    let one_too_many = conn
        .prepare_cached("SELECT 1 FROM orchestrator_queue WHERE instance_id = ?1 LIMIT 1 OFFSET ?2")?
        .query_row(params![instance, int(last as u64)], |_| Ok(()))
        .optional()?;
    match one_too_many {
        None => Ok(()),
        Some(()) => Err(StoreError::Full { instance: instance.to_owned(), waiting_max }),
    }
}
