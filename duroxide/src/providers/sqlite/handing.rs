//! Activities of a turn that go to whoever committed it, as if they had been fetched right afterwards.

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::ready;
use super::row::{ActivityRow, int, token_of};
use crate::lease::{self, Claim};
use crate::providers::express::Handover;

/// The hand-over of one turn; what it needs of the tables is read once.
pub(super) struct Handing<'a> {
    conn: &'a Connection,
    handover: &'a Handover,
    owner: &'a str,
    now_ms: u64,
    /// Next row id and fence, once the first activity was handed over.
    next: Option<(i64, u64)>,
    /// Whether the activities of a tag wait behind others, for the tag asked for last.
    waits: Option<(Option<String>, bool)>,
}

impl<'a> Handing<'a> {
    pub(super) fn new(conn: &'a Connection, handover: &'a Handover, owner: &'a str, now_ms: u64) -> Self {
        Handing { conn, handover, owner, now_ms, next: None, waits: None }
    }

    /// Puts an activity into the queue under a lease and returns its token; `None`, and nothing happens, when it may
    /// not go to the caller at once: it has a session, or a tag that is not served, or would overtake another. The
    /// caller then puts it there for others, before the next one.
    pub(super) fn enqueue(&mut self, activity: &ActivityRow) -> Result<Option<String>, StoreError> {
        let tag = activity.tag.as_deref();
        if activity.session_id.is_some() || !self.handover.tags.matches(tag) || self.waits(tag)? {
            // Its row takes the next id.
            self.next = self.next.map(|(id, last_fence)| (id + 1, last_fence));
            return Ok(None);
        }
        let (id, last_fence) = self.reserve()?;
        let claim = Claim {
            owner: self.owner,
            token: token_of(id),
            last_fence,
            now_ms: self.now_ms,
            timeout: self.handover.lock_timeout,
        };
        let lease = lease::claim(None, claim).expect("nobody holds what is not there yet");
        let identity = activity.identity.as_ref();
        self.conn
            .prepare_cached(
                "INSERT INTO worker_queue (id, work_item, instance_id, execution_id, activity_id, tag, visible_at,
                     state, lock_token, locked_until, owner, fence, attempt_count)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 2, ?8, ?9, ?10, ?11, 1)",
            )?
            .execute(params![
                id,
                activity.json,
                identity.map(|(instance, _, _)| instance),
                identity.map(|(_, execution_id, _)| int(*execution_id)),
                identity.map(|(_, _, activity_id)| int(*activity_id)),
                tag,
                int(self.now_ms),
                lease.token,
                int(lease.until_ms),
                lease.owner,
                int(lease.fence)
            ])?;
        Ok(Some(lease.token))
    }

    /// Whether an activity of this tag waits already, or one whose time or whose lease is over.
    fn waits(&mut self, tag: Option<&str>) -> rusqlite::Result<bool> {
        if let Some((asked, waits)) = &self.waits
            && asked.as_deref() == tag
        {
            return Ok(*waits);
        }
        let waits = self
            .conn
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM worker_queue WHERE state = 1 AND session_id IS NULL AND tag IS ?1)
                     OR EXISTS (SELECT 1 FROM worker_queue WHERE state = 0 AND visible_at <= ?2)
                     OR EXISTS (SELECT 1 FROM worker_queue WHERE state = 2 AND locked_until <= ?2)",
            )?
            .query_row(params![tag, int(self.now_ms)], |row| row.get(0))?;
        self.waits = Some((tag.map(str::to_owned), waits));
        Ok(waits)
    }

    /// The next row id and the fence before it. Rows and fences are reserved for all of the turn's activities at once.
    fn reserve(&mut self) -> rusqlite::Result<(i64, u64)> {
        let (id, last_fence) = match self.next {
            Some(next) => next,
            None => {
                let last: i64 = self
                    .conn
                    .prepare_cached("SELECT COALESCE(MAX(id), 0) FROM worker_queue")?
                    .query_row([], |row| row.get(0))?;
                (last + 1, ready::last_fence(self.conn, self.handover.max)?)
            }
        };
        self.next = Some((id + 1, last_fence + 1));
        Ok((id, last_fence))
    }
}
