//! Which rows may be taken next: delayed, ready or parked, and whom to wake.

use std::sync::Arc;
use std::time::Duration;

use super::error::{Kind, StoreError};
use super::hints::Hints;
use super::lane::{Reply, Serve};
use super::row::{ActivityRow, MessageRow, int, loaded, number};
use super::writer::{Db, Durability, Tx, database_ms, with_repeats};
use crate::clock;
use crate::model::limits::ORPHANS_KEPT;
use crate::model::status::OrchestrationStatus;
use crate::providers::signal::WorkQueue;

/// Rows that one transaction makes ready when they fall due.
const PROMOTED: i64 = 5_000;

/// Whom to wake once the transaction is committed; times are those of the database's clock.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    messages: bool,
    activities: bool,
    due: Vec<(WorkQueue, u64)>,
    /// Instances of which waiting clients see a difference, each with its status if it has ended and is known.
    news: Vec<(String, Option<OrchestrationStatus>)>,
}

impl Wakes {
    /// Rows of this queue are visible.
    pub(super) fn ready(&mut self, queue: WorkQueue) {
        match queue {
            WorkQueue::Orchestrator => self.messages = true,
            WorkQueue::Worker => self.activities = true,
        }
    }

    /// A row of this queue is or becomes visible then.
    pub(super) fn visible(&mut self, queue: WorkQueue, visible_at: u64, now_ms: u64) {
        if visible_at > now_ms {
            self.due.push((queue, visible_at));
        } else {
            self.ready(queue);
        }
    }

    /// Whoever waits for this instance sees a difference: its end, if that is known.
    pub(super) fn news(&mut self, instance: String, end: Option<OrchestrationStatus>) {
        self.news.push((instance, end));
    }

    /// Wakes them, here at once and on other machines soon.
    pub(super) fn ring(self, db: &Db, hints: &Hints) {
        for (queue, at_ms) in self.due {
            // A millisecond later than due: the clocks are compared to the millisecond only.
            hints.signal().ready_at(queue, db.here_ms(at_ms).saturating_add(1));
        }
        if self.messages {
            hints.tell(WorkQueue::Orchestrator);
        }
        if self.activities {
            hints.tell(WorkQueue::Worker);
        }
        for (instance, end) in self.news {
            hints.tell_changed(instance.clone());
            match end {
                Some(end) => hints.signal().ended(&instance, end),
                None => hints.signal().changed(&instance),
            }
        }
    }
}

/// Messages that fell due may be taken from now on.
pub(super) async fn promote_messages(db: &Db, tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.all(
        db.query(
            "UPDATE @.orchestrator_queue q SET state = 1 FROM (
                 SELECT instance_id, id FROM @.orchestrator_queue WHERE state = 0 AND visible_at <= @now
                 ORDER BY visible_at LIMIT $1 FOR UPDATE SKIP LOCKED) due
             WHERE q.instance_id = due.instance_id AND q.id = due.id",
        )
        .bind(PROMOTED),
    )
    .await?;
    Ok(())
}

/// Activities that fell due may be taken from now on.
pub(super) async fn promote_activities(db: &Db, tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.all(
        db.query(
            "UPDATE @.worker_queue w SET state = 1 FROM (
                 SELECT instance_id, execution_id, activity_id, id FROM @.worker_queue
                 WHERE state = 0 AND visible_at <= @now ORDER BY visible_at LIMIT $1 FOR UPDATE SKIP LOCKED) due
             WHERE w.instance_id = due.instance_id AND w.execution_id = due.execution_id
                 AND w.activity_id = due.activity_id AND w.id = due.id",
        )
        .bind(PROMOTED),
    )
    .await?;
    Ok(())
}

/// Puts the batch of an instance that this transaction holds aside until the instance exists: its messages must neither
/// block the queue's head nor be lost at once. The batch that starts the instance takes them along, because it takes all
/// that is visible.
///
/// Only the batch: a start that was committed, or fell due, since the batch was read must stay where it is found. And only
/// what nobody else looks at: whoever does waits for this lease, and would be waited for.
pub(super) async fn park(db: &Db, tx: &mut Tx<'_>, instance: &str) -> Result<(), StoreError> {
    tx.all(
        db.query(
            "UPDATE @.orchestrator_queue q SET state = 3 FROM (
                 SELECT q.id FROM @.instance_locks l JOIN @.orchestrator_queue q
                     ON q.instance_id = l.instance_id AND q.id = ANY(l.batch)
                 WHERE l.instance_id = $1 FOR UPDATE OF q SKIP LOCKED) own
             WHERE q.instance_id = $1 AND q.id = own.id",
        )
        .bind(instance.to_owned()),
    )
    .await?;
    tx.all(
        db.query(
            "WITH old AS MATERIALIZED (SELECT instance_id, id FROM @.orchestrator_queue
                 WHERE state = 3 AND enqueued_at < @now - $1 FOR UPDATE SKIP LOCKED)
             DELETE FROM @.orchestrator_queue q USING old WHERE q.instance_id = old.instance_id AND q.id = old.id",
        )
        .bind(int(clock::as_ms(ORPHANS_KEPT))),
    )
    .await?;
    Ok(())
}

