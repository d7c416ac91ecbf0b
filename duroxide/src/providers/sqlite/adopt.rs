//! Takes over a database of 0.1: the same work, in the tables of this version.
//!
//! What it was migrated with (`_sqlx_migrations`) stays as it is. Everything happens in the transaction of the
//! migrations, so that a file is adopted whole or not at all. Programs of 0.1 that still have the file open can read
//! on; their writes miss columns and are refused.

use rusqlite::{Connection, OptionalExtension};

use super::open::SqliteOpenError;
use super::row::int;

/// The newest migration of 0.1.32, which has all that is taken over. Earlier ones lack columns, later ones are unknown.
pub(super) const KNOWN: i64 = 20_240_112_000_000;

/// Who holds leases that were taken by 0.1: nobody whose death could be proven, so that they are waited for.
const OWNER: &str = "0.1";

/// Where rows of 0.1 wait while tables of the same names are made for them.
const ASIDE: &str = "adopted_";

/// Tables of 0.1 that have a successor, with what becomes of their rows.
///
/// In the statements `?1` is now, in milliseconds since the Unix epoch, and `?2` is [`OWNER`]. `{ms:COLUMN}` is a time
/// that 0.1 wrote as text or as a number. A row is delayed (0), held (2) or ready (1); a lease that is over is noticed by
/// the next fetch, like any other.
const TABLES: &[(&str, &str)] = &[
    (
        "instances",
        "INSERT INTO instances (rowid, instance_id, orchestration_name, orchestration_version, current_execution_id,
             custom_status, custom_status_version, parent_instance_id, created_at, updated_at)
         SELECT rowid, instance_id, orchestration_name, orchestration_version, current_execution_id,
             custom_status, custom_status_version, parent_instance_id, {ms:created_at}, {ms:updated_at}
         FROM adopted_instances",
    ),
    (
        "executions",
        "INSERT INTO executions (instance_id, execution_id, status, output, duroxide_version_major,
             duroxide_version_minor, duroxide_version_patch, started_at, completed_at)
         SELECT instance_id, execution_id, status, output, duroxide_version_major,
             duroxide_version_minor, duroxide_version_patch, {ms:started_at},
             CASE WHEN status <> 'Running' THEN {ms:completed_at} END
         FROM adopted_executions",
    ),
    (
        "history",
        "INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data)
         SELECT instance_id, execution_id, event_id, event_type, event_data FROM adopted_history",
    ),
    (
        "instance_locks",
        "INSERT INTO instance_locks (instance_id, lock_token, locked_until, locked_at, owner, fence)
         SELECT instance_id, lock_token, locked_until, locked_at, ?2, 0 FROM adopted_instance_locks",
    ),
    (
        "orchestrator_queue",
        "INSERT INTO orchestrator_queue (id, instance_id, work_item, state, visible_at, enqueued_at, lock_token,
             attempt_count)
         SELECT id, instance_id, work_item,
             CASE WHEN {ms:visible_at} > ?1 THEN 0
                 WHEN EXISTS (SELECT 1 FROM instance_locks l WHERE l.instance_id = q.instance_id) THEN 2
                 ELSE 1 END,
             {ms:visible_at}, {ms:created_at}, lock_token, attempt_count
         FROM adopted_orchestrator_queue q",
    ),
    (
        // Nothing of 0.1.32 writes here; a file that is older may have rows.
        "timer_queue",
        "INSERT INTO orchestrator_queue (instance_id, work_item, state, visible_at, enqueued_at)
         SELECT json_extract(work_item, '$.TimerFired.instance'), work_item, 0, {ms:fire_at}, {ms:created_at}
         FROM adopted_timer_queue WHERE json_valid(work_item) AND json_extract(work_item, '$.TimerFired') IS NOT NULL
         ORDER BY id",
    ),
    (
        "worker_queue",
        "INSERT INTO worker_queue (id, work_item, instance_id, execution_id, activity_id, session_id, tag, state,
             visible_at, lock_token, locked_until, owner, fence, attempt_count)
         SELECT id, work_item, instance_id, execution_id, activity_id, session_id, tag,
             CASE WHEN visible_at > ?1 THEN 0
                 WHEN lock_token IS NOT NULL AND locked_until IS NOT NULL THEN 2
                 ELSE 1 END,
             visible_at, lock_token, locked_until, IIF(lock_token IS NULL, NULL, ?2), IIF(lock_token IS NULL, NULL, 0),
             attempt_count
         FROM adopted_worker_queue",
    ),
    (
        "sessions",
        "INSERT INTO sessions (session_id, worker_id, owner, locked_until, last_activity_at)
         SELECT session_id, worker_id, ?2, locked_until, last_activity_at FROM adopted_sessions",
    ),
    (
        "kv_store",
        "INSERT INTO kv_store (instance_id, key, value, last_updated_at_ms)
         SELECT instance_id, key, value, last_updated_at_ms FROM adopted_kv_store",
    ),
    (
        "kv_delta",
        "INSERT INTO kv_delta (instance_id, key, value, last_updated_at_ms)
         SELECT instance_id, key, value, last_updated_at_ms FROM adopted_kv_delta",
    ),
];

/// Whether a database without a version of ours is one of 0.1.
///
/// # Errors
/// When it is one that cannot be taken over.
pub(super) fn is_published(conn: &Connection) -> Result<bool, SqliteOpenError> {
    let table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'";
    if conn.query_row(table, [], |_| Ok(())).optional()?.is_none() {
        return Ok(false);
    }
    let newest = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";
    let found = conn.query_row(newest, [], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0);
    if found == KNOWN { Ok(true) } else { Err(SqliteOpenError::UnknownMigration { expected: KNOWN, found }) }
}

/// Makes room for tables of the same names. Views of other programs go on naming them as before.
pub(super) fn set_aside(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "legacy_alter_table", true)?;
    let renamed = TABLES
        .iter()
        .try_for_each(|(table, _)| conn.execute_batch(&format!("ALTER TABLE {table} RENAME TO {ASIDE}{table}")));
    conn.pragma_update(None, "legacy_alter_table", false)?;
    renamed
}

/// Brings the rows into tables of the first schema of ours. Later migrations then treat them like any others.
pub(super) fn move_in(conn: &Connection, now_ms: u64) -> rusqlite::Result<()> {
    for (_, insert) in TABLES {
        let mut statement = conn.prepare(&with_times(insert))?;
        // Not every statement names both.
        for (index, value) in [(1, int(now_ms).into()), (2, rusqlite::types::Value::from(OWNER.to_owned()))] {
            if index <= statement.parameter_count() {
                statement.raw_bind_parameter(index, value)?;
            }
        }
        statement.raw_execute()?;
    }
    for (table, _) in TABLES {
        conn.execute_batch(&format!("DROP TABLE {ASIDE}{table}"))?;
    }
    Ok(())
}

/// Replaces `{ms:COLUMN}` by the milliseconds in it: 0.1 let SQLite write the current time as text in seconds, and wrote
/// milliseconds itself. What is neither counts as now.
fn with_times(sql: &str) -> String {
    let mut written = String::new();
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once("{ms:") {
        let (column, after) = after.split_once('}').expect("every time in the table is closed");
        written.push_str(before);
        written.push_str(&format!(
            "COALESCE(IIF(typeof({column}) = 'text', CAST(unixepoch({column}, 'subsec') * 1000 AS INTEGER), \
             CAST({column} AS INTEGER)), ?1)"
        ));
        rest = after;
    }
    written + rest
}
