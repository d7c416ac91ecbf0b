//! Activities whose rows cannot be read: set aside for people, and told to whoever waits for them.

use super::error::StoreError;
use super::hints::Hints;
use super::ready::INSERT_MESSAGES;
use super::row::{Identity, MessageRow, loaded, quarantine, uint};
use super::writer::{Db, Durability, Tx, with_repeats};
use crate::model::error::ErrorDetails;
use crate::model::work_item::WorkItem;
use crate::providers::signal::WorkQueue;

/// A row of the worker queue that cannot be read.
#[derive(Debug)]
pub(super) struct Spoilt {
    /// Whose it is, by the columns beside it.
    pub(super) identity: Identity,
    pub(super) id: i64,
    /// Of the lease under which it was taken; none when the row is locked by the transaction that found it.
    pub(super) secret: Option<String>,
    pub(super) json: String,
    pub(super) reason: String,
}

/// Sets them aside, in a transaction of its own.
pub(super) async fn set_aside(db: &Db, hints: &Hints, rows: &[Spoilt]) -> Result<(), StoreError> {
    with_repeats(|| try_set_aside(db, rows)).await?;
    hints.tell(WorkQueue::Orchestrator);
    Ok(())
}

async fn try_set_aside(db: &Db, rows: &[Spoilt]) -> Result<(), StoreError> {
    let mut tx = db.begin(Durability::Flushed).await?;
    for row in rows {
        if let Err(error) = set_aside_in(db, &mut tx, row).await {
            tx.rollback().await;
            return Err(error);
        }
    }
    tx.commit_surely().await
}

/// The row goes where people look, and its orchestration hears that the activity failed: it would wait for ever.
pub(super) async fn set_aside_in(db: &Db, tx: &mut Tx<'_>, row: &Spoilt) -> Result<(), StoreError> {
    let Identity { instance, execution_id, activity_id } = &row.identity;
    let delete = db.query(
        "DELETE FROM @.worker_queue WHERE instance_id = $1 AND execution_id = $2 AND activity_id = $3 AND id = $4
             AND ($5::text IS NULL OR lock_token = $5) RETURNING 1",
    );
    let delete = delete.bind(instance.clone()).bind(*execution_id).bind(*activity_id);
    if tx.all(delete.bind(row.id).bind(row.secret.clone())).await?.is_empty() {
        return Ok(());
    }
    quarantine(tx.conn(), db.schema(), "worker", instance, &row.json, &row.reason).await?;
    // What is no activity of an instance has nobody who waits for it.
    if instance.is_empty() || *activity_id == 0 {
        return Ok(());
    }
    let failed = MessageRow::new(&WorkItem::ActivityFailed {
        instance: loaded(instance.clone()),
        execution_id: uint(*execution_id),
        id: uint(*activity_id),
        details: ErrorDetails::unreadable_activity(uint(*activity_id), &row.reason),
    })?;
    let insert = db.query(INSERT_MESSAGES).bind(vec![failed.instance]).bind(vec![failed.json]).bind(vec![0i64]);
    tx.all(insert).await?;
    Ok(())
}
