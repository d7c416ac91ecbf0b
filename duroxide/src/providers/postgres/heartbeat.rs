//! What a running activity asks of its lease, and says of its progress.

use sqlx::Row;

use super::error::StoreError;
use super::row::{ActivityKey, number, stored, text};
use super::worker::{held_by, refusal};
use super::writer::{Db, Durability, with_repeats};
use crate::model::info::ActivityProgress;
use crate::model::work_item::WorkItem;

/// The fence of a live lease. Leases are not flushed one by one, and a crash could let the next one repeat a number that
/// was never flushed; what is told to other systems must not be told twice, so that this commit is flushed.
pub(super) async fn fence(db: &Db, token: &str) -> Result<u64, StoreError> {
    let key = ActivityKey::parse(token)?;
    match with_repeats(|| flushed_fence(db, &key)).await? {
        Some(fence) => Ok(fence),
        None => Err(refusal(db, &key).await?.into()),
    }
}

async fn flushed_fence(db: &Db, key: &ActivityKey) -> Result<Option<u64>, StoreError> {
    let mut tx = db.begin(Durability::Flushed).await?;
    let tell = db.query(
        "UPDATE @.worker_queue SET fence = fence
         WHERE instance_id = $1 AND execution_id = $2 AND activity_id = $3 AND id = $4 AND lock_token = $5
             AND locked_until > @now
         RETURNING fence",
    );
    let rows = tx.all(held_by(tell, key)).await?;
    tx.commit().await?;
    rows.first().map(|row| number(row, 0)).transpose()
}

/// Keeps what a leased activity says.
pub(super) async fn keep(db: &Db, token: &str, progress: &str) -> Result<(), StoreError> {
    let key = ActivityKey::parse(token)?;
    let keep = || {
        let query = db.query(
            "WITH clock AS MATERIALIZED (SELECT @now AS ms, set_config('synchronous_commit', 'off', true))
             UPDATE @.worker_queue SET progress = $6, progress_at = ms, progress_attempt = attempt_count FROM clock
             WHERE instance_id = $1 AND execution_id = $2 AND activity_id = $3 AND id = $4 AND lock_token = $5
                 AND locked_until > ms
             RETURNING 1",
        );
        held_by(query, &key).bind(stored(progress).into_owned())
    };
    match db.optional(keep).await? {
        Some(_) => Ok(()),
        None => Err(refusal(db, &key).await?.into()),
    }
}

/// What the activities of an instance said.
pub(super) async fn read(db: &Db, instance: &str) -> Result<Vec<ActivityProgress>, StoreError> {
    let rows = db
        .all(|| {
            db.query(
                "SELECT work_item, progress, progress_at, progress_attempt FROM @.worker_queue
                 WHERE instance_id = $1 AND progress IS NOT NULL ORDER BY execution_id, activity_id",
            )
            .bind(stored(instance).into_owned())
        })
        .await?;
    let mut said = Vec::new();
    for row in rows {
        // A row that cannot be read is set aside when somebody fetches it.
        if let Ok(WorkItem::ActivityExecute { execution_id, id, name, .. }) = serde_json::from_str(row.try_get(0)?) {
            said.push(ActivityProgress {
                execution_id,
                activity_id: id,
                activity_name: name,
                attempt: u32::try_from(number(&row, 3)?).unwrap_or(u32::MAX),
                progress: text(&row, 1)?,
                at_ms: number(&row, 2)?,
            });
        }
    }
    Ok(said)
}
