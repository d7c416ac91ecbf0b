//! The two statements of a fetch: take leases, then read what they are for.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::StoreError;
use super::fetch::Fetch;
use super::history::StoredEvent;
use super::row::{int, number, opt_number, opt_text, text};
use super::writer::{Query, Tx, database_ms, literal};
use crate::clock;
use crate::model::filter::Capability;
use crate::model::item::KvEntry;

/// The instances of the earliest messages that may be taken, leased; what is locked by another transaction is passed
/// over. A lease that ended by itself leaves its batch in `lapsed`, to be counted. Leases are taken in the order of their
/// instances, as by everybody who takes several: in two orders, two would wait for each other.
///
/// $1 secrets, $2 messages to look at, $3 lease in milliseconds, $4 owner, $5 whether what is due was just made ready.
const CLAIM: &str = "
    WITH clock AS MATERIALIZED (SELECT @now AS ms),
    due AS MATERIALIZED (SELECT NOT $5 AND EXISTS (SELECT 1 FROM @.orchestrator_queue
        WHERE state = 0 AND visible_at <= (SELECT ms FROM clock)) AS found),
    ready AS MATERIALIZED (
        SELECT q.instance_id, q.id FROM @.orchestrator_queue q {joins}
        WHERE q.state = 1 AND q.visible_at <= (SELECT ms FROM clock) AND NOT (SELECT due.found FROM due) AND NOT EXISTS
            (SELECT 1 FROM @.instance_locks l
             WHERE l.instance_id = q.instance_id AND l.locked_until > (SELECT ms FROM clock)) {fits}
        ORDER BY q.id LIMIT $2 FOR UPDATE OF q SKIP LOCKED),
    heads AS (SELECT instance_id, min(id) AS head FROM ready GROUP BY instance_id ORDER BY head LIMIT cardinality($1)),
    claimed AS (
        INSERT INTO @.instance_locks AS held (instance_id, lock_token, locked_until, locked_at, owner, fence)
        SELECT instance_id, $1[row_number() OVER (ORDER BY head)], ms + LEAST($3, 9223372036854775807 - ms), ms, $4,
            nextval('@.fence')
        FROM heads, clock ORDER BY instance_id
        ON CONFLICT (instance_id) DO UPDATE
            SET lock_token = excluded.lock_token, locked_until = excluded.locked_until, locked_at = excluded.locked_at,
                owner = excluded.owner, fence = excluded.fence, lapsed = held.lapsed || held.batch, batch = '{}'
            WHERE held.locked_until <= excluded.locked_at
        RETURNING instance_id, lock_token)
    SELECT clock.ms, (SELECT due.found FROM due), (SELECT count(*) FROM ready), claimed.instance_id,
        claimed.lock_token
    FROM clock LEFT JOIN (claimed JOIN heads ON heads.instance_id = claimed.instance_id) ON true
    ORDER BY heads.head";

const JOINS: &str = "
    LEFT JOIN @.instances i ON i.instance_id = q.instance_id
    LEFT JOIN @.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id";

/// The current execution was begun by a version between $6 and $7, or by no recorded one.
const FITS: &str = "AND (e.duroxide_version_major IS NULL
    OR ARRAY[e.duroxide_version_major, e.duroxide_version_minor, e.duroxide_version_patch] BETWEEN $6 AND $7)";

/// What one look for work brought.
pub(super) struct Claims {
    /// Messages fell due and are not ready yet: nothing was claimed.
    pub(super) due: bool,
    /// Messages that were looked at.
    pub(super) seen: i64,
    /// Whether there may be more.
    pub(super) more: bool,
    /// Secret and instance, the earliest first.
    pub(super) held: Vec<(String, String)>,
}

