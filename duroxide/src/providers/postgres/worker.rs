//! Ack, abandon and renew activities.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;

use super::error::{Kind, StoreError};
use super::hints::Hints;
use super::lane::{Reply, Serve};
use super::ready::Wakes;
use super::row::{ActivityKey, MessageRow, int, number};
use super::writer::{Db, Durability, Query, database_ms, with_repeats};
use crate::clock;
use crate::lease::Refusal;
use crate::providers::signal::WorkQueue;

/// One activity that is done.
#[derive(Debug)]
pub(super) struct Acking {
    pub(super) key: ActivityKey,
    pub(super) completion: Option<MessageRow>,
    pub(super) reply: Reply<()>,
}

/// Removes leased activities and delivers their completions.
pub(super) struct Acks {
    pub(super) db: Arc<Db>,
    pub(super) hints: Arc<Hints>,
}

impl Serve for Acks {
    type Request = Acking;

    async fn serve(&self, batch: Vec<Acking>) {
        match self.commit(&batch).await {
            Err(error) if batch.len() > 1 && error.kind() == Kind::Permanent => {
                // One of them is to blame; the others go on.
                for acking in batch {
                    let outcome = self.commit(std::slice::from_ref(&acking)).await;
                    let outcome = outcome.map(|held| held[0]);
                    self.answer(acking, outcome).await;
                }
            }
            Ok(held) => {
                for (acking, held) in batch.into_iter().zip(held) {
                    self.answer(acking, Ok(held)).await;
                }
            }
            Err(error) => batch.into_iter().for_each(|acking| acking.reply.send(Err(error.clone()))),
        }
    }
}

impl Acks {
    async fn answer(&self, acking: Acking, held: Result<bool, StoreError>) {
        let outcome = match held {
            Ok(true) => Ok(()),
            // Refused it was, whatever the reason.
            Ok(false) => Err(refusal(&self.db, &acking.key).await.unwrap_or(Refusal::Unknown).into()),
            Err(error) => Err(error),
        };
        acking.reply.send(outcome);
    }

    async fn commit(&self, batch: &[Acking]) -> Result<Vec<bool>, StoreError> {
        let held = with_repeats(|| self.try_commit(batch)).await?;
        if batch.iter().zip(&held).any(|(acking, held)| *held && acking.completion.is_some()) {
            self.hints.tell(WorkQueue::Orchestrator);
        }
        Ok(held)
    }

    async fn try_commit(&self, batch: &[Acking]) -> Result<Vec<bool>, StoreError> {
        let mut tx = self.db.begin(Durability::Flushed).await?;
        let asked_ms = clock::now_ms();
        let rows = match tx.all(bind(self.db.query(COMPLETE), batch)).await {
            Ok(rows) => rows,
            Err(error) => {
                tx.rollback().await;
                return Err(error);
            }
        };
        database_ms(&self.db, asked_ms, &rows[0], 0)?;
        let mut held = vec![false; batch.len()];
        for row in &rows {
            if let Some(n) = row.try_get::<Option<i64>, _>(1)? {
                held[usize::try_from(n).unwrap_or_default() - 1] = true;
            }
        }
        tx.commit_surely().await?;
        Ok(held)
    }
}

