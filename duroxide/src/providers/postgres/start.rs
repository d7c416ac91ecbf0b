//! A start, compared with what its id stands for.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::StoreError;
use super::ready::{INSERT_MESSAGES, Wakes};
use super::row::{MessageRow, opt_text};
use super::writer::{Ask, Db, Durability};
use crate::model::event::Event;
use crate::model::start::StartOutcome;
use crate::model::work_item::WorkItem;
use crate::providers::signal::WorkQueue;

/// Enqueues `start` unless its instance exists or is about to. A first event that cannot be read counts by the name
/// alone, as one that was pruned does.
pub(super) async fn enqueue(
    db: &Db,
    start: &WorkItem,
    message: &MessageRow,
    wakes: &mut Wakes,
) -> Result<StartOutcome, StoreError> {
    let mut tx = db.begin(Durability::Flushed).await?;
    if let Some(found) = compare(db, &mut tx, start, &message.instance).await? {
        tx.rollback().await;
        return Ok(found);
    }
    let insert = db
        .query(INSERT_MESSAGES)
        .bind(vec![message.instance.clone()])
        .bind(vec![message.json.clone()])
        .bind(vec![0i64]);
    tx.all(insert).await?;
    tx.commit_surely().await?;
    wakes.ready(WorkQueue::Orchestrator);
    Ok(StartOutcome::Queued)
}

/// Starts of one id take turns, each with a look at what the one before left: the first event, the instance and the
/// queue as of one moment, so that none slips from one to the other unseen.
pub(super) async fn compare(
    db: &Db,
    tx: &mut impl Ask,
    start: &WorkItem,
    instance: &str,
) -> Result<Option<StartOutcome>, StoreError> {
    let lock = db.query("SELECT pg_advisory_xact_lock(hashtext('duroxide start in ' || $1), hashtext($2))");
    tx.ask(lock.bind(db.schema().name().to_owned()).bind(instance.to_owned())).await?;
    let look = db.query(
        "SELECT 1 AS place, 0::bigint AS id, event_data AS body FROM @.history
         WHERE instance_id = $1 AND execution_id = 1 AND event_id = 1
         UNION ALL SELECT 2, 0, orchestration_name FROM @.instances WHERE instance_id = $1
         UNION ALL SELECT 3, id, work_item FROM @.orchestrator_queue WHERE instance_id = $1
         ORDER BY place, id",
    );
    let rows = tx.ask(look.bind(instance.to_owned())).await?;
    for row in &rows {
        if let Some(found) = found_in(row, start)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn found_in(row: &PgRow, start: &WorkItem) -> Result<Option<StartOutcome>, StoreError> {
    let body: String = row.try_get(2)?;
    Ok(match row.try_get::<i32, _>(0)? {
        1 => {
            let event = serde_json::from_str::<Event>(&body).ok();
            event.and_then(|event| StartOutcome::of_event(start, &event.kind))
        }
        2 => opt_text(row, 2)?.map(|name| StartOutcome::compared(start, &name, None)),
        _ => {
            let message = serde_json::from_str::<WorkItem>(&body).ok();
            message.and_then(|message| StartOutcome::of_message(start, &message))
        }
    })
}
