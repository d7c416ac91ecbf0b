//! Who owns which session.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::row::int;
use crate::model::filter::SessionFetchConfig;
use crate::{clock, lease};

/// Takes or refreshes a session; `false` when somebody else holds it.
pub(super) fn claim(
    conn: &Connection,
    session_id: &str,
    session: &SessionFetchConfig,
    owner: &str,
    now_ms: u64,
) -> rusqlite::Result<bool> {
    let claimed = conn
        .prepare_cached(
            "INSERT INTO sessions (session_id, worker_id, locked_until, last_activity_at, owner)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET worker_id = excluded.worker_id, locked_until = excluded.locked_until,
                 last_activity_at = excluded.last_activity_at, owner = excluded.owner
             WHERE sessions.worker_id = excluded.worker_id OR sessions.locked_until <= excluded.last_activity_at",
        )?
        .execute(params![
            session_id,
            session.owner_id,
            int(lease::until(now_ms, session.lock_timeout)),
            int(now_ms),
            owner
        ])?;
    Ok(claimed > 0)
}

/// An activity of the session was acknowledged or renewed; a session whose lease ended stays as it is.
pub(super) fn touch(conn: &Connection, session_id: &str, now_ms: u64) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE sessions SET last_activity_at = ?2 WHERE session_id = ?1 AND locked_until > ?2")?
        .execute(params![session_id, int(now_ms)])?;
    Ok(())
}

/// Extends the live sessions of these owners that were active of late; returns how many.
pub(super) fn renew(
    conn: &Connection,
    owner_ids: &[String],
    extend_for: Duration,
    idle_timeout: Duration,
) -> rusqlite::Result<usize> {
    let now_ms = clock::now_ms();
    // Signed, because an idle timeout longer than the clock's age leaves every session active.
    let idle_since = int(now_ms).saturating_sub(int(clock::as_ms(idle_timeout)));
    let mut renewed = 0;
    let mut statement = conn.prepare_cached(
        "UPDATE sessions SET locked_until = ?2 WHERE worker_id = ?1 AND locked_until > ?3 AND last_activity_at > ?4",
    )?;
    for owner_id in owner_ids {
        renewed +=
            statement.execute(params![owner_id, int(lease::until(now_ms, extend_for)), int(now_ms), idle_since])?;
    }
    Ok(renewed)
}

/// Deletes sessions whose lease ended and that no activity refers to; returns how many.
pub(super) fn cleanup(conn: &Connection) -> rusqlite::Result<usize> {
    conn.prepare_cached(
        "DELETE FROM sessions WHERE locked_until <= ?1 AND NOT EXISTS
             (SELECT 1 FROM worker_queue w WHERE w.session_id = sessions.session_id)",
    )?
    .execute([int(clock::now_ms())])
}
