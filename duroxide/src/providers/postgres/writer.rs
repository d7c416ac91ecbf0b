//! Transactions: begun on a connection that lives, committed once, and never left in doubt where that can be known.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Postgres, Row};

use super::error::{Kind, StoreError};
use super::guest::Home;
use super::idle::{Idle, Settings, Taken, Use};
use super::open::{CONNECTIONS, Schema};
use super::row::{int, uint};
use crate::lease::Skew;
use crate::{clock, seams};

/// A statement with its arguments.
pub(super) type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

/// How long one statement may take before its connection counts as dead: longer than any of ours should, shorter than
/// the leases that hang on it.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// The same for statements that delete whole trees.
const LONG_PATIENCE: Duration = Duration::from_secs(600);

/// Connections that a request may find dead one after the other, without a pause: all that a pool of ours kept from before
/// a restart of the server. A server that is down refuses at once, and then the pauses count.
const STALE_MAX: usize = CONNECTIONS as usize;

/// Pauses before a request is repeated on another connection. A server that restarts is back after them, mostly;
/// until then the pool itself waits.
const PAUSES_MS: [u64; 6] = [0, 0, 20, 100, 300, 1_000];

/// How long the fate of a commit may stay unknown, because the server has not noticed that its client is gone.
const FATE_LOOKS: u32 = 100;
const FATE_PAUSE: Duration = Duration::from_millis(100);

/// How long the outcome of a transaction is kept: longer than anybody asks for it.
const REMEMBERED_MS: i64 = 3_600_000;

/// Whatever the database's default: the store's locks are made for this level.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED;";

/// A client that is cut off must not hold rows for ever.
const SPARE_OTHERS: &str = "SET LOCAL idle_in_transaction_session_timeout = '15s';";

/// A statement is planned once on each connection: planning a commit takes longer than doing it. Such a plan must not
/// depend on how few rows there were that day, so that it goes step by step along the keys, as all statements here are made
/// to but those that take long.
const PLAN_ONCE: &str = "SET LOCAL idle_in_transaction_session_timeout = '15s'; \
    SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;";

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

/// Under which the outcome of a transaction is told.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) text: String,
    /// By this process's clock.
    begun_ms: u64,
}

impl Name {
    pub(super) fn new() -> Self {
        Name { text: seams::new_guid(), begun_ms: clock::now_ms() }
    }

    /// Whether it may be forgotten already. The half is for the difference of two clocks.
    fn is_old(&self) -> bool {
        int(clock::now_ms().saturating_sub(self.begun_ms)) > REMEMBERED_MS / 2
    }
}

/// The database, as all parts of a store share it.
#[derive(Debug)]
pub(super) struct Db {
    idle: Arc<Idle>,
    schema: Schema,
    home: Home,
    /// How far the database's clock is ahead of this process's, once it was looked at.
    skew: Mutex<Option<Skew>>,
}

impl Db {
    pub(super) fn new(pool: PgPool, settings: Settings, schema: Schema, home: Home) -> Self {
        Db { idle: Idle::new(pool, settings), schema, home, skew: Mutex::default() }
    }

    pub(super) fn pool(&self) -> &PgPool {
        self.idle.pool()
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

    /// Learns what the database's clock says, from a statement that was sent at `asked_ms` of this process's clock, or
    /// later, and is answered.
    fn learn_clock(&self, asked_ms: u64, database_ms: i64) {
        let Some(seen) = Skew::seen(int(asked_ms), database_ms, int(clock::now_ms())) else {
            return;
        };
        let mut skew = self.skew.lock().unwrap_or_else(PoisonError::into_inner);
        *skew = Some(skew.map_or(seen, |known| known.narrowed(seen)));
    }

    fn skew(&self) -> Option<Skew> {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is added to a time of this process's clock to get that of the database's.
    pub(super) fn shift_ms(&self) -> i64 {
        self.skew().map_or(0, Skew::shift_ms)
    }

    /// What this process's clock shows when a time of the database's clock has come.
    pub(super) fn here_ms(&self, database_ms: u64) -> u64 {
        self.skew().map_or(database_ms, |skew| skew.reached_ms(database_ms))
    }

    /// A connection to work on.
    pub(super) async fn session(&self, purpose: Use, patience: Duration) -> Result<Session, StoreError> {
        Ok(Session { taken: Some(self.idle.take(purpose).await?), idle: Arc::clone(&self.idle), patience })
    }

    /// One statement that reads, or whose repetition does no harm, on its own.
    pub(super) async fn all(&self, build: impl Fn() -> Query) -> Result<Vec<PgRow>, StoreError> {
        self.repeated(Use::Any, build).await
    }

    /// The same for a statement that goes along the keys, and is asked often.
    pub(super) async fn quick(&self, build: impl Fn() -> Query) -> Result<Vec<PgRow>, StoreError> {
        self.repeated(Use::Store, build).await
    }

    async fn repeated(&self, purpose: Use, build: impl Fn() -> Query) -> Result<Vec<PgRow>, StoreError> {
        let mut failures = Failures::default();
        loop {
            match self.once_for(purpose, build()).await {
                Err(error) if error.can_repeat() => pause(&mut failures, error).await?,
                answer => return answer,
            }
        }
    }

    /// One statement that must not be repeated: what a lost answer would have told is lost with it.
    pub(super) async fn once(&self, query: Query) -> Result<Vec<PgRow>, StoreError> {
        self.once_for(Use::Any, query).await
    }

    /// The same for a statement that goes along the keys, and is asked often.
    pub(super) async fn quick_once(&self, query: Query) -> Result<Vec<PgRow>, StoreError> {
        self.once_for(Use::Store, query).await
    }

    async fn once_for(&self, purpose: Use, query: Query) -> Result<Vec<PgRow>, StoreError> {
        let mut session = self.session(purpose, PATIENCE).await?;
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
        self.begin_with(durability, Use::Store, self.plan_once(), "").await
    }

    /// The same with the first statement, in one go. It cannot be bound: see [`literal`].
    pub(super) async fn begin_by(&self, first: &str) -> Result<Tx<'_>, StoreError> {
        self.begin_with(Durability::Flushed, Use::Store, self.plan_once(), &self.schema.render(first)).await
    }

    /// The same for work that takes long.
    pub(super) async fn begin_long(&self) -> Result<Tx<'_>, StoreError> {
        self.begin_with(Durability::Flushed, Use::Any, SPARE_OTHERS, "").await
    }