/// $1 to $4 key, $5 secret, $6 instance and $7 body of the completion or null.
const COMPLETE: &str = "
    WITH clock AS MATERIALIZED (SELECT @now AS ms),
    job AS MATERIALIZED (
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[])
        WITH ORDINALITY
        AS j (instance_id, execution_id, activity_id, id, lock_token, receiver, completion, n)),
    locked AS MATERIALIZED (
        SELECT j.n FROM @.worker_queue w JOIN job j ON w.instance_id = j.instance_id
            AND w.execution_id = j.execution_id AND w.activity_id = j.activity_id AND w.id = j.id
            AND w.lock_token = j.lock_token
        WHERE w.locked_until > (SELECT ms FROM clock)
        ORDER BY w.instance_id, w.execution_id, w.activity_id, w.id FOR UPDATE OF w),
    held AS (
        DELETE FROM @.worker_queue w USING job j, locked k
        WHERE k.n = j.n AND w.instance_id = j.instance_id AND w.execution_id = j.execution_id
            AND w.activity_id = j.activity_id AND w.id = j.id AND w.lock_token = j.lock_token
            AND w.locked_until > (SELECT ms FROM clock)
        RETURNING j.n, j.receiver, j.completion, w.session_id),
    near AS MATERIALIZED (
        SELECT s.session_id FROM held h JOIN @.sessions s ON s.session_id = h.session_id
        WHERE s.locked_until > (SELECT ms FROM clock) ORDER BY 1 FOR UPDATE OF s),
    touched AS (
        UPDATE @.sessions s SET last_activity_at = ms FROM near n, clock WHERE s.session_id = n.session_id),
    sent AS (
        INSERT INTO @.orchestrator_queue (instance_id, work_item, state, visible_at, enqueued_at)
        SELECT receiver, completion, 1, ms, ms FROM held, clock WHERE completion IS NOT NULL ORDER BY n)
    SELECT clock.ms, held.n FROM clock LEFT JOIN held ON true";

/// The same for one activity, in the transaction in which it wrote, as long as that is still open. $1 to $5 key and
/// secret, $6 instance and $7 body of the completion, $8 the transaction's name.
pub(super) const COMPLETE_WITHIN: &str = "
    WITH clock AS MATERIALIZED (
        SELECT @now AS ms, COALESCE(current_setting('duroxide.within', true), '') = $8 AS is_own,
            -- The activity is over: only the commit is left, and whoever does not ask for it is gone.
            set_config('idle_in_transaction_session_timeout', '15s', true)),
    held AS (
        DELETE FROM @.worker_queue w USING clock
        WHERE is_own AND w.instance_id = $1 AND w.execution_id = $2 AND w.activity_id = $3 AND w.id = $4
            AND w.lock_token = $5 AND w.locked_until > ms
        RETURNING w.session_id),
    touched AS (
        UPDATE @.sessions s SET last_activity_at = ms FROM held h, clock
        WHERE s.session_id = h.session_id AND s.locked_until > ms),
    sent AS (
        INSERT INTO @.orchestrator_queue (instance_id, work_item, state, visible_at, enqueued_at)
        SELECT $6, $7, 1, ms, ms FROM held, clock)
    SELECT is_own, EXISTS (SELECT 1 FROM held) FROM clock";

fn bind(query: Query, batch: &[Acking]) -> Query {
    let completion = |part: fn(&MessageRow) -> &String| {
        batch.iter().map(|acking| acking.completion.as_ref().map(|row| part(row).clone())).collect::<Vec<_>>()
    };
    query
        .bind(batch.iter().map(|acking| acking.key.identity.instance.clone()).collect::<Vec<_>>())
        .bind(batch.iter().map(|acking| acking.key.identity.execution_id).collect::<Vec<_>>())
        .bind(batch.iter().map(|acking| acking.key.identity.activity_id).collect::<Vec<_>>())
        .bind(batch.iter().map(|acking| acking.key.id).collect::<Vec<_>>())
        .bind(batch.iter().map(|acking| acking.key.secret.clone()).collect::<Vec<_>>())
        .bind(completion(|row| &row.instance))
        .bind(completion(|row| &row.json))
}

/// Binds the key of a leased row as $1 to $4 and its secret as $5.
pub(super) fn held_by(query: Query, key: &ActivityKey) -> Query {
    query
        .bind(key.identity.instance.clone())
        .bind(key.identity.execution_id)
        .bind(key.identity.activity_id)
        .bind(key.id)
        .bind(key.secret.clone())
}

