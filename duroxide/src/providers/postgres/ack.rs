//! One transaction for the turns that end together, one statement for the steps of their commits.

use std::sync::Arc;

use sqlx::Row;

use super::error::{Kind, StoreError};
use super::fetch;
use super::hints::Hints;
use super::history::{self, EventRow};
use super::kv::{self, KvChanges};
use super::lane::{Reply, Serve};
use super::ready::Wakes;
use super::row::{ActivityRow, Identity, MessageRow, int, parse_turn_token, stored_opt};
use super::writer::{Db, Durability, Query, Tx, database_ms, with_repeats, xid};
use crate::lease::Refusal;
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::event::{Event, EventKind};
use crate::model::work_item::WorkItem;
use crate::providers::signal::WorkQueue;

/// A commit as rows, serialized by the caller, so that the lane does not have to.
#[derive(Debug)]
pub(super) struct Ack {
    token: String,
    secret: String,
    instance: String,
    execution_id: i64,
    events: Vec<EventRow>,
    kv: KvChanges,
    /// The last change of the custom status, if any.
    custom_status: Option<Option<String>>,
    activities: Vec<ActivityRow>,
    messages: Vec<MessageRow>,
    metadata: ExecutionMetadata,
    cancelled: Vec<Identity>,
}

impl Ack {
    /// Refuses event id 0 and tokens that nobody gave out.
    pub(super) fn new(token: &str, commit: Commit) -> Result<Self, StoreError> {
        let (secret, instance) = parse_turn_token(token)?;
        let cancelled: Vec<Identity> = commit
            .cancelled_activities
            .iter()
            .map(|it| Identity::new(&it.instance, it.execution_id, it.activity_id))
            .collect();
        let mut activities = commit.worker_items.iter().map(ActivityRow::new).collect::<Result<Vec<_>, _>>()?;
        // What is both asked for and cancelled comes to nothing; one statement could not delete what it inserts.
        activities.retain(|activity| !cancelled.contains(&activity.identity));
        Ok(Ack {
            token: token.to_owned(),
            secret: secret.to_owned(),
            instance: instance.into_owned(),
            execution_id: int(commit.execution_id),
            events: history::to_rows(&commit.delta)?,
            kv: KvChanges::of(&commit.delta),
            custom_status: last_custom_status(&commit.delta),
            activities,
            messages: commit
                .orchestrator_items
                .iter()
                .filter(|item| !matches!(item, WorkItem::ActivityExecute { .. }))
                .map(MessageRow::new)
                .collect::<Result<_, _>>()?,
            metadata: commit.metadata,
            cancelled,
        })
    }

    /// Whether the execution ends with this turn.
    fn ends(&self) -> bool {
        matches!(self.metadata.status.as_deref(), Some("Completed" | "Failed" | "ContinuedAsNew"))
    }
}

fn last_custom_status(delta: &[Event]) -> Option<Option<String>> {
    delta.iter().rev().find_map(|event| match &event.kind {
        EventKind::CustomStatusUpdated { status } => Some(stored_opt(status.as_deref())),
        _ => None,
    })
}

/// One turn that is to be committed.
#[derive(Debug)]
pub(super) struct Acking {
    pub(super) ack: Ack,
    pub(super) reply: Reply<()>,
}

/// Commits turns.
pub(super) struct Acks {
    pub(super) db: Arc<Db>,
    pub(super) hints: Arc<Hints>,
}

/// What the database said of a batch: for each turn, whether it was committed.
struct Committed {
    held: Vec<bool>,
    wakes: Wakes,
}

impl Serve for Acks {
    type Request = Acking;

    async fn serve(&self, batch: Vec<Acking>) {
        match self.commit(&batch).await {
            Ok(held) => {
                for (acking, held) in batch.into_iter().zip(held) {
                    let outcome = if held { Ok(()) } else { Err(self.refusal(&acking.ack).await) };
                    acking.reply.send(outcome);
                }
            }
            // One of them is to blame; the others go on.
            Err(error) if error.kind() == Kind::Permanent => {
                for acking in batch {
                    self.serve_alone(acking).await;
                }
            }
            Err(error) => batch.into_iter().for_each(|acking| acking.reply.send(Err(error.clone()))),
        }
    }
}

impl Acks {
    async fn serve_alone(&self, acking: Acking) {
        let batch = [acking];
        let outcome = match self.commit(&batch).await {
            Ok(held) if held[0] => Ok(()),
            Ok(_) => Err(self.refusal(&batch[0].ack).await),
            Err(error) => {
                let ack = &batch[0].ack;
                Err(history::explain(&self.db, error, &ack.instance, ack.execution_id, &ack.events).await)
            }
        };
        let [acking] = batch;
        acking.reply.send(outcome);
    }

