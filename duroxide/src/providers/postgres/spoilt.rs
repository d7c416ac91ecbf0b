//! Activities whose rows cannot be read: set aside for people and told to whoever waits, or left to a later version.

use super::error::StoreError;
use super::hints::Hints;
use super::ready::INSERT_MESSAGES;
use super::row::{Identity, MessageRow, int, loaded, quarantine, uint};
use super::writer::{Db, Durability, Query, Tx, with_repeats};
use crate::clock;
use crate::model::item::ScheduledActivityIdentifier;
use crate::model::work_item::WorkItem;
use crate::providers::signal::WorkQueue;
use crate::providers::unreadable::{self, LEFT_TO_OTHERS, Reading};

/// A row of the worker queue that cannot be read.
#[derive(Debug)]
pub(super) struct Spoilt {
    /// Whose it is, by the columns beside it.
    pub(super) identity: Identity,
    pub(super) id: i64,
    /// Of the lease under which it was taken; none when the row is locked by the transaction that found it.
    pub(super) secret: Option<String>,
    pub(super) json: String,
    pub(super) wrong: Wrong,
}

/// What is wrong with a row.
#[derive(Debug)]
pub(super) enum Wrong {
    /// Only a later version can have written it.
    LaterKind(String),
    /// Nobody can have.
    Unreadable(String),
}

/// Reads a row.
pub(super) fn read(json: &str) -> Result<WorkItem, Wrong> {
    match unreadable::read(json) {
        Reading::Item(item) => Ok(item),
        Reading::LaterKind(kind) => Err(Wrong::LaterKind(kind)),
        Reading::Unreadable(reason) => Err(Wrong::Unreadable(reason)),
    }
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

/// The same as a part of the transaction that found the row.
pub(super) async fn set_aside_in(db: &Db, tx: &mut Tx<'_>, row: &Spoilt) -> Result<(), StoreError> {
    match &row.wrong {
        Wrong::LaterKind(kind) => leave_to_others(db, tx, row, kind).await,
        Wrong::Unreadable(reason) => condemn(db, tx, row, reason).await,
    }
}

/// $1 to $4 key, $5 secret of the lease or null.
const THE_ROW: &str = "instance_id = $1 AND execution_id = $2 AND activity_id = $3 AND id = $4
    AND ($5::text IS NULL OR lock_token = $5)";

fn with_row(query: Query, row: &Spoilt) -> Query {
    let Identity { instance, execution_id, activity_id } = &row.identity;
    let query = query.bind(instance.clone()).bind(*execution_id).bind(*activity_id);
    query.bind(row.id).bind(row.secret.clone())
}

async fn leave_to_others(db: &Db, tx: &mut Tx<'_>, row: &Spoilt, kind: &str) -> Result<(), StoreError> {
    tracing::warn!(row = row.id, kind, "an activity of a kind that this version does not know waits for a later one");
    let leave = db.query(&format!(
        "UPDATE @.worker_queue SET state = 0, visible_at = @now + $6, lock_token = NULL, locked_until = 0, owner = NULL,
             fence = NULL, attempt_count = GREATEST(0, attempt_count - CASE WHEN $5 IS NULL THEN 0 ELSE 1 END)
         WHERE {THE_ROW}"
    ));
    tx.all(with_row(leave, row).bind(int(clock::as_ms(LEFT_TO_OTHERS)))).await?;
    Ok(())
}

/// The row goes where people look, and its orchestration hears that the activity failed: it would wait for ever.
async fn condemn(db: &Db, tx: &mut Tx<'_>, row: &Spoilt, reason: &str) -> Result<(), StoreError> {
    let delete = db.query(&format!("DELETE FROM @.worker_queue WHERE {THE_ROW} RETURNING 1"));
    if tx.all(with_row(delete, row)).await?.is_empty() {
        return Ok(());
    }
    let Identity { instance, execution_id, activity_id } = &row.identity;
    let kept = quarantine(tx.conn(), db.schema(), "worker", instance, &row.json, reason).await?;
    // What is no activity of an instance has nobody who waits for it.
    if instance.is_empty() || *activity_id == 0 {
        return Ok(());
    }
    let of = ScheduledActivityIdentifier {
        instance: loaded(instance.clone()),
        execution_id: uint(*execution_id),
        activity_id: uint(*activity_id),
    };
    let failure = unreadable::failure(&of, reason, &format!("row {kept} of the table quarantine"));
    let MessageRow { instance, json, .. } = MessageRow::new(&failure)?;
    let insert = db.query(INSERT_MESSAGES).bind(vec![instance]).bind(vec![json]).bind(vec![0i64]);
    tx.all(insert).await?;
    Ok(())
}