    /// What a transaction sets that is not set already.
    fn plan_once(&self) -> &'static str {
        match self.idle.settings() {
            Settings::OfSession => "",
            Settings::OfTransaction => PLAN_ONCE,
        }
    }

    async fn begin_with(
        &self,
        durability: Durability,
        purpose: Use,
        settings: &str,
        first: &str,
    ) -> Result<Tx<'_>, StoreError> {
        let patience = if purpose == Use::Store { PATIENCE } else { LONG_PATIENCE };
        let mut failures = Failures::default();
        loop {
            let (begin, name) = match durability {
                Durability::Lease => (format!("{BEGIN} {settings} SET LOCAL synchronous_commit = off; {first}"), None),
                Durability::Flushed => {
                    let name = Name::new();
                    (format!("{BEGIN} {settings} {}; {first}", self.naming(&name)), Some(name))
                }
            };
            let begun = match self.session(purpose, patience).await {
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
    pub(super) fn naming(&self, name: &Name) -> String {
        self.schema.render(&format!("INSERT INTO @.commits VALUES ('{}', '{COMMITTED}', @now)", name.text))
    }

    /// What became of a transaction whose commit was not answered: its name is claimed as one that came to nothing. As
    /// long as it is under way that waits; when it is there, it was committed; and when the claim is first, it never
    /// will be. The server's own transaction ids would not do: after a crash they may be given out again.
    pub(super) async fn fate_of(&self, name: &Name) -> Result<(), StoreError> {
        for _ in 0..FATE_LOOKS {
            let claim = self.query(
                "INSERT INTO @.commits AS c (name, outcome, at_ms) VALUES ($1, 'undone', @now)
                 ON CONFLICT (name) DO UPDATE SET at_ms = c.at_ms RETURNING c.outcome",
            );
            let told = self.once(claim.bind(name.text.clone())).await;
            match told.and_then(|rows| Ok(rows[0].try_get::<String, _>(0)?)) {
                Ok(outcome) if outcome == COMMITTED => return Ok(()),
                // It may have been there, and be forgotten: whoever asks was stopped for that long.
                Ok(_) if name.is_old() => break,
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

/// A text inside a statement, as digits: nothing in it can be taken for SQL, whatever the server is set to.
pub(super) fn literal(text: &str) -> String {
    use std::fmt::Write;

    let mut literal = String::from("convert_from(decode('");
    for byte in text.bytes() {
        // Writing to a string does not fail.
        let _ = write!(literal, "{byte:02x}");
    }
    literal + "', 'hex'), 'UTF8')"
}

/// What went wrong with a request so far.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// Connections that turned out to be dead.
    stale: usize,
    /// All others.
    paused: usize,
}

/// Waits before a repetition, or gives up.
pub(super) async fn pause(failures: &mut Failures, error: StoreError) -> Result<(), StoreError> {
    tracing::debug!(?failures, "a request to PostgreSQL is repeated: {error:?}");
    if error.is_stale() && failures.stale < STALE_MAX {
        failures.stale += 1;
        return Ok(());
    }
    let Some(pause) = PAUSES_MS.get(failures.paused) else {
        return Err(error);
    };
    failures.paused += 1;
    tokio::time::sleep(Duration::from_millis(*pause)).await;
    Ok(())
}

/// Repeats a whole transaction while that is safe.
pub(super) async fn with_repeats<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>> + Send,
{
    let mut failures = Failures::default();
    loop {
        match attempt().await {
            Err(error) if error.can_repeat() => pause(&mut failures, error).await?,
            ended => return ended,
        }
    }
}

/// A connection that is closed, and not given back, unless what was under way on it came to its end.
pub(super) struct Session {
    taken: Option<Taken>,
    idle: Arc<Idle>,
    patience: Duration,
}

impl Session {
    pub(super) fn conn(&mut self) -> &mut PgConnection {
        self.taken.as_mut().expect("only `release` and `drop` take it").conn()
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
        if let Some(taken) = self.taken.take() {
            self.idle.give(taken);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Closes the socket: the server rolls back what was open.
        drop(self.taken.take());
    }
}

/// An open transaction. Dropping it rolls back, by closing its connection.
pub(super) struct Tx<'a> {
    session: Session,
    db: &'a Db,
    /// Under which its outcome is told, if that must be known for certain.
    name: Option<Name>,
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

/// The database's clock, from a statement that was sent at `asked_ms` of this process's clock and tells it in this
/// column.
pub(super) fn database_ms(db: &Db, asked_ms: u64, row: &PgRow, index: usize) -> Result<u64, StoreError> {
    let now_ms: i64 = row.try_get(index)?;
    db.learn_clock(asked_ms, now_ms);
    Ok(uint(now_ms))
}