    /// Why a turn was not committed.
    async fn refusal(&self, ack: &Ack) -> StoreError {
        match fetch::refusal(&self.db, &ack.token).await {
            Ok(refusal) => refusal.into(),
            // Refused it was all the same.
            Err(_) => Refusal::Unknown.into(),
        }
    }

    async fn commit(&self, batch: &[Acking]) -> Result<Vec<bool>, StoreError> {
        let committed = with_repeats(|| self.try_commit(batch)).await?;
        committed.wakes.ring(&self.db, &self.hints);
        Ok(committed.held)
    }

    async fn try_commit(&self, batch: &[Acking]) -> Result<Committed, StoreError> {
        let mut tx = self.db.begin(Durability::Flushed).await?;
        match self.write(&mut tx, batch).await {
            Ok((committed, xid)) => {
                tx.commit_surely(&xid).await?;
                Ok(committed)
            }
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    async fn write(&self, tx: &mut Tx<'_>, batch: &[Acking]) -> Result<(Committed, String), StoreError> {
        let acks: Vec<&Ack> = batch.iter().map(|acking| &acking.ack).collect();
        let rows = tx.all(bind(self.db.query(COMMIT), &acks)).await?;
        let own = xid(&rows[0], 0)?;
        let now_ms = database_ms(&self.db, &rows[0], 1)?;
        let mut committed = Committed { held: vec![false; batch.len()], wakes: Wakes::default() };
        for row in &rows {
            let Some(n) = row.try_get::<Option<i64>, _>(2)? else {
                continue;
            };
            let n = usize::try_from(n).unwrap_or_default() - 1;
            committed.held[n] = true;
            wake(acks[n], row.try_get(3)?, now_ms, &mut committed.wakes);
            if !acks[n].kv.is_empty() {
                self.materialize_kv(tx, acks[n]).await?;
            }
        }
        Ok((committed, own))
    }

    /// When the execution ends, its changes become what the next one finds.
    async fn materialize_kv(&self, tx: &mut Tx<'_>, ack: &Ack) -> Result<(), StoreError> {
        kv::apply(&self.db, tx, &ack.instance, &ack.kv).await?;
        if ack.ends() {
            kv::fold(&self.db, tx, &ack.instance).await?;
        }
        Ok(())
    }
}

fn wake(ack: &Ack, has_more: bool, now_ms: u64, wakes: &mut Wakes) {
    if !ack.activities.is_empty() {
        wakes.ready(WorkQueue::Worker);
    }
    if has_more {
        wakes.ready(WorkQueue::Orchestrator);
    }
    for message in &ack.messages {
        wakes.visible(WorkQueue::Orchestrator, message.fire_at_ms.unwrap_or(now_ms), now_ms);
    }
}

/// The steps of a commit, one named part per step; each part works on what `held` proved.
///
/// Turns: $1 instance, $2 secret, $3 execution, $4 name, $5 version, $6 parent, $7 whether the custom status changes,
/// $8 custom status, $9 to $11 pinned version, $12 status, $13 output, $14 whether key-values are to be folded. Events
/// of turn $15: $16 id, $17 type, $18 data. Activities of turn $19: $20 to $22 identity, $23 item, $24 session, $25
/// tag. Messages of turn $26: $27 instance, $28 item, $29 due or null. Cancelled by turn $30: $31 to $33 identity.
const COMMIT: &str = "
    WITH clock AS MATERIALIZED (SELECT @now AS ms),
    turn AS MATERIALIZED (
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[],
            $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::bool[])
        WITH ORDINALITY AS t (instance_id, lock_token, execution_id, name, version, parent, sets_status, custom_status,
            major, minor, patch, status, output, folds, n)),
    held AS (
        DELETE FROM @.instance_locks l USING turn t
        WHERE l.instance_id = t.instance_id AND l.lock_token = t.lock_token
            AND l.locked_until > (SELECT ms FROM clock)
        RETURNING t.*, l.batch),
    consumed AS (
        DELETE FROM @.orchestrator_queue q USING (SELECT instance_id, unnest(batch) AS id FROM held) b
        WHERE q.instance_id = b.instance_id AND q.id = b.id),
    named AS (
        INSERT INTO @.instances AS i (instance_id, orchestration_name, orchestration_version, current_execution_id,
            parent_instance_id, created_at, updated_at, custom_status, custom_status_version)
        SELECT instance_id, name, version, execution_id, parent, ms, ms, custom_status, sets_status
        FROM held, clock WHERE name IS NOT NULL AND version IS NOT NULL ORDER BY n
        ON CONFLICT (instance_id) DO UPDATE SET orchestration_name = excluded.orchestration_name,
            orchestration_version = excluded.orchestration_version, updated_at = excluded.updated_at,
            current_execution_id = GREATEST(i.current_execution_id, excluded.current_execution_id),
            custom_status = CASE excluded.custom_status_version WHEN 0 THEN i.custom_status
                ELSE excluded.custom_status END,
            custom_status_version = i.custom_status_version + excluded.custom_status_version),
    unnamed AS (
        UPDATE @.instances i SET updated_at = ms,
            current_execution_id = GREATEST(i.current_execution_id, h.execution_id),
            custom_status = CASE h.sets_status WHEN 0 THEN i.custom_status ELSE h.custom_status END,
            custom_status_version = i.custom_status_version + h.sets_status
        FROM held h, clock WHERE i.instance_id = h.instance_id AND (h.name IS NULL OR h.version IS NULL)),
    begun AS (
        INSERT INTO @.executions (instance_id, execution_id, started_at, duroxide_version_major,
            duroxide_version_minor, duroxide_version_patch, status, output, completed_at)
        SELECT instance_id, execution_id, ms, major, minor, patch, COALESCE(status, 'Running'),
            CASE WHEN status IS NOT NULL THEN output END,
            CASE WHEN status <> 'Running' THEN ms END
        FROM held, clock ON CONFLICT DO NOTHING),
    continued AS (
        UPDATE @.executions e SET duroxide_version_major = COALESCE(h.major, e.duroxide_version_major),
            duroxide_version_minor = COALESCE(h.minor, e.duroxide_version_minor),
            duroxide_version_patch = COALESCE(h.patch, e.duroxide_version_patch),
            status = COALESCE(h.status, e.status),
            output = CASE WHEN h.status IS NULL THEN e.output ELSE h.output END,
            completed_at = CASE WHEN h.status IS NULL THEN e.completed_at WHEN h.status <> 'Running' THEN ms END
        FROM held h, clock WHERE e.instance_id = h.instance_id AND e.execution_id = h.execution_id
            AND (h.status IS NOT NULL OR h.major IS NOT NULL)),
    appended AS (
        INSERT INTO @.history (instance_id, execution_id, event_id, event_type, event_data)
        SELECT h.instance_id, h.execution_id, e.event_id, e.event_type, e.event_data
        FROM unnest($15::bigint[], $16::bigint[], $17::text[], $18::text[]) AS e (n, event_id, event_type, event_data)
        JOIN held h ON h.n = e.n),
    folded AS (
        DELETE FROM @.kv_delta d USING held h WHERE h.folds AND d.instance_id = h.instance_id RETURNING d.*),
    kept AS (
        INSERT INTO @.kv_store (instance_id, key, value, last_updated_at_ms)
        SELECT instance_id, key, value, last_updated_at_ms FROM folded WHERE value IS NOT NULL
        ON CONFLICT (instance_id, key) DO UPDATE
            SET value = excluded.value, last_updated_at_ms = excluded.last_updated_at_ms),
    dropped AS (
        DELETE FROM @.kv_store s USING folded f
        WHERE f.value IS NULL AND s.instance_id = f.instance_id AND s.key = f.key),
    asked AS (
        INSERT INTO @.worker_queue (instance_id, execution_id, activity_id, work_item, session_id, tag, state,
            visible_at)
        SELECT a.instance_id, a.execution_id, a.activity_id, a.work_item, a.session_id, a.tag, 1, ms
        FROM unnest($19::bigint[], $20::text[], $21::bigint[], $22::bigint[], $23::text[], $24::text[], $25::text[])
            WITH ORDINALITY
            AS a (n, instance_id, execution_id, activity_id, work_item, session_id, tag, place)
        JOIN held h ON h.n = a.n CROSS JOIN clock ORDER BY a.place),
    sent AS (
        INSERT INTO @.orchestrator_queue (instance_id, work_item, state, visible_at, enqueued_at)
        SELECT m.instance_id, m.work_item, CASE WHEN m.due > ms THEN 0 ELSE 1 END, COALESCE(m.due, ms), ms
        FROM unnest($26::bigint[], $27::text[], $28::text[], $29::bigint[]) WITH ORDINALITY
            AS m (n, instance_id, work_item, due, place)
        JOIN held h ON h.n = m.n CROSS JOIN clock ORDER BY m.place),
    cancelled AS (
        DELETE FROM @.worker_queue w
        USING (SELECT c.* FROM unnest($30::bigint[], $31::text[], $32::bigint[], $33::bigint[])
            AS c (n, instance_id, execution_id, activity_id) JOIN held h ON h.n = c.n) c
        WHERE w.instance_id = c.instance_id AND w.execution_id = c.execution_id AND w.activity_id = c.activity_id)
    SELECT pg_current_xact_id()::text, clock.ms, held.n, EXISTS (
        SELECT 1 FROM @.orchestrator_queue q
        WHERE q.instance_id = held.instance_id AND q.visible_at <= clock.ms AND q.id <> ALL(held.batch))
    FROM clock LEFT JOIN held ON true";

fn bind(query: Query, acks: &[&Ack]) -> Query {
    bind_queues(bind_turns(query, acks), acks)
}

/// One value of each turn.
fn each<T>(acks: &[&Ack], value: impl Fn(&Ack) -> T) -> Vec<T> {
    acks.iter().map(|ack| value(ack)).collect()
}

/// One value of each of the rows that a turn has several of.
fn all<'a, R: 'a, T>(acks: &[&'a Ack], rows: impl Fn(&'a Ack) -> &'a [R], value: impl Fn(i64, &'a R) -> T) -> Vec<T> {
    let numbered = (1..).zip(acks);
    numbered.flat_map(|(n, ack)| rows(ack).iter().map(move |row| (n, row))).map(|(n, row)| value(n, row)).collect()
}

