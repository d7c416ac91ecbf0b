//! Who is there to work: what runtimes say of themselves, and until when that counts.

use std::time::Duration;

use sqlx::Row;

use super::error::StoreError;
use super::row::{int, number, stored};
use super::writer::Db;
use crate::clock;
use crate::model::insight::WorkerInfo;
use crate::providers::insight::FORGOTTEN_AFTER;

/// A crash of the server may take it: the worker is asked to announce itself again then.
const CLOCK: &str = "clock AS MATERIALIZED (SELECT @now AS ms, set_config('synchronous_commit', 'off', true))";

/// Keeps what a worker says of itself, and forgets those that have long been silent.
pub(super) async fn announce(
    db: &Db,
    worker_id: &str,
    info: &str,
    owner: &str,
    alive_for: Duration,
) -> Result<(), StoreError> {
    let sql = format!(
        "WITH {CLOCK},
         forgotten AS (DELETE FROM @.workers WHERE seen_at < (SELECT ms FROM clock) - $4 AND worker_id <> $1)
         INSERT INTO @.workers (worker_id, info, started_at, seen_at, alive_until, owner)
         SELECT $1, $2, ms, ms, ms + LEAST($3, 9223372036854775807 - ms), $5 FROM clock
         ON CONFLICT (worker_id) DO UPDATE
             SET info = excluded.info, seen_at = excluded.seen_at, alive_until = excluded.alive_until,
                 owner = excluded.owner"
    );
    let announce = || {
        let query = db.query(&sql).bind(stored(worker_id).into_owned()).bind(info.to_owned());
        query.bind(int(clock::as_ms(alive_for))).bind(int(clock::as_ms(FORGOTTEN_AFTER))).bind(owner.to_owned())
    };
    db.all(announce).await.map(drop)
}

/// The worker is still there; `false` when it is not known.
pub(super) async fn refresh(db: &Db, worker_id: &str, alive_for: Duration) -> Result<bool, StoreError> {
    let sql = format!(
        "WITH {CLOCK}
         UPDATE @.workers SET seen_at = ms, alive_until = ms + LEAST($2, 9223372036854775807 - ms) FROM clock
         WHERE worker_id = $1 RETURNING 1"
    );
    let refresh = || db.query(&sql).bind(stored(worker_id).into_owned()).bind(int(clock::as_ms(alive_for)));
    Ok(db.optional(refresh).await?.is_some())
}

/// Forgets a worker.
pub(super) async fn retire(db: &Db, worker_id: &str) -> Result<(), StoreError> {
    let retire = || db.query("DELETE FROM @.workers WHERE worker_id = $1").bind(stored(worker_id).into_owned());
    db.all(retire).await.map(drop)
}

/// All of them, those that are alive first. What a later version says in a form of its own is passed over.
pub(super) async fn list(db: &Db) -> Result<Vec<WorkerInfo>, StoreError> {
    let rows = db
        .all(|| {
            db.query(
                "WITH clock AS MATERIALIZED (SELECT @now AS ms)
                 SELECT info, started_at, seen_at, alive_until, alive_until > ms FROM @.workers, clock",
            )
        })
        .await?;
    let mut workers = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Ok(told) = serde_json::from_str::<WorkerInfo>(row.try_get(0)?) {
            workers.push(WorkerInfo {
                started_at: number(row, 1)?,
                seen_at: number(row, 2)?,
                alive_until: number(row, 3)?,
                is_alive: row.try_get(4)?,
                ..told
            });
        }
    }
    workers.sort_by(WorkerInfo::in_order);
    Ok(workers)
}
