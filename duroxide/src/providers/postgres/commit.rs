//! What a turn changes, as one statement for all turns that are committed together.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::ack::Ack;
use super::error::StoreError;
use super::row::{ActivityKey, int, opt_text, stored_opt};
use super::writer::Query;
use crate::providers::express::Head;

/// The steps of a commit, one named part per step; each part works on what `held` proved. Rows that others write as well
/// are locked in the order of their keys first: leases, then activities, then sessions, as everywhere. Parts that no turn
/// of the batch needs are left out: each costs something, though it finds nothing to do.
///
/// Turns: $1 instance, $2 secret, $3 execution, $4 name, $5 version, $6 parent, $7 whether the custom status changes,
/// $8 custom status, $9 to $11 pinned version, $12 status, $13 output, $14 whether key-values are to be folded. Events
/// of turn $15: $16 id, $17 type, $18 data. Activities of turn $19: $20 to $22 identity, $23 item, $24 session, $25
/// tag, $26 secret and $27 duration of a lease if they may be handed over, to $28. Messages of turn $29: $30 instance,
/// $31 item, $32 due or null. Cancelled by turn $33: $34 to $36 identity. Done with turn $37: $38 to $41 key, $42
/// secret. When nobody held the instance before: $43 execution, $44 last event and $45 life that each turn follows on.
pub(super) fn statement(acks: &[&Ack], lease: Lease) -> String {
    let is_named =
        |ack: &&Ack| ack.metadata.orchestration_name.is_some() && ack.metadata.orchestration_version.is_some();
    let named = acks.iter().any(is_named);
    // One of the two there must be, also for no turns at all.
    let unnamed = !named || !acks.iter().all(is_named);
    let asks = acks.iter().any(|ack| !ack.activities.is_empty());
    let parts = [
        (lease == Lease::OfFetch, TURN),
        (lease == Lease::OfCommit, CHECKED),
        (true, HELD),
        (named, NAMED),
        (unnamed, UNNAMED),
        (true, APPENDED),
        (acks.iter().any(|ack| ack.folds()), FOLDED),
        (asks, ASKED),
        (acks.iter().any(|ack| !ack.messages.is_empty()), SENT),
        (acks.iter().any(|ack| !ack.cancelled.is_empty() || !ack.done.is_empty()), REMOVED),
        (
            true,
            if !named {
                FROM_UNNAMED
            } else if unnamed {
                FROM_BOTH
            } else {
                FROM_NAMED
            },
        ),
    ];
    let needed: Vec<&str> = parts.into_iter().filter(|(is_needed, _)| *is_needed).map(|(_, part)| part).collect();
    let unsound = if lease == Lease::OfCommit { UNSOUND } else { "" };
    format!("WITH {}{ANSWER}{}{unsound}", needed.join(","), if asks { HANDED } else { "" })
}

/// Where the leases of turns come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lease {
    /// A fetch took them, and read what the turns follow on.
    OfFetch,
    /// This transaction took them when it began: what the turns follow on is compared first.
    OfCommit,
}

/// The turns.
const TURN: &str = "
    clock AS MATERIALIZED (SELECT @now AS ms),
    turn AS MATERIALIZED (
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[],
            $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::bool[])
        WITH ORDINALITY AS t (instance_id, lock_token, execution_id, name, version, parent, sets_status, custom_status,
            major, minor, patch, status, output, folds, n))";

