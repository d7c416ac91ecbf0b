//! Which rows may be taken next: delayed, ready or parked, and whom to wake.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;

use super::error::{Kind, StoreError};
use super::hints::Hints;
use super::lane::{Reply, Serve};
use super::row::{ActivityRow, MessageRow, int, loaded, number};
use super::standing::{Offer, Standing};
use super::writer::{Db, Durability, Query, Tx, database_ms, with_repeats};
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
    /// Refused when so many wait for the instance, or more.
    pub(super) waiting_max: Option<usize>,
    pub(super) reply: Reply<()>,
}

/// Puts messages into the queues of their instances.
pub(super) struct Post {
    pub(super) db: Arc<Db>,
    pub(super) hints: Arc<Hints>,
    pub(super) standing: Standing,
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

/// The same for messages of which each may find its instance's queue full: $4 is how many may wait there but one, or null.
/// Those of this statement count as well. Costs a step into an index for each that waits, once for each instance.
const POST: &str = "
    WITH clock AS MATERIALIZED (SELECT @now AS ms),
    given AS MATERIALIZED (
        SELECT m.*, row_number() OVER (PARTITION BY m.instance_id ORDER BY m.n) - 1 AS before
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY
            AS m (instance_id, work_item, delay_ms, waiting_last, n)),
    waiting AS MATERIALIZED (
        SELECT i.instance_id, (SELECT count(*) FROM (
            SELECT 1 FROM @.orchestrator_queue q WHERE q.instance_id = i.instance_id LIMIT i.last + 1) few) AS found
        FROM (SELECT instance_id, max(waiting_last) AS last FROM given WHERE waiting_last IS NOT NULL
            GROUP BY instance_id) i),
    checked AS MATERIALIZED (
        SELECT g.*, g.waiting_last IS NULL OR g.before + w.found <= g.waiting_last AS fits
        FROM given g LEFT JOIN waiting w ON w.instance_id = g.instance_id),
    posted AS (
        INSERT INTO @.orchestrator_queue (instance_id, work_item, state, visible_at, enqueued_at)
        SELECT c.instance_id, c.work_item, CASE WHEN c.delay_ms > 0 THEN 0 ELSE 1 END,
            clock.ms + LEAST(c.delay_ms, 9223372036854775807 - clock.ms), clock.ms
        FROM checked c, clock WHERE c.fits ORDER BY c.n)
    SELECT clock.ms, clock.ms + LEAST(c.delay_ms, 9223372036854775807 - clock.ms), c.fits
    FROM checked c, clock ORDER BY c.n";

impl Serve for Post {
    type Request = Posting;

    async fn serve(&self, mut batch: Vec<Posting>) {
        batch.retain(|posting| posting.reply.is_wanted());
        match self.insert(&batch).await {
            Err(error) if batch.len() > 1 && error.kind() == Kind::Permanent => {
                // One of them is to blame; the others go on.
                for posting in batch {
                    let fits = self.insert(std::slice::from_ref(&posting)).await;
                    posting.answer(fits.map(|fits| fits[0]));
                }
            }
            Ok(fits) => batch.into_iter().zip(fits).for_each(|(posting, fits)| posting.answer(Ok(fits))),
            Err(error) => batch.into_iter().for_each(|posting| posting.answer(Err(error.clone()))),
        }
    }
}

impl Posting {
    fn answer(self, fits: Result<bool, StoreError>) {
        let Posting { message, waiting_max, reply, .. } = self;
        reply.send(match (fits, waiting_max) {
            (Ok(false), Some(waiting_max)) => Err(StoreError::Full { instance: loaded(message.instance), waiting_max }),
            (Ok(_), _) => Ok(()),
            (Err(error), _) => Err(error),
        });
    }

    /// The last place in the queue that may be taken; -1 when there is none.
    fn waiting_last(&self) -> Option<i64> {
        self.waiting_max.map(|max| int(max as u64) - 1)
    }
}

impl Post {
    /// Whether each was put into its queue, or found that full.
    async fn insert(&self, batch: &[Posting]) -> Result<Vec<bool>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let (wakes, fits) = with_repeats(|| self.try_insert(batch)).await?;
        wakes.ring(&self.db, &self.hints);
        Ok(fits)
    }

    async fn try_insert(&self, batch: &[Posting]) -> Result<(Wakes, Vec<bool>), StoreError> {
        let now = batch.iter().filter(|posting| posting.delay.is_zero());
        let mut offer = self.standing.offer(now.map(|posting| &posting.message.instance));
        let mut tx = self.db.begin_by(&offer.as_ref().map_or_else(String::new, Offer::lease)).await?;
        let written = match self.write(&mut tx, batch, offer.as_mut()).await {
            Ok(written) => tx.commit_surely().await.map(|()| written),
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        };
        if let Some(offer) = offer {
            offer.end(&written);
        }
        written
    }

    async fn write(
        &self,
        tx: &mut Tx<'_>,
        batch: &[Posting],
        mut offer: Option<&mut Offer>,
    ) -> Result<(Wakes, Vec<bool>), StoreError> {
        let post = self
            .db
            .query(POST)
            .bind(batch.iter().map(|posting| posting.message.instance.clone()).collect::<Vec<_>>())
            .bind(batch.iter().map(|posting| posting.message.json.clone()).collect::<Vec<_>>())
            .bind(batch.iter().map(|posting| int(clock::as_ms(posting.delay))).collect::<Vec<_>>())
            .bind(batch.iter().map(Posting::waiting_last).collect::<Vec<_>>());
        let asked_ms = clock::now_ms();
        let rows = tx.all(post).await?;
        database_ms(&self.db, asked_ms, &rows[0], 0)?;
        if let Some(offer) = &mut offer {
            offer.load(tx).await?;
        }
        let mut wakes = Wakes::default();
        let mut fits = Vec::with_capacity(rows.len());
        for (posting, row) in batch.iter().zip(&rows) {
            fits.push(row.try_get(2)?);
            let is_handed =
                posting.delay.is_zero() && offer.as_ref().is_some_and(|offer| offer.has(&posting.message.instance));
            if fits.last() == Some(&true) && !is_handed {
                wakes.visible(WorkQueue::Orchestrator, number(row, 1)?, number(row, 0)?);
            }
        }
        Ok((wakes, fits))
    }
}

/// Puts an activity into the queue, visible now.
pub(super) async fn enqueue_activity(db: &Db, hints: &Hints, activity: &ActivityRow) -> Result<(), StoreError> {
    with_repeats(|| insert_activity(db, activity)).await?;
    hints.tell(WorkQueue::Worker);
    Ok(())
}

async fn insert_activity(db: &Db, activity: &ActivityRow) -> Result<(), StoreError> {
    let mut tx = db.begin(Durability::Flushed).await?;
    tx.all(bind_activity(db.query(INSERT_ACTIVITY), activity)).await?;
    tx.commit_surely().await
}

/// One activity, visible now.
pub(super) const INSERT_ACTIVITY: &str = "
    INSERT INTO @.worker_queue (instance_id, execution_id, activity_id, work_item, session_id, tag, state, visible_at)
    VALUES ($1, $2, $3, $4, $5, $6, 1, @now)";

/// Binds what [`INSERT_ACTIVITY`] asks for.
pub(super) fn bind_activity(query: Query, activity: &ActivityRow) -> Query {
    query
        .bind(activity.identity.instance.clone())
        .bind(activity.identity.execution_id)
        .bind(activity.identity.activity_id)
        .bind(activity.json.clone())
        .bind(activity.session_id.clone())
        .bind(activity.tag.clone())
}