impl Fetch {
    pub(super) async fn claim(
        &self,
        tx: &mut Tx<'_>,
        secrets: &[String],
        timeout: Duration,
        capability: Capability,
        promoted: bool,
    ) -> Result<Claims, StoreError> {
        let (joins, fits) = match capability {
            Capability::Any | Capability::Nothing => ("", ""),
            Capability::Range(..) => (JOINS, FITS),
        };
        let looks = secrets.len() as i64 * 4 + 16;
        let claim = self
            .db
            .query(&CLAIM.replace("{joins}", joins).replace("{fits}", fits))
            .bind(secrets.to_vec())
            .bind(looks)
            .bind(int(clock::as_ms(timeout)))
            .bind(self.owner.to_string())
            .bind(promoted);
        let asked_ms = clock::now_ms();
        let rows = tx.all(with_range(claim, capability)).await?;
        let first = &rows[0];
        database_ms(&self.db, asked_ms, first, 0)?;
        let mut held = Vec::new();
        for row in &rows {
            if let (Some(instance), Some(secret)) = (row.try_get(3)?, row.try_get(4)?) {
                held.push((secret, instance));
            }
        }
        let seen = first.try_get(2)?;
        Ok(Claims { due: first.try_get(1)?, seen, more: seen >= looks, held })
    }
}

fn with_range(query: Query, capability: Capability) -> Query {
    match capability {
        Capability::Any | Capability::Nothing => query,
        Capability::Range(min, max) => query.bind(min.map(int).to_vec()).bind(max.map(int).to_vec()),
    }
}

/// When leases end that are taken without a look for work.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// With the transaction, at the latest.
    Never,
    /// So many milliseconds from now.
    After(i64),
}

/// A statement that leases those of these instances, each under its secret, which nobody holds. Without parameters, so that
/// a transaction can begin with it: what is looked at afterwards, nobody else changes.
pub(super) fn lease<'a>(owner: &str, given: impl Iterator<Item = (&'a str, &'a str)>, until: Until) -> String {
    let until = match until {
        Until::Never => i64::MAX.to_string(),
        Until::After(lease_ms) => format!("@now + LEAST({lease_ms}, 9223372036854775807 - @now)"),
    };
    let given = given.map(|(instance, secret)| format!("({}, {})", literal(instance), literal(secret)));
    format!(
        "INSERT INTO @.instance_locks (instance_id, lock_token, locked_until, locked_at, owner, fence)
         SELECT instance_id, secret, {until}, @now, {}, nextval('@.fence')
         FROM (VALUES {}) AS given (instance_id, secret) ORDER BY instance_id COLLATE \"C\" ON CONFLICT DO NOTHING",
        literal(owner),
        given.collect::<Vec<_>>().join(", ")
    )
}