/// The turns that are what a holder of the lease would commit: the instance is ours, in its execution, at its head and
/// without messages, and the activities are leased by their tokens. The leases of the others end here.
const CHECKED: &str = "
    clock AS MATERIALIZED (SELECT @now AS ms),
    own AS MATERIALIZED (
        SELECT d.n FROM unnest($37::bigint[], $38::text[], $39::bigint[], $40::bigint[], $41::bigint[], $42::text[])
            AS d (n, instance_id, execution_id, activity_id, id, secret)
        JOIN @.worker_queue w ON w.instance_id = d.instance_id AND w.execution_id = d.execution_id
            AND w.activity_id = d.activity_id AND w.id = d.id AND w.lock_token = d.secret
        WHERE w.locked_until > (SELECT ms FROM clock)
        ORDER BY w.instance_id, w.execution_id, w.activity_id, w.id FOR UPDATE OF w),
    checked AS MATERIALIZED (
        SELECT t.*,
            i.instance_id IS NOT NULL AND l.instance_id IS NOT NULL
                AND t.base_event = (SELECT COALESCE(max(event_id), 0) FROM @.history h
                    WHERE h.instance_id = t.instance_id AND h.execution_id = t.base_execution)
                AND NOT EXISTS (SELECT 1 FROM @.orchestrator_queue q
                    WHERE q.instance_id = t.instance_id AND q.visible_at <= (SELECT ms FROM clock)) AS is_left_alone,
            (SELECT count(*) FROM own WHERE own.n = t.n)
                = (SELECT count(*) FROM unnest($37::bigint[]) AS d (n) WHERE d.n = t.n) AS has_activities
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[],
            $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::bool[],
            $43::bigint[], $44::bigint[], $45::bigint[])
        WITH ORDINALITY AS t (instance_id, lock_token, execution_id, name, version, parent, sets_status, custom_status,
            major, minor, patch, status, output, folds, base_execution, base_event, base_life, n)
        LEFT JOIN @.instances i ON i.instance_id = t.instance_id AND i.current_execution_id = t.base_execution
            AND i.row_id = t.base_life
        LEFT JOIN @.instance_locks l ON l.instance_id = t.instance_id AND l.lock_token = t.lock_token),
    turn AS MATERIALIZED (SELECT * FROM checked WHERE is_left_alone AND has_activities),
    let_go AS (
        DELETE FROM @.instance_locks l USING checked c WHERE NOT (c.is_left_alone AND c.has_activities)
            AND l.instance_id = c.instance_id AND l.lock_token = c.lock_token)";

/// Whose lease holds: all that follows is for those. What was handed out under it is gone.
const HELD: &str = "
    locked AS MATERIALIZED (
        SELECT t.n FROM @.instance_locks l JOIN turn t ON l.instance_id = t.instance_id AND l.lock_token = t.lock_token
        WHERE l.locked_until > (SELECT ms FROM clock) ORDER BY l.instance_id FOR UPDATE OF l),
    held AS (
        DELETE FROM @.instance_locks l USING turn t, locked k
        WHERE k.n = t.n AND l.instance_id = t.instance_id AND l.lock_token = t.lock_token
            AND l.locked_until > (SELECT ms FROM clock)
        RETURNING t.*, l.batch),
    consumed AS (
        DELETE FROM @.orchestrator_queue q USING (SELECT instance_id, unnest(batch) AS id FROM held) b
        WHERE q.instance_id = b.instance_id AND q.id = b.id)";

/// Instances whose name the turn says.
const NAMED: &str = "
    named AS (
        INSERT INTO @.instances AS i (instance_id, orchestration_name, orchestration_version, current_execution_id,
            parent_instance_id, created_at, updated_at, custom_status, custom_status_version, status)
        SELECT instance_id, name, version, execution_id, parent, ms, ms, custom_status, sets_status,
            COALESCE(left(status, 100), 'Running')
        FROM held, clock WHERE name IS NOT NULL AND version IS NOT NULL ORDER BY n
        ON CONFLICT (instance_id) DO UPDATE SET orchestration_name = excluded.orchestration_name,
            orchestration_version = excluded.orchestration_version, updated_at = excluded.updated_at,
            current_execution_id = GREATEST(i.current_execution_id, excluded.current_execution_id),
            status = CASE WHEN excluded.current_execution_id >= i.current_execution_id THEN excluded.status
                ELSE i.status END,
            custom_status = CASE excluded.custom_status_version WHEN 0 THEN i.custom_status
                ELSE excluded.custom_status END,
            custom_status_version = i.custom_status_version + excluded.custom_status_version
        RETURNING instance_id, row_id, custom_status, custom_status_version)";

