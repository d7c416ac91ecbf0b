//! Connections that were just used are used next: few of them then know all statements with their plans.
//!
//! A pool hands out the connection that has rested longest, after a round trip that asks whether it lives, and opens new
//! ones as long as it may. Each would plan every statement by itself. So the store keeps what it has just used for a
//! moment, the last one on top; what nobody needs sinks, and goes back to the pool from below.

use std::mem;
use std::ops::DerefMut;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::time::Instant;

/// How long a connection is kept that nobody uses. Programs have the same pool, and may wait for it.
const REST: Duration = Duration::from_millis(100);

/// After this it goes through the pool, whose limits of age it would otherwise never meet.
const TERM: Duration = Duration::from_secs(60);

/// The connections of a store.
#[derive(Debug)]
pub(super) struct Idle {
    pool: PgPool,
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

/// A connection in use. Dropped, it goes back to the pool.
#[derive(Debug)]
pub(super) struct Taken {
    conn: PoolConnection<Postgres>,
    since: Instant,
}

impl Taken {
    pub(super) fn conn(&mut self) -> &mut PgConnection {
        self.conn.deref_mut()
    }

    /// Closes the socket: the server rolls back what was open.
    pub(super) fn close(self) {
        drop(self.conn.detach());
    }
}

impl Idle {
    pub(super) fn new(pool: PgPool) -> Arc<Self> {
        let most = usize::try_from(pool.options().get_max_connections() / 2).unwrap_or(0);
        Arc::new(Idle { pool, most, kept: Mutex::default() })
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The connection that was used last, or one of the pool.
    pub(super) async fn take(&self) -> Result<Taken, sqlx::Error> {
        // A pool that is closed waits for all that belong to it.
        let kept = if self.pool.is_closed() { None } else { self.kept().connections.pop() };
        match kept {
            Some((_, taken)) => Ok(taken),
            None => Ok(Taken { conn: self.pool.acquire().await?, since: Instant::now() }),
        }
    }

    /// Keeps a connection, unless it is wanted in the pool.
    pub(super) fn give(self: &Arc<Self>, taken: Taken) {
        let is_wanted = self.pool.is_closed() || self.is_exhausted() || taken.since.elapsed() >= TERM;
        let mut kept = self.kept();
        if is_wanted || kept.connections.len() >= self.most {
            drop(kept);
            return drop(taken);
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

impl Drop for Idle {
    fn drop(&mut self) {
        let connections = mem::take(&mut self.kept().connections);
        // The way back into the pool is a task, for which there may be no runtime any more.
        if tokio::runtime::Handle::try_current().is_err() {
            connections.into_iter().for_each(|(_, taken)| taken.close());
        }
    }
}

/// Gives back what nobody needs, until there is nothing.
async fn watch(idle: Arc<Idle>) {
    loop {
        tokio::time::sleep(REST).await;
        match idle.rested() {
            Some(rested) => drop(rested),
            None => return,
        }
    }
}