fn bind_turns(query: Query, acks: &[&Ack]) -> Query {
    let pinned = |number: fn(&semver::Version) -> u64| {
        each(acks, |ack| ack.metadata.pinned_duroxide_version.as_ref().map(|version| int(number(version))))
    };
    query
        .bind(each(acks, |ack| ack.instance.clone()))
        .bind(each(acks, |ack| ack.secret.clone()))
        .bind(each(acks, |ack| ack.execution_id))
        .bind(each(acks, |ack| stored_opt(ack.metadata.orchestration_name.as_deref())))
        .bind(each(acks, |ack| stored_opt(ack.metadata.orchestration_version.as_deref())))
        .bind(each(acks, |ack| stored_opt(ack.metadata.parent_instance_id.as_deref())))
        .bind(each(acks, |ack| i64::from(ack.custom_status.is_some())))
        .bind(each(acks, |ack| ack.custom_status.clone().flatten()))
        .bind(pinned(|version| version.major))
        .bind(pinned(|version| version.minor))
        .bind(pinned(|version| version.patch))
        .bind(each(acks, |ack| stored_opt(ack.metadata.status.as_deref())))
        .bind(each(acks, |ack| stored_opt(ack.metadata.output.as_deref())))
        // Changes of this very turn are applied and folded after this statement.
        .bind(each(acks, |ack| ack.ends() && ack.kv.is_empty()))
        .bind(all(acks, |ack| &ack.events, |n, _| n))
        .bind(all(acks, |ack| &ack.events, |_, event| event.event_id))
        .bind(all(acks, |ack| &ack.events, |_, event| event.event_type))
        .bind(all(acks, |ack| &ack.events, |_, event| event.json.clone()))
}