/// Instances that are known by now.
const UNNAMED: &str = "
    unnamed AS (
        UPDATE @.instances i SET updated_at = ms,
            current_execution_id = GREATEST(i.current_execution_id, h.execution_id),
            status = CASE WHEN h.execution_id > i.current_execution_id THEN COALESCE(left(h.status, 100), 'Running')
                WHEN h.execution_id = i.current_execution_id THEN COALESCE(left(h.status, 100), i.status)
                ELSE i.status END,
            custom_status = CASE h.sets_status WHEN 0 THEN i.custom_status ELSE h.custom_status END,
            custom_status_version = i.custom_status_version + h.sets_status
        FROM held h, clock WHERE i.instance_id = h.instance_id AND (h.name IS NULL OR h.version IS NULL)
        RETURNING i.instance_id, i.row_id, i.custom_status, i.custom_status_version)";

/// The execution and its new events.
const APPENDED: &str = "
    begun AS (
        INSERT INTO @.executions (instance_id, execution_id, started_at, duroxide_version_major,
            duroxide_version_minor, duroxide_version_patch, status, output, completed_at)
        SELECT instance_id, execution_id, ms, major, minor, patch, COALESCE(status, 'Running'),
            CASE WHEN status IS NOT NULL THEN output END, CASE WHEN status <> 'Running' THEN ms END
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
        JOIN held h ON h.n = e.n)";

/// What an execution that ends leaves to the next one.
const FOLDED: &str = "
    folded AS (
        DELETE FROM @.kv_delta d USING held h WHERE h.folds AND d.instance_id = h.instance_id RETURNING d.*),
    kept AS (
        INSERT INTO @.kv_store (instance_id, key, value, last_updated_at_ms)
        SELECT instance_id, key, value, last_updated_at_ms FROM folded WHERE value IS NOT NULL
        ON CONFLICT (instance_id, key) DO UPDATE
            SET value = excluded.value, last_updated_at_ms = excluded.last_updated_at_ms),
    dropped AS (
        DELETE FROM @.kv_store s USING folded f
        WHERE f.value IS NULL AND s.instance_id = f.instance_id AND s.key = f.key)";

/// New activities, handed over unless earlier ones wait.
const ASKED: &str = "
    waiting AS MATERIALIZED (
        SELECT cardinality(array_remove($26::text[], NULL)) > 0 AND EXISTS (
            SELECT 1 FROM @.worker_queue WHERE state = 1 AND locked_until <= (SELECT ms FROM clock)) AS found),
    asked AS (
        INSERT INTO @.worker_queue (instance_id, execution_id, activity_id, work_item, session_id, tag, state,
            visible_at, lock_token, locked_until, owner, fence, attempt_count)
        SELECT a.instance_id, a.execution_id, a.activity_id, a.work_item, a.session_id, a.tag, 1, ms,
            CASE WHEN a.handed THEN a.secret END,
            CASE WHEN a.handed THEN ms + LEAST(a.lease_ms, 9223372036854775807 - ms) ELSE 0 END,
            CASE WHEN a.handed THEN $28 END, CASE WHEN a.handed THEN nextval('@.fence') END,
            CASE WHEN a.handed THEN 1 ELSE 0 END
        FROM (
            SELECT a.*, a.secret IS NOT NULL AND NOT (SELECT found FROM waiting) AS handed
            FROM unnest($19::bigint[], $20::text[], $21::bigint[], $22::bigint[], $23::text[], $24::text[],
                    $25::text[], $26::text[], $27::bigint[])
                WITH ORDINALITY AS a (n, instance_id, execution_id, activity_id, work_item, session_id, tag, secret,
                    lease_ms, place)
            JOIN held h ON h.n = a.n) a
        CROSS JOIN clock ORDER BY a.place
        RETURNING id, lock_token)";

/// New messages.
const SENT: &str = "
    sent AS (
        INSERT INTO @.orchestrator_queue (instance_id, work_item, state, visible_at, enqueued_at)
        SELECT m.instance_id, m.work_item, CASE WHEN m.due > ms THEN 0 ELSE 1 END, COALESCE(m.due, ms), ms
        FROM unnest($29::bigint[], $30::text[], $31::text[], $32::bigint[]) WITH ORDINALITY
            AS m (n, instance_id, work_item, due, place)
        JOIN held h ON h.n = m.n CROSS JOIN clock ORDER BY m.place)";