/// One message on its way into the queue.
#[derive(Debug)]
pub(super) struct Posting {
    pub(super) message: MessageRow,
    pub(super) delay: Duration,
    pub(super) reply: Reply<()>,
}

/// Puts messages into the queues of their instances.
pub(super) struct Post {
    pub(super) db: Arc<Db>,
    pub(super) hints: Arc<Hints>,
}

/// Inserts messages in their order, visible after a delay in milliseconds.
pub(super) const INSERT_MESSAGES: &str = "
    WITH clock AS MATERIALIZED (SELECT @now AS ms)
    INSERT INTO @.orchestrator_queue (instance_id, work_item, state, visible_at, enqueued_at)
    SELECT m.instance_id, m.work_item, CASE WHEN m.delay_ms > 0 THEN 0 ELSE 1 END,
        clock.ms + LEAST(m.delay_ms, 9223372036854775807 - clock.ms), clock.ms
    FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS m (instance_id, work_item, delay_ms, n), clock
    ORDER BY m.n
    RETURNING enqueued_at, visible_at";

impl Serve for Post {
    type Request = Posting;

    async fn serve(&self, mut batch: Vec<Posting>) {
        batch.retain(|posting| posting.reply.is_wanted());
        match self.insert(&batch).await {
            Err(error) if batch.len() > 1 && error.kind() == Kind::Permanent => {
                // One of them is to blame; the others go on.
                for posting in batch {
                    let outcome = self.insert(std::slice::from_ref(&posting)).await;
                    posting.reply.send(outcome);
                }
            }
            outcome => batch.into_iter().for_each(|posting| posting.reply.send(outcome.clone())),
        }
    }
}

impl Post {
    async fn insert(&self, batch: &[Posting]) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let wakes = with_repeats(|| self.try_insert(batch)).await?;
        wakes.ring(&self.db, &self.hints);
        Ok(())
    }

    async fn try_insert(&self, batch: &[Posting]) -> Result<Wakes, StoreError> {
        let mut tx = self.db.begin(Durability::Flushed).await?;
        let insert = self
            .db
            .query(INSERT_MESSAGES)
            .bind(batch.iter().map(|posting| posting.message.instance.clone()).collect::<Vec<_>>())
            .bind(batch.iter().map(|posting| posting.message.json.clone()).collect::<Vec<_>>())
            .bind(batch.iter().map(|posting| int(clock::as_ms(posting.delay))).collect::<Vec<_>>());
        let rows = match tx.all(insert).await {
            Ok(rows) => rows,
            Err(error) => {
                tx.rollback().await;
                return Err(error);
            }
        };
        let mut wakes = Wakes::default();
        for row in &rows {
            wakes.visible(WorkQueue::Orchestrator, number(row, 1)?, number(row, 0)?);
        }
        database_ms(&self.db, &rows[0], 0)?;
        tx.commit_surely().await?;
        Ok(wakes)
    }
}

/// Refuses a message when `waiting_max` or more wait for its instance. Costs a step into an index for each that waits.
pub(super) async fn check_room(db: &Db, instance: &str, waiting_max: usize) -> Result<(), StoreError> {
    let full = || StoreError::Full { instance: loaded(instance.to_owned()), waiting_max };
    let last = waiting_max.checked_sub(1).ok_or_else(full)?;
    let one_too_many = db
        .optional(|| {
            db.query("SELECT 1 FROM @.orchestrator_queue WHERE instance_id = $1 LIMIT 1 OFFSET $2")
                .bind(instance.to_owned())
                .bind(int(last as u64))
        })
        .await?;
    if one_too_many.is_none() { Ok(()) } else { Err(full()) }
}

/// Puts an activity into the queue, visible now.
pub(super) async fn enqueue_activity(db: &Db, hints: &Hints, activity: &ActivityRow) -> Result<(), StoreError> {
    with_repeats(|| insert_activity(db, activity)).await?;
    hints.tell(WorkQueue::Worker);
    Ok(())
}

async fn insert_activity(db: &Db, activity: &ActivityRow) -> Result<(), StoreError> {
    let mut tx = db.begin(Durability::Flushed).await?;
    let insert = db
        .query(
            "INSERT INTO @.worker_queue (instance_id, execution_id, activity_id, work_item, session_id, tag, state,
                 visible_at)
             VALUES ($1, $2, $3, $4, $5, $6, 1, @now)",
        )
        .bind(activity.identity.instance.clone())
        .bind(activity.identity.execution_id)
        .bind(activity.identity.activity_id)
        .bind(activity.json.clone())
        .bind(activity.session_id.clone())
        .bind(activity.tag.clone());
    tx.all(insert).await?;
    tx.commit_surely().await
}