/// Extends a live lease.
pub(super) async fn renew(db: &Db, token: &str, extend_for: Duration) -> Result<(), StoreError> {
    let key = ActivityKey::parse(token)?;
    let renew = || {
        let query = db.query(
            "WITH clock AS MATERIALIZED (SELECT @now AS ms, set_config('synchronous_commit', 'off', true)),
             held AS (
                 UPDATE @.worker_queue SET locked_until = ms + LEAST($6, 9223372036854775807 - ms) FROM clock
                 WHERE instance_id = $1 AND execution_id = $2 AND activity_id = $3 AND id = $4 AND lock_token = $5
                     AND locked_until > ms
                 RETURNING session_id),
             touched AS (
                 UPDATE @.sessions s SET last_activity_at = ms FROM held h, clock
                 WHERE s.session_id = h.session_id AND s.locked_until > ms)
             SELECT 1 FROM held",
        );
        held_by(query, &key).bind(int(clock::as_ms(extend_for)))
    };
    match db.quick(renew).await?.first() {
        Some(_) => Ok(()),
        None => Err(refusal(db, &key).await?.into()),
    }
}

/// Gives an activity back. A lease that ended is accepted as long as nobody else took the activity.
pub(super) async fn abandon(
    db: &Db,
    hints: &Hints,
    token: &str,
    delay: Option<Duration>,
    ignore_attempt: bool,
) -> Result<(), StoreError> {
    let key = ActivityKey::parse(token)?;
    let delay_ms = int(clock::as_ms(delay.unwrap_or_default()));
    let abandon = || {
        let query = db.query(
            "WITH clock AS MATERIALIZED (SELECT @now AS ms, set_config('synchronous_commit', 'off', true))
             UPDATE @.worker_queue SET lock_token = NULL, locked_until = 0, owner = NULL, fence = NULL,
                 attempt_count = GREATEST(0, attempt_count - $7), state = CASE WHEN $6 > 0 THEN 0 ELSE 1 END,
                 visible_at = ms + LEAST($6, 9223372036854775807 - ms)
             FROM clock
             WHERE instance_id = $1 AND execution_id = $2 AND activity_id = $3 AND id = $4 AND lock_token = $5
             RETURNING ms, visible_at",
        );
        held_by(query, &key).bind(delay_ms).bind(i64::from(ignore_attempt))
    };
    let asked_ms = clock::now_ms();
    let rows = db.quick(abandon).await?;
    let row = rows.first().ok_or(Refusal::Unknown)?;
    let now_ms = database_ms(db, asked_ms, row, 0)?;
    let mut wakes = Wakes::default();
    wakes.visible(WorkQueue::Worker, number(row, 1)?, now_ms);
    wakes.ring(db, hints);
    Ok(())
}

/// Gives back whatever is leased under these secrets, and says whether there was any. Looks at every row: only for
/// leases of which the answer was lost.
pub(super) async fn abandon_all(db: &Db, hints: &Hints, secrets: &[String]) -> Result<bool, StoreError> {
    let given = db
        .all(|| {
            db.query(
                "UPDATE @.worker_queue SET lock_token = NULL, locked_until = 0, owner = NULL, fence = NULL,
                     attempt_count = GREATEST(0, attempt_count - 1)
                 WHERE lock_token = ANY($1) RETURNING 1",
            )
            .bind(secrets.to_vec())
        })
        .await?;
    if !given.is_empty() {
        hints.tell(WorkQueue::Worker);
    }
    Ok(!given.is_empty())
}

/// Why the bearer of this key was refused.
pub(super) async fn refusal(db: &Db, key: &ActivityKey) -> Result<Refusal, StoreError> {
    let lapsed = db
        .optional(|| {
            let query = db.query(
                "SELECT 1 FROM @.worker_queue
                 WHERE instance_id = $1 AND execution_id = $2 AND activity_id = $3 AND id = $4 AND lock_token = $5",
            );
            held_by(query, key)
        })
        .await?;
    Ok(if lapsed.is_some() { Refusal::Expired } else { Refusal::Unknown })
}
