//! Transactions: begun on a connection that lives, committed once, and never left in doubt where that can be known.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Postgres, Row};

use super::error::{Kind, StoreError};
use super::guest::Home;
use super::open::Schema;
use super::row::uint;
use crate::{clock, seams};

/// A statement with its arguments.
pub(super) type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

/// How long one statement may take before its connection counts as dead: longer than any of ours should, shorter than
/// the leases that hang on it.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// The same for statements that delete whole trees.
const LONG_PATIENCE: Duration = Duration::from_secs(600);

/// Pauses before a request is repeated on another connection. A server that restarts is back after them, mostly;
/// until then the pool itself waits.
const PAUSES_MS: [u64; 6] = [0, 0, 20, 100, 300, 1_000];

/// How long the fate of a commit may stay unknown, because the server has not noticed that its client is gone.
const FATE_LOOKS: u32 = 100;
const FATE_PAUSE: Duration = Duration::from_millis(100);

/// Differences of clocks below this are not told from the time that answers take.
const IN_STEP_MS: i64 = 1_000;

/// How long the outcome of a transaction is kept: longer than anybody asks for it.
const REMEMBERED_MS: i64 = 3_600_000;

/// Whatever the database's default: the store's locks are made for this level. A client that is cut off must not hold rows
/// for ever.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '15s';";

/// What a transaction writes beside its name.
const COMMITTED: &str = "committed";

/// What a crash of the server may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Nothing: the answer comes after the flush.
    Flushed,
    /// Leases and attempt counts: committed, so that everybody sees them, but not flushed alone.
    Lease,
}

/// The database, as all parts of a store share it.
#[derive(Debug)]
pub(super) struct Db {
    pool: PgPool,
    schema: Schema,
    home: Home,
    /// How far the database's clock is ahead of this process's, in milliseconds.
    ahead_ms: AtomicI64,
}

impl Db {
    pub(super) fn new(pool: PgPool, schema: Schema, home: Home) -> Self {
        Db { pool, schema, home, ahead_ms: AtomicI64::new(0) }
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What tells this store from others.
    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// The template as a statement of this store's schema.
    pub(super) fn query(&self, template: &str) -> Query {
        sqlx::query(self.schema.sql(template))
    }

    /// How far the database's clock is ahead of this process's, in milliseconds, as of the last look.
    pub(super) fn ahead_ms(&self) -> i64 {
        self.ahead_ms.load(Ordering::Relaxed)
    }

    /// Learns what the database's clock says. Answers take a moment, so it is right up to that.
    pub(super) fn learn_clock(&self, database_ms: i64) {
        let here = i64::try_from(clock::now_ms()).unwrap_or(i64::MAX);
        self.ahead_ms.store(database_ms.saturating_sub(here), Ordering::Relaxed);
    }

    /// What is added to a time of this process's clock to get that of the database's. Clocks that agree as far as
    /// answers take count as one.
    pub(super) fn shift_ms(&self) -> i64 {
        let ahead_ms = self.ahead_ms();
        if ahead_ms.abs() < IN_STEP_MS { 0 } else { ahead_ms }
    }

    /// A time of the database's clock as this process's clock would show it.
    pub(super) fn here_ms(&self, database_ms: u64) -> u64 {
        database_ms.saturating_add_signed(self.ahead_ms().saturating_neg())
    }

    /// One statement that reads, or whose repetition does no harm, on its own.
    pub(super) async fn all(&self, build: impl Fn() -> Query) -> Result<Vec<PgRow>, StoreError> {
        let mut failures = 0;
        loop {
            match self.once(build()).await {
                Err(error) if error.can_repeat() => pause(&mut failures, error).await?,
                answer => return answer,
            }
        }
    }

    /// One statement that must not be repeated: what a lost answer would have told is lost with it.
    pub(super) async fn once(&self, query: Query) -> Result<Vec<PgRow>, StoreError> {
        let mut session = Session::acquire(&self.pool, PATIENCE).await?;
        let answer = session.all(query).await;
        if answer.as_ref().is_err_and(|error| error.kind() != Kind::Connection) {
            session.settle().await;
        }
        session.end(&answer);
        answer
    }

    /// The same for a statement whose one row says all.
    pub(super) async fn one(&self, build: impl Fn() -> Query) -> Result<PgRow, StoreError> {
        let rows = self.all(build).await?;
        rows.into_iter().next().ok_or(StoreError::from(sqlx::Error::RowNotFound))
    }

    /// The same for a statement whose answer may be empty.
    pub(super) async fn optional(&self, build: impl Fn() -> Query) -> Result<Option<PgRow>, StoreError> {
        Ok(self.all(build).await?.into_iter().next())
    }

    /// Begins a transaction, on another connection if the first one is dead.
    pub(super) async fn begin(&self, durability: Durability) -> Result<Tx<'_>, StoreError> {
        self.begin_with(durability, PATIENCE).await
    }

