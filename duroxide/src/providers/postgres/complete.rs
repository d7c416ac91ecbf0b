//! Activities that ended, committed together with the turns to which that led.

use std::sync::Arc;

use sqlx::Row;

use super::ack::{self, Ack, Acked, Batch};
use super::error::{Kind, StoreError};
use super::hints::Hints;
use super::history;
use super::lane::{Reply, Serve};
use super::returns::{Delivery, Returns};
use super::row::{ActivityKey, int};
use super::worker;
use super::writer::{Db, Tx, literal, with_repeats};
use crate::lease::Refusal;
use crate::providers::express::Head;

/// One turn with the activities that led to it.
#[derive(Debug)]
pub(super) struct Completing {
    pub(super) base: Head,
    /// Its `done` are the activities.
    pub(super) ack: Ack,
    /// `None` when the turn is not what a lease holder would have committed.
    pub(super) reply: Reply<Option<Delivery<Acked>>>,
}

/// Commits them.
pub(super) struct Completions {
    pub(super) db: Arc<Db>,
    pub(super) hints: Arc<Hints>,
    pub(super) owner: Arc<str>,
    pub(super) returns: Returns,
}

/// How a completion stands before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// It is as if a lease holder committed.
    Sound,
    /// It is not.
    Stale,
    /// An activity is not leased by its token.
    Fenced,
}

impl Serve for Completions {
    type Request = Completing;

    async fn serve(&self, batch: Vec<Completing>) {
        match self.commit(&batch).await {
            // One of them is to blame; the others go on.
            Err(error) if error.kind() == Kind::Permanent && batch.len() > 1 => {
                for completing in batch {
                    let alone = vec![completing];
                    let committed = self.commit(&alone).await;
                    self.answer(alone, committed).await;
                }
            }
            committed => self.answer(batch, committed).await,
        }
    }
}

impl Completions {
    async fn answer(&self, batch: Vec<Completing>, committed: Result<Vec<(Check, Option<Acked>)>, StoreError>) {
        match committed {
            Ok(outcomes) => {
                for (completing, (check, acked)) in batch.into_iter().zip(outcomes) {
                    let outcome = match (check, acked) {
                        (Check::Sound, Some(acked)) => Ok(Some(acked.delivered(&self.returns))),
                        (Check::Sound | Check::Stale, _) => Ok(None),
                        (Check::Fenced, _) => Err(self.refusal(&completing.ack).await),
                    };
                    completing.reply.send(outcome);
                }
            }
            Err(error) => {
                for Completing { ack, reply, .. } in batch {
                    let events = &ack.events;
                    let error = history::explain(&self.db, error.clone(), &ack.instance, ack.execution_id, events);
                    reply.send(Err(error.await));
                }
            }
        }
    }

    async fn refusal(&self, ack: &Ack) -> StoreError {
        for key in &ack.done {
            if let Ok(refusal) = worker::refusal(&self.db, key).await
                && refusal == Refusal::Expired
            {
                return refusal.into();
            }
        }
        Refusal::Unknown.into()
    }

    async fn commit(&self, batch: &[Completing]) -> Result<Vec<(Check, Option<Acked>)>, StoreError> {
        let committed = with_repeats(|| self.try_commit(batch)).await;
        let (checks, written) = committed.inspect_err(|error| {
            let acks: Vec<&Ack> = batch.iter().map(|completing| &completing.ack).collect();
            ack::give_up(&self.returns, error, &acks);
        })?;
        written.wakes.ring(&self.db, &self.hints);
        let mut acked = written.acked.into_iter();
        let with_acked = checks.into_iter().map(|check| match check {
            Check::Sound => (check, acked.next().flatten()),
            Check::Stale | Check::Fenced => (check, None),
        });
        Ok(with_acked.collect())
    }

