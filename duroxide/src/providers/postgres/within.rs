//! Activities in transactions: what they write and their completion are one commit, so that it happens exactly once.

use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgTransaction, Postgres, Row};
use tokio::sync::Semaphore;

use super::completion_row;
use super::error::{Kind, StoreError, is_aborted};
use super::hints::Hints;
use super::idle::Use;
use super::row::{ActivityKey, MessageRow};
use super::worker::{COMPLETE_WITHIN, held_by, refusal};
use super::writer::{Db, Failures, Name, PATIENCE, Session, pause};
use crate::model::work_item::WorkItem;
use crate::providers::signal::WorkQueue;
use crate::providers::transaction::{OpenTransaction, TransactionWork, Within};

/// How a transaction of an activity begins: `{name}` is kept in it, so that one which the activity ended by itself is found
/// out. Between two statements an activity may do something else for a while; when it is gone, its rows are not held
/// for long.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL idle_in_transaction_session_timeout = '1min'; SET LOCAL tcp_keepalives_idle = 15;
    SET LOCAL tcp_keepalives_interval = 5; SET LOCAL tcp_keepalives_count = 3; SET LOCAL duroxide.within = '{name}';";

/// Connections that activities may hold at once. The others are for the store itself: without one it could not even renew
/// their leases.
#[derive(Debug)]
pub(super) struct Places(Semaphore);

impl Places {
    /// Half of the pool.
    pub(super) fn of(pool: &PoolOptions<Postgres>) -> Self {
        let half = usize::try_from(pool.get_max_connections() / 2).unwrap_or(1);
        Places(Semaphore::new(half.max(1)))
    }
}

/// How a transaction ended that was not in trouble.
enum Ended {
    Committed,
    Undone,
    Refused(String),
    /// The lease is over.
    Fenced,
}

/// In which part there was trouble.
enum Trouble {
    /// Nothing was done yet.
    Begin(StoreError),
    /// Nothing was committed.
    Before(StoreError),
    /// It may be committed.
    AtCommit(StoreError),
}

/// Runs `work` in a transaction, and commits that together with its completion.
pub(super) async fn complete(
    db: &Db,
    hints: &Hints,
    places: &Places,
    token: &str,
    work: &mut dyn TransactionWork,
) -> Result<Within, StoreError> {
    let key = ActivityKey::parse(token)?;
    let _place = places.0.acquire().await.expect("nobody closes the semaphore");
    let mut failures = Failures::default();
    loop {
        let name = Name::new();
        let ended = match in_session(db, &name, &key, work).await {
            Ok(ended) => ended,
            Err(Trouble::Begin(error)) if error.can_repeat() => {
                pause(&mut failures, error).await?;
                continue;
            }
            Err(Trouble::Begin(error) | Trouble::Before(error)) => return Err(error),
            Err(Trouble::AtCommit(error)) if error.kind() == Kind::Connection => {
                db.fate_of(&name).await?;
                Ended::Committed
            }
            Err(Trouble::AtCommit(error)) if error.kind() == Kind::Permanent => refused(&error),
            Err(Trouble::AtCommit(error)) => return Err(error),
        };
        return match ended {
            Ended::Committed => {
                hints.tell(WorkQueue::Orchestrator);
                Ok(Within::Committed)
            }
            Ended::Undone => Ok(Within::Undone),
            Ended::Refused(reason) => Ok(Within::Refused(reason)),
            Ended::Fenced => Err(refusal(db, &key).await?.into()),
        };
    }
}

/// When this is dropped before its end, the connection is closed, and the server undoes what was open.
async fn in_session(db: &Db, name: &Name, key: &ActivityKey, work: &mut dyn TransactionWork) -> Result<Ended, Trouble> {
    let mut session = db.session(Use::Any, PATIENCE).await.map_err(Trouble::Begin)?;
    let ended = in_transaction(db, &mut session, name, key, work).await;
    let dead = match &ended {
        Ok(_) => false,
        // A part of it may have been done: then the session is in a transaction that nobody knows of.
        Err(Trouble::Begin(_)) => true,
        Err(Trouble::Before(error) | Trouble::AtCommit(error)) => error.kind() == Kind::Connection,
    };
    if !dead {
        session.release();
    }
    ended
}

async fn in_transaction(
    db: &Db,
    session: &mut Session,
    name: &Name,
    key: &ActivityKey,
    work: &mut dyn TransactionWork,
) -> Result<Ended, Trouble> {
    let begin = format!("{} {}", BEGIN.replace("{name}", &name.text), db.naming(name));
    let begun = in_time(session.conn().begin_with(AssertSqlSafe(begin))).await;
    let mut tx = begun.map_err(Trouble::Begin)?;
    let Some(completion) = work.run(OpenTransaction::postgres(&mut tx)).await else {
        return undo(tx, Ended::Undone).await;
    };
    match store(db, &mut tx, &name.text, key, &completion).await.map_err(Trouble::Before)? {
        None => {
            in_time(tx.commit()).await.map_err(Trouble::AtCommit)?;
            Ok(Ended::Committed)
        }
        Some(instead) => undo(tx, instead).await,
    }
}

async fn undo(tx: PgTransaction<'_>, ended: Ended) -> Result<Ended, Trouble> {
    // When the connection is gone, so is the transaction; it is closed, since it is not given back.
    in_time(tx.rollback()).await.map_err(Trouble::Before).map(|()| ended)
}

/// Ends the activity in its transaction; `None` when that may be committed.
async fn store(
    db: &Db,
    tx: &mut PgTransaction<'_>,
    name: &str,
    key: &ActivityKey,
    completion: &WorkItem,
) -> Result<Option<Ended>, StoreError> {
    let MessageRow { instance, json, .. } = completion_row(completion)?;
    let end = held_by(db.query(COMPLETE_WITHIN), key).bind(instance).bind(json).bind(name.to_owned());
    let rows = match in_time(end.fetch_all(&mut **tx)).await {
        Err(StoreError::Sql(error)) if is_aborted(&error) => {
            return Ok(Some(Ended::Refused(
                "a statement of the activity failed, and its transaction with it; the activity went on: return the \
                 error, or make a savepoint before what may fail"
                    .to_owned(),
            )));
        }
        rows => rows?,
    };
    let (is_own, is_held): (bool, bool) = (rows[0].try_get(0)?, rows[0].try_get(1)?);
    Ok(match (is_own, is_held) {
        (true, true) => None,
        (true, false) => Some(Ended::Fenced),
        (false, _) => Some(Ended::Refused(
            "the activity ended its transaction by itself: that is done when it returns, with its completion"
                .to_owned(),
        )),
    })
}

fn refused(error: &StoreError) -> Ended {
    Ended::Refused(match error {
        StoreError::Sql(error) => format!("the database did not commit what the activity wrote: {error}"),
        other => format!("the database did not commit what the activity wrote: {other:?}"),
    })
}

async fn in_time<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    let patience: Duration = PATIENCE;
    Ok(tokio::time::timeout(patience, answer).await.map_err(|_| StoreError::NoAnswer)??)
}