/// Activities that ended or were given up.
const REMOVED: &str = "
    gone AS MATERIALIZED (
        SELECT w.instance_id, w.execution_id, w.activity_id, w.id, g.secret
        FROM (
            SELECT c.instance_id, c.execution_id, c.activity_id, NULL::bigint AS id, NULL::text AS secret
            FROM unnest($33::bigint[], $34::text[], $35::bigint[], $36::bigint[])
                AS c (n, instance_id, execution_id, activity_id) JOIN held h ON h.n = c.n
            UNION ALL SELECT d.instance_id, d.execution_id, d.activity_id, d.id, d.secret
            FROM unnest($37::bigint[], $38::text[], $39::bigint[], $40::bigint[], $41::bigint[], $42::text[])
                AS d (n, instance_id, execution_id, activity_id, id, secret) JOIN held h ON h.n = d.n) g
        JOIN @.worker_queue w ON w.instance_id = g.instance_id AND w.execution_id = g.execution_id
            AND w.activity_id = g.activity_id AND (g.id IS NULL OR (w.id = g.id AND w.lock_token = g.secret))
        ORDER BY 1, 2, 3, 4 FOR UPDATE OF w),
    removed AS (
        DELETE FROM @.worker_queue w USING gone g
        WHERE w.instance_id = g.instance_id AND w.execution_id = g.execution_id AND w.activity_id = g.activity_id
            AND w.id = g.id
        RETURNING w.session_id, g.secret),
    near AS MATERIALIZED (
        SELECT s.session_id FROM removed r JOIN @.sessions s ON s.session_id = r.session_id
        WHERE r.secret IS NOT NULL AND s.locked_until > (SELECT ms FROM clock) ORDER BY 1 FOR UPDATE OF s),
    touched AS (
        UPDATE @.sessions s SET last_activity_at = ms FROM near n, clock WHERE s.session_id = n.session_id)";

/// The rows of the instances.
const FROM_NAMED: &str = "
    known AS (SELECT * FROM named)";
const FROM_UNNAMED: &str = "
    known AS (SELECT * FROM unnamed)";
const FROM_BOTH: &str = "
    known AS (SELECT * FROM named UNION ALL SELECT * FROM unnamed)";

/// One row for each turn that was committed, or one that tells the time.
const ANSWER: &str = "
    SELECT clock.ms, held.n, EXISTS (
            SELECT 1 FROM @.orchestrator_queue q
            WHERE q.instance_id = held.instance_id AND q.visible_at <= clock.ms AND q.id <> ALL(held.batch)),
        known.row_id, known.custom_status, known.custom_status_version, NULL
    FROM clock LEFT JOIN (held LEFT JOIN known ON known.instance_id = held.instance_id) ON true";

/// And one for each activity that was handed over.
const HANDED: &str = "
    UNION ALL SELECT NULL, NULL, NULL, id, NULL, NULL, lock_token FROM asked WHERE lock_token IS NOT NULL";

/// And one for each turn that is not what a holder of the lease would commit.
const UNSOUND: &str = "
    UNION ALL SELECT NULL, n, is_left_alone, NULL, NULL, NULL, NULL FROM checked
        WHERE NOT (is_left_alone AND has_activities)";

/// One row of the answer.
pub(super) enum Answer {
    /// A turn was committed.
    Turn(CommittedTurn),
    /// An activity was handed over, under this secret.
    Handed { secret: String, id: i64 },
    /// This one of the batch, from 0, was not.
    Unsound { index: usize, why: Unsound },
    /// None was.
    Nothing,
}

/// Why a turn is not what a holder of the lease would commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsound {
    /// Something else is in its way, or was.
    Stale,
    /// An activity is not leased by its token.
    Fenced,
}

/// What the database says of a turn that it committed.
#[derive(Debug)]
pub(super) struct CommittedTurn {
    /// Which of the batch, from 0.
    pub(super) index: usize,
    /// Whether other messages wait for the instance.
    pub(super) has_more: bool,
    /// What is new with every life of the instance; 0 when it has no row.
    pub(super) row_id: i64,
    pub(super) custom_status: Option<String>,
    pub(super) custom_status_version: u64,
}

