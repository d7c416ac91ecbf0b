//! Messages inside a transaction of the user's: in the queue when that is committed, and never otherwise.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgTransaction, Row};

use super::error::{StoreError, is_aborted};
use super::hints::{self, Hints};
use super::row::{MessageRow, int, loaded};
use super::writer::{Ask, Db, Query};
use super::{start, traces};
use crate::model::start::StartOutcome;
use crate::model::trace::TraceContext;
use crate::model::work_item::WorkItem;
use crate::providers::signal::Reach;
use crate::providers::transaction::TransactionError;

/// What identifies the database of a store, so that a transaction of another one is told from it.
#[derive(Debug, Clone)]
pub(super) struct Home {
    /// Given to the schema when it was made.
    pub(super) store_id: String,
    pub(super) database: String,
}

/// A connection of the user's, in the middle of a transaction. How long it may take is the user's affair.
struct Guest<'a>(&'a mut PgConnection);

impl Ask for Guest<'_> {
    async fn ask(&mut self, query: Query) -> Result<Vec<PgRow>, StoreError> {
        match query.fetch_all(&mut *self.0).await {
            Err(error) if is_aborted(&error) => Err(StoreError::Refused(
                "expected a transaction that goes on, found one in which a statement failed before; undo it".to_owned(),
            )),
            answer => Ok(answer?),
        }
    }
}

/// Puts a message into the queue of its instance, unless so many wait there.
pub(super) async fn enqueue(
    db: &Db,
    hints: &Hints,
    tx: &mut PgTransaction<'_>,
    message: &MessageRow,
    waiting_max: usize,
    operation: &str,
) -> Result<(), TransactionError> {
    let guest = &mut Guest(tx);
    at_home(db, guest, operation).await?;
    post(db, hints, guest, message, Some(waiting_max), operation).await
}

/// Puts a start into the queue unless its id stands for something already.
pub(super) async fn enqueue_start(
    db: &Db,
    hints: &Hints,
    tx: &mut PgTransaction<'_>,
    start: &WorkItem,
    message: &MessageRow,
    trace: Option<&TraceContext>,
    operation: &str,
) -> Result<StartOutcome, TransactionError> {
    let guest = &mut Guest(tx);
    at_home(db, guest, operation).await?;
    is_own(db, guest, operation).await?;
    let found = start::compare(db, guest, start, &message.instance).await;
    if let Some(found) = found.map_err(|error| error.during(operation))? {
        return Ok(found);
    }
    if let Some(trace) = trace {
        let keep = traces::keep(db, &[(loaded(message.instance.clone()), trace.clone())]);
        guest.ask(keep).await.map_err(|error| error.during(operation))?;
    }
    post(db, hints, guest, message, None, operation).await?;
    Ok(StartOutcome::Queued)
}

/// Refuses a transaction of a database that has no such schema. Asked of the catalogue: a table that is missing would
/// spoil the transaction.
async fn at_home(db: &Db, guest: &mut Guest<'_>, operation: &str) -> Result<(), TransactionError> {
    let look = db.query("SELECT to_regclass($1) IS NOT NULL, current_database()::text");
    let rows = guest.ask(look.bind(format!("{}.store", db.schema().quoted()))).await;
    let looked = rows.and_then(|rows| Ok((rows[0].try_get(0)?, rows[0].try_get(1)?)));
    let (is_there, database): (bool, String) = looked.map_err(|error| error.during(operation))?;
    if is_there { Ok(()) } else { Err(elsewhere(db, &database)) }
}

/// Refuses a transaction of a database whose schema of that name is another store's, before anything is compared with what
/// is there.
async fn is_own(db: &Db, guest: &mut Guest<'_>, operation: &str) -> Result<(), TransactionError> {
    // As JSON, because a store of an earlier version has no such column, and to name one would spoil the transaction.
    let look = db.query("SELECT to_jsonb(s) ->> 'store_id', current_database()::text FROM @.store s");
    let looked = guest.ask(look).await.and_then(|rows| match rows.first() {
        Some(row) => Ok((row.try_get(0)?, row.try_get(1)?)),
        None => Ok((None, String::new())),
    });
    let (store_id, database): (Option<String>, String) = looked.map_err(|error| error.during(operation))?;
    let home = db.home();
    if store_id.as_ref() == Some(&home.store_id) && database == home.database {
        Ok(())
    } else {
        Err(elsewhere(db, &database))
    }
}

fn elsewhere(db: &Db, database: &str) -> TransactionError {
    let schema = db.schema().name();
    TransactionError::OtherStore {
        expected: format!("schema `{schema}` of database `{}`", db.home().database),
        found: format!("database `{database}`, where that schema is not, or is another store's"),
    }
}

async fn post(
    db: &Db,
    hints: &Hints,
    guest: &mut Guest<'_>,
    message: &MessageRow,
    waiting_max: Option<usize>,
    operation: &str,
) -> Result<(), TransactionError> {
    let full = |waiting_max| StoreError::Full { instance: loaded(message.instance.clone()), waiting_max };
    let waiting_last = match waiting_max {
        None => None,
        Some(max) => {
            let last = max.checked_sub(1).ok_or_else(|| full(max).during(operation))?;
            Some(int(last as u64))
        }
    };
    // The others, this process among them, hear of it when the transaction is committed, and not before.
    let hint = match hints.signal().reach() {
        Reach::All => hints::CALL,
        Reach::Own => "NULL",
    };
    let post = db
        .query(&POST.replace("{hint}", hint))
        .bind(message.instance.clone())
        .bind(message.json.clone())
        .bind(db.home().store_id.clone())
        .bind(db.home().database.clone())
        .bind(waiting_last)
        .bind(hints::channel(db.schema()))
        .bind(hints::FROM_A_GUEST);
    let posted = guest.ask(post).await.and_then(|rows| {
        Ok(match rows.first() {
            Some(row) => (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?),
            None => (false, false, String::new()),
        })
    });
    let (is_home, is_crowded, database): (bool, bool, String) = posted.map_err(|error| error.during(operation))?;
    match (is_home, is_crowded, waiting_max) {
        (false, _, _) => Err(elsewhere(db, &database)),
        (true, true, Some(max)) => Err(full(max).during(operation).into()),
        (true, _, _) => Ok(()),
    }
}

/// $1 instance, $2 message, $3 store and $4 database as they should be, $5 messages that may wait but one, or null; for
/// the hint $6 where and $7 what.
const POST: &str = "
    WITH clock AS MATERIALIZED (SELECT @now AS ms),
    here AS MATERIALIZED (
        SELECT s.store_id::text = $3 AND current_database()::text = $4 AS is_home,
            $5::bigint IS NOT NULL AND EXISTS (
                SELECT 1 FROM @.orchestrator_queue WHERE instance_id = $1 LIMIT 1 OFFSET $5::bigint) AS is_crowded
        FROM @.store s),
    posted AS (
        INSERT INTO @.orchestrator_queue (instance_id, work_item, state, visible_at, enqueued_at)
        SELECT $1, $2, 1, ms, ms FROM here, clock WHERE is_home AND NOT is_crowded RETURNING 1)
    SELECT is_home, is_crowded, current_database()::text,
        CASE WHEN $6::text IS NOT NULL AND $7::text IS NOT NULL AND EXISTS (SELECT 1 FROM posted) THEN {hint} END
    FROM here";
