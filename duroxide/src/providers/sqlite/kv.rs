//! Key-values: committed, in flight, merged.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::row::{int, uint};
use crate::model::event::{Event, EventKind};
use crate::model::item::KvEntry;

/// What an event does to the key-values of its instance.
#[derive(Debug)]
pub(super) enum KvChange {
    Set { key: String, value: String, last_updated_at_ms: u64 },
    Clear { key: String },
    ClearAll,
}

/// The changes that these events make, in order.
pub(super) fn changes(events: &[Event]) -> Vec<KvChange> {
    events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::KeyValueSet { key, value, last_updated_at_ms } => {
                Some(KvChange::Set { key: key.clone(), value: value.clone(), last_updated_at_ms: *last_updated_at_ms })
            }
            EventKind::KeyValueCleared { key } => Some(KvChange::Clear { key: key.clone() }),
            EventKind::KeyValuesCleared => Some(KvChange::ClearAll),
            _ => None,
        })
        .collect()
}

/// Changes of the running execution go into the delta; a removed key stays there as a tombstone.
pub(super) fn apply(conn: &Connection, instance: &str, changes: &[KvChange]) -> rusqlite::Result<()> {
    for change in changes {
        match change {
            KvChange::Set { key, value, last_updated_at_ms } => {
                put(conn, instance, key, Some(value), *last_updated_at_ms)?
            }
            KvChange::Clear { key } => put(conn, instance, key, None, 0)?,
            KvChange::ClearAll => clear_all(conn, instance)?,
        }
    }
    Ok(())
}

fn put(conn: &Connection, instance: &str, key: &str, value: Option<&String>, at_ms: u64) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO kv_delta (instance_id, key, value, last_updated_at_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET value = excluded.value, last_updated_at_ms = excluded.last_updated_at_ms",
    )?
    .execute(params![instance, key, value, int(at_ms)])?;
    Ok(())
}

fn clear_all(conn: &Connection, instance: &str) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE kv_delta SET value = NULL WHERE instance_id = ?1")?.execute([instance])?;
    conn.prepare_cached(
        "INSERT OR IGNORE INTO kv_delta (instance_id, key, value, last_updated_at_ms)
         SELECT instance_id, key, NULL, 0 FROM kv_store WHERE instance_id = ?1",
    )?
    .execute([instance])?;
    Ok(())
}

/// The execution ended: its changes become those that the next one finds.
pub(super) fn fold(conn: &Connection, instance: &str) -> rusqlite::Result<()> {
    let changed = conn
        .prepare_cached("SELECT 1 FROM kv_delta WHERE instance_id = ?1 LIMIT 1")?
        .query_row([instance], |_| Ok(()))
        .optional()?;
    if changed.is_none() {
        return Ok(());
    }
    conn.prepare_cached(
        "INSERT INTO kv_store (instance_id, key, value, last_updated_at_ms)
         SELECT instance_id, key, value, last_updated_at_ms FROM kv_delta
         WHERE instance_id = ?1 AND value IS NOT NULL
         ON CONFLICT DO UPDATE SET value = excluded.value, last_updated_at_ms = excluded.last_updated_at_ms",
    )?
    .execute([instance])?;
    conn.prepare_cached(
        "DELETE FROM kv_store WHERE instance_id = ?1 AND key IN
             (SELECT key FROM kv_delta WHERE instance_id = ?1 AND value IS NULL)",
    )?
    .execute([instance])?;
    conn.prepare_cached("DELETE FROM kv_delta WHERE instance_id = ?1")?.execute([instance])?;
    Ok(())
}

/// What earlier executions left; the running one brings its own changes.
pub(super) fn snapshot(conn: &Connection, instance: &str) -> rusqlite::Result<HashMap<String, KvEntry>> {
    conn.prepare_cached("SELECT key, value, last_updated_at_ms FROM kv_store WHERE instance_id = ?1")?
        .query_map([instance], |row| {
            let entry = KvEntry { value: row.get(1)?, last_updated_at_ms: uint(row, 2)? };
            Ok((row.get(0)?, entry))
        })?
        .collect()
}

/// One value as a reader sees it: the delta hides the store.
pub(super) fn get(conn: &Connection, instance: &str, key: &str) -> rusqlite::Result<Option<String>> {
    let in_flight: Option<Option<String>> = conn
        .prepare_cached("SELECT value FROM kv_delta WHERE instance_id = ?1 AND key = ?2")?
        .query_row([instance, key], |row| row.get(0))
        .optional()?;
    match in_flight {
        Some(value) => Ok(value),
        None => conn
            .prepare_cached("SELECT value FROM kv_store WHERE instance_id = ?1 AND key = ?2")?
            .query_row([instance, key], |row| row.get(0))
            .optional(),
    }
}

/// All values as a reader sees them.
pub(super) fn get_all(conn: &Connection, instance: &str) -> rusqlite::Result<HashMap<String, String>> {
    conn.prepare_cached(
        "SELECT key, value FROM kv_delta WHERE instance_id = ?1 AND value IS NOT NULL
         UNION ALL
         SELECT key, value FROM kv_store s WHERE instance_id = ?1 AND NOT EXISTS
             (SELECT 1 FROM kv_delta d WHERE d.instance_id = s.instance_id AND d.key = s.key)",
    )?
    .query_map([instance], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}
