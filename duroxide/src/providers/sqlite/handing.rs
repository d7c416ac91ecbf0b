//! Activities of a turn that go to whoever committed it, as if they had been fetched right afterwards.

use std::sync::LazyLock;

use rusqlite::{Connection, ToSql};

use super::error::StoreError;
use super::row::{ActivityRow, int, token_of};
use super::several::{AT_ONCE, Inserts};
use super::worker::{self, Queue};
use crate::lease::{self, Claim, Lease};
use crate::providers::express::Handover;

/// The hand-over of one turn; what it needs of the tables is read once.
pub(super) struct Handing<'a> {
    conn: &'a Connection,
    handover: &'a Handover,
    owner: &'a str,
    now_ms: u64,
    /// As it was before the first activity of this turn.
    queue: Option<Queue>,
    /// Handed over, and not yet in the queue.
    placed: Vec<Placed<'a>>,
}

/// An activity and the row that it will have.
struct Placed<'a> {
    id: i64,
    activity: &'a ActivityRow,
    lease: Lease,
}

static INSERTS: LazyLock<Inserts> = LazyLock::new(|| {
    const INSERT: &str =
        "INSERT OR FAIL INTO worker_queue (visible_at, locked_until, owner, id, work_item, instance_id,
         execution_id, activity_id, tag, lock_token, fence, state, attempt_count)";
    Inserts::new(INSERT, 4, 8, |own| {
        let own: Vec<String> = (own..own + 8).map(|number| format!("?{number}")).collect();
        format!("(?1, ?2, ?3, {}, 2, 1)", own.join(", "))
    })
});

impl<'a> Handing<'a> {
    pub(super) fn new(conn: &'a Connection, handover: &'a Handover, owner: &'a str, now_ms: u64) -> Self {
        Handing { conn, handover, owner, now_ms, queue: None, placed: Vec::new() }
    }

    /// Takes an activity for the queue under a lease and returns its token; `None`, and nothing happens, when it may
    /// not go to the caller at once: it has a session, or a tag that is not served, or would overtake another that the
    /// caller could take. The caller then puts it there for others, before the next one.
    pub(super) fn enqueue(&mut self, activity: &'a ActivityRow) -> Result<Option<String>, StoreError> {
        let tag = activity.tag.as_deref();
        let (conn, handover) = (self.conn, self.handover);
        let queue = match &mut self.queue {
            Some(queue) => queue,
            None => self.queue.insert(worker::queue(conn, &handover.tags, self.owner, self.now_ms)?),
        };
        // Its row takes the next id in any case. Whatever a fetch of the caller would find must not be overtaken: slots that
        // are always handed the newest never ask for the oldest.
        queue.last_id += 1;
        if activity.session_id.is_some() || !handover.tags.matches(tag) || queue.waits {
            self.store()?;
            return Ok(None);
        }
        let (id, last_fence) = (queue.last_id, queue.last_fence);
        let (token, timeout) = (token_of(id), handover.lock_timeout);
        let claim = Claim { owner: self.owner, token, last_fence, now_ms: self.now_ms, timeout };
        let lease = lease::claim(None, claim).expect("nobody holds what is not there yet");
        let token = lease.token.clone();
        self.placed.push(Placed { id, activity, lease });
        Ok(Some(token))
    }

    /// Puts what was taken into the queue: before others put theirs there, and at the end.
    pub(super) fn store(&mut self) -> rusqlite::Result<()> {
        let Some(first) = self.placed.first() else {
            return Ok(());
        };
        // All were leased at the same moment, for as long.
        let (now, until) = (int(self.now_ms), int(first.lease.until_ms));
        for placed in self.placed.chunks(AT_ONCE) {
            let numbers: Vec<Numbers> = placed.iter().map(Placed::numbers).collect();
            let mut parameters: Vec<&dyn ToSql> = vec![&now, &until, &self.owner];
            for (Placed { activity, lease, .. }, numbers) in placed.iter().zip(&numbers) {
                let Numbers { id, instance, execution_id, activity_id, fence } = numbers;
                parameters.extend([id as &dyn ToSql, &activity.json, instance, execution_id]);
                parameters.extend([activity_id as &dyn ToSql, &activity.tag, &lease.token, fence]);
            }
            self.conn.prepare_cached(INSERTS.of(placed.len()))?.execute(&*parameters)?;
        }
        self.placed.clear();
        Ok(())
    }
}

/// Of a row, what has to be turned into what SQLite takes.
struct Numbers<'a> {
    id: i64,
    instance: Option<&'a str>,
    execution_id: Option<i64>,
    activity_id: Option<i64>,
    fence: i64,
}

impl Placed<'_> {
    fn numbers(&self) -> Numbers<'_> {
        let identity = self.activity.identity.as_ref();
        Numbers {
            id: self.id,
            instance: identity.map(|(instance, _, _)| instance.as_str()),
            execution_id: identity.map(|(_, execution_id, _)| int(*execution_id)),
            activity_id: identity.map(|(_, _, activity_id)| int(*activity_id)),
            fence: int(self.lease.fence),
        }
    }
}