fn bind_queues(query: Query, acks: &[&Ack]) -> Query {
    query
        .bind(all(acks, |ack| &ack.activities, |n, _| n))
        .bind(all(acks, |ack| &ack.activities, |_, activity| activity.identity.instance.clone()))
        .bind(all(acks, |ack| &ack.activities, |_, activity| activity.identity.execution_id))
        .bind(all(acks, |ack| &ack.activities, |_, activity| activity.identity.activity_id))
        .bind(all(acks, |ack| &ack.activities, |_, activity| activity.json.clone()))
        .bind(all(acks, |ack| &ack.activities, |_, activity| activity.session_id.clone()))
        .bind(all(acks, |ack| &ack.activities, |_, activity| activity.tag.clone()))
        .bind(all(acks, |ack| &ack.messages, |n, _| n))
        .bind(all(acks, |ack| &ack.messages, |_, message| message.instance.clone()))
        .bind(all(acks, |ack| &ack.messages, |_, message| message.json.clone()))
        .bind(all(acks, |ack| &ack.messages, |_, message| message.fire_at_ms.map(int)))
        .bind(all(acks, |ack| &ack.cancelled, |n, _| n))
        .bind(all(acks, |ack| &ack.cancelled, |_, it| it.instance.clone()))
        .bind(all(acks, |ack| &ack.cancelled, |_, it| it.execution_id))
        .bind(all(acks, |ack| &ack.cancelled, |_, it| it.activity_id))
}
