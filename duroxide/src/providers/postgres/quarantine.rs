//! Rows that could not be read: listed, put back, or dropped.

use sqlx::Row;

use super::error::StoreError;
use super::hints::Hints;
use super::ready::{INSERT_ACTIVITY, INSERT_MESSAGES, bind_activity};
use super::row::{ActivityRow, MessageRow, int, loaded, number, stored_opt, text};
use super::writer::{Db, Durability, Tx, with_repeats};
use crate::model::insight::{QuarantinedRow, Queue};
use crate::model::work_item::WorkItem;
use crate::providers::signal::WorkQueue;
use crate::providers::unreadable::{self, Reading};

/// Those behind a row, of one instance or of all.
pub(super) async fn list(
    db: &Db,
    instance: Option<&str>,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<QuarantinedRow>, StoreError> {
    let list = || {
        db.query(
            "SELECT id, queue, instance_id, body, reason, at_ms FROM @.quarantine
             WHERE id > $1 AND ($2::text IS NULL OR instance_id = $2) ORDER BY id LIMIT $3",
        )
        .bind(int(after.unwrap_or(0)))
        .bind(stored_opt(instance))
        .bind(int(limit as u64))
    };
    let mut found = Vec::new();
    for row in db.all(list).await? {
        let instance = row.try_get::<Option<String>, _>(2)?.map(loaded).filter(|instance| !instance.is_empty());
        found.push(QuarantinedRow {
            id: number(&row, 0)?,
            queue: if row.try_get::<&str, _>(1)? == "worker" { Queue::Worker } else { Queue::Orchestrator },
            instance_id: instance,
            body: row.try_get(3)?,
            reason: text(&row, 4)?,
            at_ms: number(&row, 5)?,
        });
    }
    Ok(found)
}

/// Puts a row back as it was; `false` when there is none.
pub(super) async fn retry(db: &Db, hints: &Hints, id: u64) -> Result<bool, StoreError> {
    let retried = with_repeats(|| async {
        let mut tx = db.begin(Durability::Flushed).await?;
        match retry_in(db, &mut tx, id).await {
            Ok(Some(queue)) => tx.commit_surely().await.map(|()| Some(queue)),
            other => {
                tx.rollback().await;
                other
            }
        }
    });
    let queue = retried.await?;
    if let Some(queue) = queue {
        hints.tell(queue);
    }
    Ok(queue.is_some())
}

async fn retry_in(db: &Db, tx: &mut Tx<'_>, id: u64) -> Result<Option<WorkQueue>, StoreError> {
    let take = db.query("DELETE FROM @.quarantine WHERE id = $1 RETURNING body").bind(int(id));
    let Some(row) = tx.all(take).await?.into_iter().next() else {
        return Ok(None);
    };
    match unreadable::read(row.try_get(0)?) {
        Reading::Item(item @ WorkItem::ActivityExecute { .. }) => {
            let activity = ActivityRow::new(&item)?;
            tx.all(bind_activity(db.query(INSERT_ACTIVITY), &activity)).await?;
            Ok(Some(WorkQueue::Worker))
        }
        Reading::Item(item) => {
            let MessageRow { instance, json, .. } = MessageRow::new(&item)?;
            tx.all(db.query(INSERT_MESSAGES).bind(vec![instance]).bind(vec![json]).bind(vec![0i64])).await?;
            Ok(Some(WorkQueue::Orchestrator))
        }
        Reading::LaterKind(kind) => {
            Err(StoreError::Unreadable(format!("a kind that this version does not know: {kind}")))
        }
        Reading::Unreadable(reason) => Err(StoreError::Unreadable(reason)),
    }
}

/// Deletes a row; `false` when there is none.
pub(super) async fn drop_row(db: &Db, id: u64) -> Result<bool, StoreError> {
    let query = db.query("DELETE FROM @.quarantine WHERE id = $1 RETURNING 1").bind(int(id));
    // Told once: a repetition would find nothing.
    Ok(!db.once(query).await?.is_empty())
}
