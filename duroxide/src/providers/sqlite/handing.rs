//! Activities of a turn that go to whoever committed it, as if they had been fetched right afterwards.

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::row::{ActivityRow, int, token_of};
use super::{ready, worker};
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
    /// Whether an activity waits that the caller could take as well, before any of this turn.
    overtakes: Option<bool>,
}

impl<'a> Handing<'a> {
    pub(super) fn new(conn: &'a Connection, handover: &'a Handover, owner: &'a str, now_ms: u64) -> Self {
        Handing { conn, handover, owner, now_ms, next: None, overtakes: None }
    }

    /// Puts an activity into the queue under a lease and returns its token; `None`, and nothing happens, when it may
    /// not go to the caller at once: it has a session, or a tag that is not served, or would overtake another that the
    /// caller could take. The caller then puts it there for others, before the next one.
    pub(super) fn enqueue(&mut self, activity: &ActivityRow) -> Result<Option<String>, StoreError> {
        let tag = activity.tag.as_deref();
        if activity.session_id.is_some() || !self.handover.tags.matches(tag) || self.overtakes()? {
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

    /// Whether a fetch by the caller would find an activity that is older than this turn. Whatever it would find must
    /// not be overtaken: slots that are always handed the newest never ask for the oldest.
    fn overtakes(&mut self) -> rusqlite::Result<bool> {
        if let Some(overtakes) = self.overtakes {
            return Ok(overtakes);
        }
        let overtakes = worker::waits_for(self.conn, &self.handover.tags, self.owner, self.now_ms)?;
        self.overtakes = Some(overtakes);
        Ok(overtakes)
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
