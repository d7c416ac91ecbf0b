//! Connections that were just used are used next: few of them then know all statements with their plans.
//!
//! A pool hands out the connection that has rested longest, after a round trip that asks whether it lives, and opens new
//! ones as long as it may. Each would plan every statement by itself. So the store keeps what it has just used for a
//! moment, the last one on top; what nobody needs sinks, and goes back to the pool from below.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Executor, PgConnection, PgPool, Postgres};
use tokio::time::Instant;

use super::writer::PATIENCE;

/// How long a connection is kept that nobody uses. Programs have the same pool, and may wait for it.
const REST: Duration = Duration::from_millis(500);

/// After this it goes through the pool, whose limits of age it would otherwise never meet.
const TERM: Duration = Duration::from_secs(60);

/// How a connection is while the store has it, where that is nobody else's affair: each statement is planned once, step by
/// step along the keys (see [`PLAN_ONCE`](super::writer)), and whatever the role says of isolation does not matter.
const SET_UP: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SET idle_in_transaction_session_timeout = '15s'; SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_bitmapscan = off;";

/// How it was.
const TAKE_DOWN: &str = "RESET default_transaction_isolation; RESET idle_in_transaction_session_timeout; \
    RESET plan_cache_mode; RESET enable_seqscan; RESET enable_bitmapscan;";

/// Whether settings of a session are kept between transactions, and are the store's to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settings {
    /// They are: connections are set up when the store takes them, and put back when programs may have them again.
    OfSession,
    /// The program may have set them up otherwise, or another client of a PgBouncer gets the session next: each
    /// transaction sets what it needs.
    OfTransaction,
}

/// The connections of a store.
#[derive(Debug)]
pub(super) struct Idle {
    pool: PgPool,
    settings: Settings,
    /// Kept at most: half of the pool.
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The one that was used last is the last.
    connections: Vec<(Instant, Taken)>,
    /// Whether a task looks after them.
    is_watched: bool,
}

/// A connection in use. Dropped, it is closed: the server rolls back what was open.
#[derive(Debug)]
pub(super) struct Taken {
    conn: Option<PoolConnection<Postgres>>,
    since: Instant,
    /// Whether it has to be put back before programs have it.
    is_set_up: bool,
}

/// What a connection is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Statements that go along the keys, again and again.
    Store,
    /// All others: they are planned for what they ask.
    Any,
}

impl Taken {
    pub(super) fn conn(&mut self) -> &mut PgConnection {
        self.conn.as_mut().expect("only `hand_back` and `drop` take it")
    }

    async fn hand_back(mut self) {
        if self.is_set_up && set(self.conn(), TAKE_DOWN).await.is_err() {
            return;
        }
        drop(self.conn.take());
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            drop(conn.detach());
        }
    }
}

async fn set(conn: &mut PgConnection, settings: &'static str) -> Result<(), sqlx::Error> {
    let answer = tokio::time::timeout(PATIENCE, conn.execute(sqlx::raw_sql(settings)));
    answer.await.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(drop)
}

impl Idle {
    pub(super) fn new(pool: PgPool, settings: Settings) -> Arc<Self> {
        let most = usize::try_from(pool.options().get_max_connections() / 2).unwrap_or(0);
        Arc::new(Idle { pool, settings, most, kept: Mutex::default() })
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) fn settings(&self) -> Settings {
        self.settings
    }

    /// The connection that was used last, or one of the pool.
    pub(super) async fn take(&self, purpose: Use) -> Result<Taken, sqlx::Error> {
        let sets_up = purpose == Use::Store && self.settings == Settings::OfSession;
        let is_kept = sets_up || self.settings == Settings::OfTransaction;
        // A pool that is closed waits for all that belong to it.
        if is_kept
            && !self.pool.is_closed()
            && let Some((_, taken)) = self.kept().connections.pop()
        {
            return Ok(taken);
        }
        let conn = Some(self.pool.acquire().await?);
        let mut taken = Taken { conn, since: Instant::now(), is_set_up: sets_up };
        if sets_up {
            set(taken.conn(), SET_UP).await?;
        }
        Ok(taken)
    }

    /// Keeps a connection, unless it is wanted in the pool.
    pub(super) fn give(self: &Arc<Self>, taken: Taken) {
        if self.settings == Settings::OfSession && !taken.is_set_up {
            return give_back(taken);
        }
        let is_wanted = self.pool.is_closed() || self.is_exhausted() || taken.since.elapsed() >= TERM;
        let mut kept = self.kept();
        if is_wanted || kept.connections.len() >= self.most {
            drop(kept);
            return give_back(taken);
        }
        kept.connections.push((Instant::now(), taken));
        if !mem::replace(&mut kept.is_watched, true) {
            tokio::spawn(watch(Arc::clone(self)));
        }
    }

    /// Whether somebody may wait for a connection of the pool.
    fn is_exhausted(&self) -> bool {
        self.pool.num_idle() == 0 && self.pool.size() >= self.pool.options().get_max_connections()
    }

    /// What has rested long enough; `None` when nothing is left to look after.
    fn rested(&self) -> Option<Vec<(Instant, Taken)>> {
        let mut kept = self.kept();
        if kept.connections.is_empty() {
            kept.is_watched = false;
            return None;
        }
        let rested = kept.connections.partition_point(|(since, _)| since.elapsed() >= REST);
        Some(kept.connections.drain(..rested).collect())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Connections are put in and taken out whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_back(mut taken: Taken) {
    match taken.is_set_up {
        true => drop(tokio::spawn(taken.hand_back())),
        false => drop(taken.conn.take()),
    }
}

/// Gives back what nobody needs, until there is nothing.
async fn watch(idle: Arc<Idle>) {
    loop {
        tokio::time::sleep(REST).await;
        match idle.rested() {
            Some(rested) => {
                for (_, taken) in rested {
                    taken.hand_back().await;
                }
            }
            None => return,
        }
    }
}
