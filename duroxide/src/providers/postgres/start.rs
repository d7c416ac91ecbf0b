//! A start, compared with what its id stands for.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::error::StoreError;
use super::ready::{INSERT_MESSAGES, Wakes};
use super::row::{MessageRow, opt_text};
use super::standing::{Offer, Standing};
use super::writer::{Ask, Db, Tx, literal};
use crate::model::event::Event;
use crate::model::start::StartOutcome;
use crate::model::work_item::WorkItem;
use crate::providers::signal::WorkQueue;

/// Enqueues `start` unless its instance exists or is about to. A first event that cannot be read counts by the name
/// alone, as one that was pruned does.
pub(super) async fn enqueue(
    db: &Db,
    standing: &Standing,
    start: &WorkItem,
    message: &MessageRow,
    wakes: &mut Wakes,
) -> Result<StartOutcome, StoreError> {
    let mut offer = standing.offer(std::iter::once(&message.instance));
    let lease = offer.as_ref().map_or_else(String::new, Offer::lease);
    let mut tx = db.begin_by(&format!("{}; {lease}", take_turns(db, &message.instance))).await?;
    let written = match write(db, &mut tx, start, message, offer.as_mut()).await {
        Ok(StartOutcome::Queued) => tx.commit_surely().await.map(|()| StartOutcome::Queued),
        not_queued => {
            tx.rollback().await;
            // Undone is the lease, too.
            return not_queued;
        }
    };
    let is_handed = offer.as_ref().is_some_and(|offer| offer.has(&message.instance));
    if let Some(offer) = offer {
        offer.end(&written);
    }
    if written.is_ok() && !is_handed {
        wakes.ready(WorkQueue::Orchestrator);
    }
    written
}

async fn write(
    db: &Db,
    tx: &mut Tx<'_>,
    start: &WorkItem,
    message: &MessageRow,
    offer: Option<&mut Offer>,
) -> Result<StartOutcome, StoreError> {
    let queue = db.query(&QUEUE.replace("{look}", LOOK));
    let seen = tx.all(queue.bind(message.instance.clone()).bind(message.json.clone())).await?;
    if let Some(found) = first_found(&seen, start)? {
        return Ok(found);
    }
    if !seen.is_empty() {
        // There is something, but it is no start: messages that wait for one, say.
        let insert = db.query(INSERT_MESSAGES).bind(vec![message.instance.clone()]).bind(vec![message.json.clone()]);
        tx.all(insert.bind(vec![0i64])).await?;
    }
    if let Some(offer) = offer {
        offer.load(tx).await?;
    }
    Ok(StartOutcome::Queued)
}

/// What an id stands for: the first event, the instance and the queue as of one moment, so that none slips from one to the
/// other unseen. $1 instance.
const LOOK: &str = "
    SELECT 1 AS place, 0::bigint AS id, event_data AS body FROM @.history
        WHERE instance_id = $1 AND execution_id = 1 AND event_id = 1
    UNION ALL SELECT 2, 0, orchestration_name FROM @.instances WHERE instance_id = $1
    UNION ALL SELECT 3, id, work_item FROM @.orchestrator_queue WHERE instance_id = $1";

/// The same, and a start unless there is anything. $2 message.
const QUEUE: &str = "
    WITH clock AS MATERIALIZED (SELECT @now AS ms),
    seen AS MATERIALIZED ({look}),
    queued AS (
        INSERT INTO @.orchestrator_queue (instance_id, work_item, state, visible_at, enqueued_at)
        SELECT $1, $2, 1, ms, ms FROM clock WHERE NOT EXISTS (SELECT 1 FROM seen))
    SELECT place, id, body FROM seen ORDER BY place, id";

/// The statement in which starts of one id wait for each other.
fn take_turns(db: &Db, instance: &str) -> String {
    let (schema, instance) = (literal(db.schema().name()), literal(instance));
    format!("SELECT pg_advisory_xact_lock(hashtext('duroxide start in ' || {schema}), hashtext({instance}))")
}

/// Starts of one id take turns, each with a look at what the one before left.
pub(super) async fn compare(
    db: &Db,
    tx: &mut impl Ask,
    start: &WorkItem,
    instance: &str,
) -> Result<Option<StartOutcome>, StoreError> {
    let lock = db.query("SELECT pg_advisory_xact_lock(hashtext('duroxide start in ' || $1), hashtext($2))");
    tx.ask(lock.bind(db.schema().name().to_owned()).bind(instance.to_owned())).await?;
    let look = db.query(&format!("{LOOK} ORDER BY place, id"));
    first_found(&tx.ask(look.bind(instance.to_owned())).await?, start)
}

fn first_found(rows: &[PgRow], start: &WorkItem) -> Result<Option<StartOutcome>, StoreError> {
    for row in rows {
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