    async fn try_commit(&self, batch: &[Completing]) -> Result<(Vec<Check>, Batch), StoreError> {
        let mut tx = self.db.begin_by(&self.lease(batch)).await?;
        match self.write(&mut tx, batch).await {
            Ok((checks, written)) => {
                tx.commit_surely().await?;
                Ok((checks, written))
            }
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    async fn write(&self, tx: &mut Tx<'_>, batch: &[Completing]) -> Result<(Vec<Check>, Batch), StoreError> {
        let checks = self.check(tx, batch).await?;
        let sound = batch.iter().zip(&checks).filter(|(_, check)| **check == Check::Sound);
        let acks: Vec<&Ack> = sound.map(|(completing, _)| &completing.ack).collect();
        let written = ack::write(&self.db, tx, &acks, &self.owner).await?;
        self.let_go(tx, batch, &checks).await?;
        Ok((checks, written))
    }

    /// Leases the instances that nobody holds, for the time of the transaction that begins with this.
    fn lease(&self, batch: &[Completing]) -> String {
        let given = batch
            .iter()
            .map(|Completing { ack, .. }| format!("({}, {})", literal(&ack.instance), literal(&ack.secret)));
        format!(
            "INSERT INTO @.instance_locks (instance_id, lock_token, locked_until, locked_at, owner, fence)
             SELECT instance_id, secret, 9223372036854775807, @now, {}, nextval('@.fence')
             FROM (VALUES {}) AS given (instance_id, secret) ORDER BY instance_id COLLATE \"C\" ON CONFLICT DO NOTHING",
            literal(&self.owner),
            given.collect::<Vec<_>>().join(", ")
        )
    }

    /// Looks after the leases were taken, so that nobody else changes what is seen.
    async fn check(&self, tx: &mut Tx<'_>, batch: &[Completing]) -> Result<Vec<Check>, StoreError> {
        let keys = |part: fn(&ActivityKey) -> i64| {
            let keys = batch.iter().flat_map(|completing| &completing.ack.done);
            keys.map(part).collect::<Vec<_>>()
        };
        let numbered = (1i64..).zip(batch);
        let check = self
            .db
            .query(CHECK)
            .bind(batch.iter().map(|completing| completing.ack.instance.clone()).collect::<Vec<_>>())
            .bind(batch.iter().map(|completing| completing.ack.secret.clone()).collect::<Vec<_>>())
            .bind(batch.iter().map(|completing| int(completing.base.execution_id)).collect::<Vec<_>>())
            .bind(batch.iter().map(|completing| int(completing.base.last_event_id)).collect::<Vec<_>>())
            .bind(batch.iter().map(|completing| int(completing.base.digest)).collect::<Vec<_>>())
            .bind(numbered.flat_map(|(n, completing)| completing.ack.done.iter().map(move |_| n)).collect::<Vec<_>>())
            .bind(
                batch
                    .iter()
                    .flat_map(|completing| completing.ack.done.iter().map(|key| key.identity.instance.clone()))
                    .collect::<Vec<_>>(),
            )
            .bind(keys(|key| key.identity.execution_id))
            .bind(keys(|key| key.identity.activity_id))
            .bind(keys(|key| key.id))
            .bind(
                batch
                    .iter()
                    .flat_map(|completing| completing.ack.done.iter().map(|key| key.secret.clone()))
                    .collect::<Vec<_>>(),
            );
        let rows = tx.all(check).await?;
        rows.iter()
            .map(|row| {
                let (is_left_alone, is_leased): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
                Ok(match (is_left_alone, is_leased) {
                    (true, true) => Check::Sound,
                    (true, false) => Check::Fenced,
                    (false, _) => Check::Stale,
                })
            })
            .collect()
    }

    /// Ends the leases of those that were not committed; the others ended with their commits.
    async fn let_go(&self, tx: &mut Tx<'_>, batch: &[Completing], checks: &[Check]) -> Result<(), StoreError> {
        let left = batch.iter().zip(checks).filter(|(_, check)| **check != Check::Sound);
        let secrets: Vec<String> = left.clone().map(|(completing, _)| completing.ack.secret.clone()).collect();
        if secrets.is_empty() {
            return Ok(());
        }
        let instances: Vec<String> = left.map(|(completing, _)| completing.ack.instance.clone()).collect();
        let delete = self.db.query("DELETE FROM @.instance_locks WHERE instance_id = ANY($1) AND lock_token = ANY($2)");
        tx.all(delete.bind(instances).bind(secrets)).await?;
        Ok(())
    }
}

/// For each turn whether the instance is ours, in its execution, at its head and without messages; and whether its
/// activities are leased by their tokens.
///
/// Turns: $1 instance, $2 secret, $3 execution, $4 last event, $5 life. Activities of turn $6: $7 to $10 key, $11 secret.
const CHECK: &str = "
    WITH clock AS MATERIALIZED (SELECT @now AS ms),
    leased AS MATERIALIZED (
        SELECT w.instance_id, w.execution_id, w.activity_id, w.id, w.lock_token
        FROM unnest($7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[])
            AS d (instance_id, execution_id, activity_id, id, secret)
        JOIN @.worker_queue w ON w.instance_id = d.instance_id AND w.execution_id = d.execution_id
            AND w.activity_id = d.activity_id AND w.id = d.id AND w.lock_token = d.secret
        WHERE w.locked_until > (SELECT ms FROM clock)
        ORDER BY 1, 2, 3, 4 FOR UPDATE OF w),
    fenced AS MATERIALIZED (
        SELECT d.n FROM unnest($6::bigint[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[])
            AS d (n, instance_id, execution_id, activity_id, id)
        LEFT JOIN leased w ON w.instance_id = d.instance_id AND w.execution_id = d.execution_id
            AND w.activity_id = d.activity_id AND w.id = d.id
        WHERE w.id IS NULL)
    SELECT i.instance_id IS NOT NULL AND l.instance_id IS NOT NULL
            AND t.last_event_id = (SELECT COALESCE(max(event_id), 0) FROM @.history h
                WHERE h.instance_id = t.instance_id AND h.execution_id = t.execution_id)
            AND NOT EXISTS (SELECT 1 FROM @.orchestrator_queue q
                WHERE q.instance_id = t.instance_id AND q.visible_at <= (SELECT ms FROM clock)),
        NOT EXISTS (SELECT 1 FROM fenced f WHERE f.n = t.n)
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) WITH ORDINALITY
        AS t (instance_id, secret, execution_id, last_event_id, life, n)
    LEFT JOIN @.instances i ON i.instance_id = t.instance_id AND i.current_execution_id = t.execution_id
        AND i.row_id = t.life
    LEFT JOIN @.instance_locks l ON l.instance_id = t.instance_id AND l.lock_token = t.secret
    ORDER BY t.n";