impl Answer {
    pub(super) fn from_row(row: &PgRow) -> Result<Self, StoreError> {
        if let Some(secret) = row.try_get(6)? {
            return Ok(Answer::Handed { secret, id: row.try_get(3)? });
        }
        let Some(n) = row.try_get::<Option<i64>, _>(1)? else {
            return Ok(Answer::Nothing);
        };
        let index = usize::try_from(n).unwrap_or_default() - 1;
        if row.try_get::<Option<i64>, _>(0)?.is_none() {
            let why = if row.try_get(2)? { Unsound::Fenced } else { Unsound::Stale };
            return Ok(Answer::Unsound { index, why });
        }
        Ok(Answer::Turn(CommittedTurn {
            index,
            has_more: row.try_get(2)?,
            row_id: row.try_get::<Option<i64>, _>(3)?.unwrap_or_default(),
            custom_status: opt_text(row, 4)?,
            custom_status_version: super::row::opt_number(row, 5)?.unwrap_or_default(),
        }))
    }
}

/// Binds what [`statement`] asks for. `bases` are what turns follow on, if that is compared. `owner` signs the leases that
/// are handed over; a timer is due by the database's clock, which shows `shift_ms` more than that of whoever set it.
pub(super) fn bind(query: Query, acks: &[&Ack], bases: &[Head], owner: &str, shift_ms: i64) -> Query {
    let query = bind_gone(bind_queues(bind_turns(query, acks), acks, owner, shift_ms), acks);
    let base = |part: fn(&Head) -> u64| bases.iter().map(|base| int(part(base))).collect::<Vec<_>>();
    query.bind(base(|base| base.execution_id)).bind(base(|base| base.last_event_id)).bind(base(|base| base.digest))
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
        .bind(each(acks, Ack::folds))
        .bind(all(acks, |ack| &ack.events, |n, _| n))
        .bind(all(acks, |ack| &ack.events, |_, event| event.event_id))
        .bind(all(acks, |ack| &ack.events, |_, event| event.event_type))
        .bind(all(acks, |ack| &ack.events, |_, event| event.json.clone()))
}

fn bind_queues(query: Query, acks: &[&Ack], owner: &str, shift_ms: i64) -> Query {
    query
        .bind(all(acks, |ack| &ack.activities, |n, _| n))
        .bind(all(acks, |ack| &ack.activities, |_, asked| asked.row.identity.instance.clone()))
        .bind(all(acks, |ack| &ack.activities, |_, asked| asked.row.identity.execution_id))
        .bind(all(acks, |ack| &ack.activities, |_, asked| asked.row.identity.activity_id))
        .bind(all(acks, |ack| &ack.activities, |_, asked| asked.row.json.clone()))
        .bind(all(acks, |ack| &ack.activities, |_, asked| asked.row.session_id.clone()))
        .bind(all(acks, |ack| &ack.activities, |_, asked| asked.row.tag.clone()))
        .bind(all(acks, |ack| &ack.activities, |_, asked| asked.offered.as_ref().map(|offer| offer.secret.clone())))
        .bind(all(acks, |ack| &ack.activities, |_, asked| asked.offered.as_ref().map(|offer| offer.lease_ms)))
        .bind(owner.to_owned())
        .bind(all(acks, |ack| &ack.messages, |n, _| n))
        .bind(all(acks, |ack| &ack.messages, |_, message| message.instance.clone()))
        .bind(all(acks, |ack| &ack.messages, |_, message| message.json.clone()))
        .bind(all(acks, |ack| &ack.messages, |_, message| message.due_ms(shift_ms).map(int)))
}

fn bind_gone(query: Query, acks: &[&Ack]) -> Query {
    let key = |part: fn(&ActivityKey) -> i64| all(acks, |ack| &ack.done, |_, key| part(key));
    query
        .bind(all(acks, |ack| &ack.cancelled, |n, _| n))
        .bind(all(acks, |ack| &ack.cancelled, |_, it| it.instance.clone()))
        .bind(all(acks, |ack| &ack.cancelled, |_, it| it.execution_id))
        .bind(all(acks, |ack| &ack.cancelled, |_, it| it.activity_id))
        .bind(all(acks, |ack| &ack.done, |n, _| n))
        .bind(all(acks, |ack| &ack.done, |_, key| key.identity.instance.clone()))
        .bind(key(|key| key.identity.execution_id))
        .bind(key(|key| key.identity.activity_id))
        .bind(key(|key| key.id))
        .bind(all(acks, |ack| &ack.done, |_, key| key.secret.clone()))
}