/// All that a turn of these instances needs, read after their leases were taken, so that nobody else changes it. The
/// visible messages become the batch of the lease. Whose history the caller knows, its last event and life say.
///
/// No message is written: another claim may hold one and wait for this lease.
///
/// Histories come along until they are as long as they may be together. The leases of those behind end here, and what
/// they took over from others stays with them: whoever looks next takes them.
///
/// $1 instances and $7 their secrets; one that is leased under another is passed over. Known: $2 instance, $3 execution, $4
/// last event, $5 life. $6 bytes of histories.
pub(super) const LOAD: &str = "
    WITH clock AS MATERIALIZED (SELECT @now AS ms),
    asked AS MATERIALIZED (
        SELECT l.instance_id, l.lapsed, g.place, i.orchestration_name, i.orchestration_version, i.current_execution_id,
            i.row_id, past.history_of, past.last_event_id, COALESCE(k.execution_id = i.current_execution_id
                AND k.last_event_id = past.last_event_id AND k.life = i.row_id, false) AS known
        FROM unnest($1::text[], $7::text[]) WITH ORDINALITY AS g (instance_id, lock_token, place)
        JOIN @.instance_locks l ON l.instance_id = g.instance_id AND l.lock_token = g.lock_token
        LEFT JOIN @.instances i ON i.instance_id = l.instance_id
        CROSS JOIN LATERAL (
            SELECT w.history_of, (SELECT COALESCE(max(event_id), 0) FROM @.history h
                WHERE h.instance_id = l.instance_id AND h.execution_id = w.history_of) AS last_event_id
            FROM (SELECT COALESCE(i.current_execution_id, (SELECT max(execution_id) FROM @.executions e
                WHERE e.instance_id = l.instance_id), 1) AS history_of) w) past
        LEFT JOIN unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
            AS k (instance_id, execution_id, last_event_id, life) ON k.instance_id = l.instance_id),
    held AS MATERIALIZED (
        SELECT a.*, COALESCE(sum(CASE WHEN NOT a.known THEN (SELECT sum(octet_length(e.event_data)) FROM @.history e
                WHERE e.instance_id = a.instance_id AND e.execution_id = a.history_of) END)
            OVER (ORDER BY a.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) < $6 AS fits
        FROM asked a),
    released AS (
        UPDATE @.instance_locks l SET locked_until = 0 FROM held h WHERE l.instance_id = h.instance_id AND NOT h.fits),
    visible AS MATERIALIZED (
        SELECT q.instance_id, q.id, q.work_item,
            q.attempt_count + 1 + COALESCE(cardinality(array_positions(h.lapsed, q.id)), 0) AS attempts
        FROM held h JOIN @.orchestrator_queue q ON q.instance_id = h.instance_id
        WHERE h.fits AND q.visible_at <= (SELECT ms FROM clock)),
    batched AS (
        UPDATE @.instance_locks l SET batch = v.ids
        FROM (SELECT instance_id, array_agg(id) AS ids FROM visible GROUP BY instance_id) v
        WHERE l.instance_id = v.instance_id)
    SELECT 1, instance_id, id, attempts, work_item, NULL, NULL::bigint, NULL::bigint, NULL::bool, true FROM visible
    UNION ALL SELECT 2, instance_id, current_execution_id, history_of, orchestration_name, orchestration_version,
        last_event_id, row_id, known, fits FROM held
    UNION ALL SELECT 3, h.instance_id, e.event_id, NULL, e.event_data, NULL, NULL, NULL, NULL, true FROM held h
        JOIN @.history e ON e.instance_id = h.instance_id AND e.execution_id = h.history_of
        WHERE h.fits AND NOT h.known
    UNION ALL SELECT 4, k.instance_id, k.last_updated_at_ms, NULL, k.key, k.value, NULL, NULL, NULL, true FROM held h
        JOIN @.kv_store k ON k.instance_id = h.instance_id WHERE h.fits AND NOT h.known
    ORDER BY 1, 2, 3";

/// Bytes of histories in one answer, after which no further one comes along: what a fetch holds in memory is bounded by
/// this and the longest of them.
pub(super) const HISTORIES: i64 = 16 << 20;

/// What is known of one instance.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Whether the lease is the one that was meant.
    pub(super) is_leased: bool,
    pub(super) messages: Vec<(i64, u32, String)>,
    pub(super) known: Option<(String, Option<String>, u64)>,
    /// Where history ends, as far as there is an instance.
    pub(super) last_event_id: u64,
    pub(super) row_id: u64,
    /// Whether the caller knows it.
    pub(super) is_known: bool,
    /// There was no room for it, and its lease was ended.
    pub(super) is_left: bool,
    pub(super) history: Vec<StoredEvent>,
    pub(super) values: HashMap<String, KvEntry>,
}

impl Loaded {
    pub(super) fn add(&mut self, row: &PgRow) -> Result<(), StoreError> {
        match row.try_get::<i32, _>(0)? {
            1 => {
                let attempts = u32::try_from(number(row, 3)?).unwrap_or(u32::MAX);
                self.messages.push((row.try_get(2)?, attempts, row.try_get(4)?));
            }
            2 => {
                self.is_leased = true;
                self.last_event_id = number(row, 6)?;
                self.row_id = opt_number(row, 7)?.unwrap_or_default();
                self.is_known = row.try_get(8)?;
                self.is_left = !row.try_get::<bool, _>(9)?;
                if let (Some(execution_id), Some(name)) = (opt_number(row, 2)?, opt_text(row, 4)?) {
                    self.known = Some((name, opt_text(row, 5)?, execution_id));
                }
            }
            3 => self.history.push(StoredEvent::from_row(row, 2, 4)?),
            _ => {
                let entry = KvEntry { value: text(row, 5)?, last_updated_at_ms: number(row, 2)? };
                self.values.insert(text(row, 4)?, entry);
            }
        }
        Ok(())
    }
}