    /// The same for work that takes long.
    pub(super) async fn begin_long(&self) -> Result<Tx<'_>, StoreError> {
        self.begin_with(Durability::Flushed, LONG_PATIENCE).await
    }

    async fn begin_with(&self, durability: Durability, patience: Duration) -> Result<Tx<'_>, StoreError> {
        let mut failures = 0;
        loop {
            let (begin, name) = match durability {
                Durability::Lease => (format!("{BEGIN} SET LOCAL synchronous_commit = off"), None),
                Durability::Flushed => {
                    let name = seams::new_guid();
                    (format!("{BEGIN} {}", self.naming(&name)), Some(name))
                }
            };
            let begun = match Session::acquire(&self.pool, patience).await {
                Ok(mut session) => session.raw(begin).await.map(|()| Tx { session, db: self, name }),
                Err(error) => Err(error),
            };
            match begun {
                Err(error) if error.can_repeat() => pause(&mut failures, error).await?,
                begun => return begun,
            }
        }
    }

    /// What a transaction writes so that its fate can be told.
    pub(super) fn naming(&self, name: &str) -> String {
        self.schema.render(&format!("INSERT INTO @.commits VALUES ('{name}', '{COMMITTED}', @now)"))
    }

    /// What became of a transaction whose commit was not answered: its name is claimed as one that came to nothing. As
    /// long as it is under way that waits; when it is there, it was committed; and when the claim is first, it never
    /// will be. The server's own transaction ids would not do: after a crash they may be given out again.
    pub(super) async fn fate_of(&self, name: &str) -> Result<(), StoreError> {
        for _ in 0..FATE_LOOKS {
            let claim = self.query(
                "INSERT INTO @.commits AS c (name, outcome, at_ms) VALUES ($1, 'undone', @now)
                 ON CONFLICT (name) DO UPDATE SET at_ms = c.at_ms RETURNING c.outcome",
            );
            let told = self.once(claim.bind(name.to_owned())).await;
            match told.and_then(|rows| Ok(rows[0].try_get::<String, _>(0)?)) {
                Ok(outcome) if outcome == COMMITTED => return Ok(()),
                Ok(_) => return Err(StoreError::NoAnswer),
                Err(error) if error.kind() == Kind::Permanent => break,
                Err(_) => tokio::time::sleep(FATE_PAUSE).await,
            }
        }
        Err(StoreError::Ambiguous)
    }

    /// Forgets transactions whose fate nobody asks for any more.
    pub(super) async fn forget_commits(&self) -> Result<(), StoreError> {
        let forget = || self.query("DELETE FROM @.commits WHERE at_ms < @now - $1").bind(REMEMBERED_MS);
        self.all(forget).await.map(drop)
    }
}

/// Waits before a repetition, or gives up.
pub(super) async fn pause(failures: &mut usize, error: StoreError) -> Result<(), StoreError> {
    let Some(pause) = PAUSES_MS.get(*failures) else {
        return Err(error);
    };
    *failures += 1;
    tracing::debug!(failures, "a request to PostgreSQL is repeated: {error:?}");
    tokio::time::sleep(Duration::from_millis(*pause)).await;
    Ok(())
}

/// Repeats a whole transaction while that is safe.
pub(super) async fn with_repeats<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>> + Send,
{
    let mut failures = 0;
    loop {
        match attempt().await {
            Err(error) if error.can_repeat() => pause(&mut failures, error).await?,
            ended => return ended,
        }
    }
}

/// A connection that is closed, and not given back, unless what was under way on it came to its end.
pub(super) struct Session {
    conn: Option<PoolConnection<Postgres>>,
    patience: Duration,
}

impl Session {
    pub(super) async fn acquire(pool: &PgPool, patience: Duration) -> Result<Self, StoreError> {
        Ok(Session { conn: Some(pool.acquire().await?), patience })
    }

    pub(super) fn conn(&mut self) -> &mut PgConnection {
        self.conn.as_mut().expect("only `end` and `drop` take it")
    }

    async fn all(&mut self, query: Query) -> Result<Vec<PgRow>, StoreError> {
        let patience = self.patience;
        let answer = tokio::time::timeout(patience, query.fetch_all(self.conn())).await;
        Ok(answer.map_err(|_| StoreError::NoAnswer)??)
    }

    async fn raw(&mut self, sql: impl Into<String>) -> Result<(), StoreError> {
        let patience = self.patience;
        let answer =
            tokio::time::timeout(patience, self.conn().execute(sqlx::raw_sql(AssertSqlSafe(sql.into())))).await;
        answer.map_err(|_| StoreError::NoAnswer)??;
        Ok(())
    }

    /// Waits until what a refused statement held is free: the server tells of the error before. A repetition that takes
    /// what is not locked would find nothing until then.
    async fn settle(&mut self) {
        let patience = self.patience;
        // When it does not answer, whoever uses the connection next finds out.
        let _ = tokio::time::timeout(patience, self.conn().ping()).await;
    }

    /// The connection may be used again, unless this outcome says that it is dead.
    fn end<T>(self, outcome: &Result<T, StoreError>) {
        let dead = outcome.as_ref().is_err_and(|error| error.kind() == Kind::Connection);
        if !dead {
            self.release();
        }
    }

    /// The connection may be used again.
    pub(super) fn release(mut self) {
        drop(self.conn.take());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            // Closes the socket: the server rolls back what was open.
            drop(conn.detach());
        }
    }
}

/// An open transaction. Dropping it rolls back, by closing its connection.
pub(super) struct Tx<'a> {
    session: Session,
    db: &'a Db,
    /// Under which its outcome is told, if that must be known for certain.
    name: Option<String>,
}

impl Tx<'_> {
    pub(super) fn conn(&mut self) -> &mut PgConnection {
        self.session.conn()
    }

    pub(super) async fn all(&mut self, query: Query) -> Result<Vec<PgRow>, StoreError> {
        self.session.all(query).await
    }

    /// Commits what need not be told for certain: a lease that is lost ends by itself.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        let committed = self.session.raw("COMMIT").await;
        self.session.end(&committed);
        committed
    }

    /// Commits, and finds out what became of it when the answer is lost.
    pub(super) async fn commit_surely(mut self) -> Result<(), StoreError> {
        let committed = self.session.raw("COMMIT").await;
        let lost = committed.as_ref().is_err_and(|error| error.kind() == Kind::Connection);
        let (db, name) = (self.db, self.name.take());
        self.session.end(&committed);
        match name {
            Some(name) if lost => db.fate_of(&name).await,
            Some(_) | None => committed,
        }
    }

    /// Undoes everything.
    pub(super) async fn rollback(mut self) {
        let undone = self.session.raw("ROLLBACK").await;
        self.session.end(&undone);
    }
}

/// Somebody in the middle of a transaction, who asks the database.
pub(super) trait Ask: Send {
    /// All rows of the answer.
    fn ask(&mut self, query: Query) -> impl Future<Output = Result<Vec<PgRow>, StoreError>> + Send;
}

impl Ask for Tx<'_> {
    async fn ask(&mut self, query: Query) -> Result<Vec<PgRow>, StoreError> {
        self.all(query).await
    }
}

/// The database's clock, from a statement that tells it in this column.
pub(super) fn database_ms(db: &Db, row: &PgRow, index: usize) -> Result<u64, StoreError> {
    let now_ms: i64 = row.try_get(index)?;
    db.learn_clock(now_ms);
    Ok(uint(now_ms))
}
