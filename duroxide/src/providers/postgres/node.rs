//! This store among those of the schema: a session of its own hears hints, and proves by a lock that its store lives.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{PgPool, Row};
use tokio::task::AbortHandle;

use super::error::StoreError;
use super::hints::{Hints, channel};
use super::open::PostgresOpenError;
use super::row::number;
use super::writer::{Db, Durability, Tx};
use crate::providers::signal::WorkQueue;
use crate::seams;

/// At most one message each, however many commits there are: a commit of a message locks all others of the database
/// out for a moment.
const QUIET: Duration = Duration::from_millis(20);

/// Between two looks at whether other stores live.
const LOOK: Duration = Duration::from_millis(400);

/// How long our own session may be silent before it is asked whether it lives, and how long it may take to answer.
const SILENCE: Duration = Duration::from_secs(2);

/// Looks in a row that find no session of a store before it counts as dead: one that lost its connection has a new one
/// by then.
const LOOKS: u32 = 3;

/// Wait before a lost session is opened again.
const REOPEN: Duration = Duration::from_millis(200);

/// A place among the stores of one schema.
#[derive(Debug)]
pub(super) struct Node {
    /// Who holds the leases taken here: the number of the place, if there is one, and what is new with every object.
    owner: Arc<str>,
    tasks: Vec<AbortHandle>,
}

impl Drop for Node {
    fn drop(&mut self) {
        // The session ends with its task, and the lock with the session.
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Node {
    /// With a session of its own, or without: then leases of the dead end by themselves, and hints come from nobody.
    pub(super) async fn start(db: &Arc<Db>, hints: &Arc<Hints>, has_session: bool) -> Result<Self, PostgresOpenError> {
        let guid = seams::new_guid();
        if !has_session {
            return Ok(Node { owner: guid.into(), tasks: Vec::new() });
        }
        let register = db
            .query("INSERT INTO @.nodes (owner, began_at) VALUES ($1, @now) RETURNING node_id")
            .bind(guid.clone())
            .fetch_one(db.pool())
            .await?;
        let node_id: i32 = register.try_get(0)?;
        // Before the first lease is signed with it: a place without a lock is that of a dead store.
        let session = Session { db: Arc::clone(db), hints: Arc::clone(hints), node_id, guid: guid.as_str().into() };
        let listener = session.open().await?;
        // Until the lock was there, others may have taken the place for that of a dead store, and forgotten it.
        session.register_again().await.map_err(StoreError::into_open)?;
        let tasks = vec![
            tokio::spawn(session.clone().run(listener)).abort_handle(),
            tokio::spawn(tell(Arc::clone(db), Arc::clone(hints), node_id)).abort_handle(),
            tokio::spawn(bury(Arc::clone(db), Arc::clone(hints), node_id)).abort_handle(),
        ];
        Ok(Node { owner: format!("{node_id}/{guid}").into(), tasks })
    }

    /// How many other stores are open on the schema and prove it by their locks; those without a session cannot.
    pub(super) async fn neighbours(&self, db: &Db, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let own = self.owner.split_once('/').and_then(|(node_id, _)| node_id.parse::<i32>().ok());
        let look = format!(
            "SELECT count(*) FROM @.nodes
             WHERE node_id IS DISTINCT FROM $2 AND NOT pg_try_advisory_xact_lock({LOCK_CLASS}, node_id)"
        );
        let rows = tx.all(db.query(&look).bind(db.schema().name().to_owned()).bind(own)).await?;
        number(&rows[0], 0)
    }

    /// What leases are signed with.
    pub(super) fn owner(&self) -> Arc<str> {
        Arc::clone(&self.owner)
    }
}

/// The advisory lock of a place: the schema's half and the place's.
const LOCK_CLASS: &str = "hashtext('duroxide node of ' || $1)";

#[derive(Clone)]
struct Session {
    db: Arc<Db>,
    hints: Arc<Hints>,
    node_id: i32,
    guid: Arc<str>,
}

impl Session {
    /// A connection beside the pool, which holds the lock and listens.
    async fn open(&self) -> Result<PgListener, sqlx::Error> {
        let options = (*self.db.pool().connect_options()).clone();
        let alone: PgPool =
            PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None).connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&alone).await?;
        // A session that comes back never meets a lock of its own, or only that of the lost one, which ends soon.
        sqlx::query(sqlx::AssertSqlSafe(format!("SELECT pg_advisory_lock_shared({LOCK_CLASS}, $2)")))
            .bind(self.db.schema().name().to_owned())
            .bind(self.node_id)
            .execute(&mut listener)
            .await?;
        listener.listen(&channel(self.db.schema())).await?;
        Ok(listener)
    }

    async fn run(self, listener: PgListener) {
        let mut open = Some(listener);
        loop {
            if let Some(mut listener) = open.take() {
                self.listen(&mut listener).await;
            }
            tokio::time::sleep(REOPEN).await;
            let Ok(listener) = self.open().await else {
                continue;
            };
            // Nobody buries a store that is not among the places: without its row this one must not go on.
            if self.register_again().await.is_ok() {
                self.hints.missed();
                open = Some(listener);
            }
        }
    }

    /// Others may have taken this store for dead, and forgotten its place. Under the lock they cannot again.
    async fn register_again(&self) -> Result<(), StoreError> {
        let register = || {
            let insert = self
                .db
                .query("INSERT INTO @.nodes (node_id, owner, began_at) VALUES ($1, $2, @now) ON CONFLICT DO NOTHING");
            insert.bind(self.node_id).bind(self.guid.to_string())
        };
        self.db.all(register).await.map(drop)
    }

    /// Until the connection is lost.
    async fn listen(&self, listener: &mut PgListener) {
        loop {
            match tokio::time::timeout(SILENCE, listener.try_recv()).await {
                Ok(Ok(Some(message))) => self.hear(message.payload()),
                Ok(Ok(None) | Err(_)) => return,
                // Silence may be that of a dead connection.
                Err(_) => {
                    let alive = sqlx::query("SELECT 1").execute(&mut *listener);
                    if !matches!(tokio::time::timeout(SILENCE, alive).await, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }

    fn hear(&self, said: &str) {
        let own = self.node_id.to_string();
        match said.split_once(' ') {
            Some((who, what)) if who != own => self.hints.hear(what),
            Some(_) | None => {}
        }
    }
}

/// Tells the other stores what there is to tell, once in a while.
async fn tell(db: Arc<Db>, hints: Arc<Hints>, node_id: i32) {
    loop {
        let news = hints.news().await.written();
        let said = db.query("SELECT pg_notify($1, $2), set_config('synchronous_commit', 'off', true)");
        // Only a hint: who does not hear it looks by itself, later.
        let _ = db.once(said.bind(channel(db.schema())).bind(format!("{node_id} {news}"))).await;
        tokio::time::sleep(QUIET).await;
    }
}

/// Looks whether the other stores live, and ends the leases of those that do not.
async fn bury(db: Arc<Db>, hints: Arc<Hints>, own: i32) {
    let mut missed: HashMap<i32, u32> = HashMap::new();
    loop {
        if let Ok(silent) = silent(&db, own).await {
            missed.retain(|node_id, _| silent.contains(node_id));
            for node_id in silent {
                let looks = missed.entry(node_id).or_default();
                *looks += 1;
                if *looks >= LOOKS && end_leases(&db, node_id).await.is_ok() {
                    hints.tell(WorkQueue::Orchestrator);
                    hints.tell(WorkQueue::Worker);
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Places whose lock nobody holds at this moment.
async fn silent(db: &Db, own: i32) -> Result<Vec<i32>, StoreError> {
    let look =
        format!("SELECT node_id FROM @.nodes WHERE node_id <> $2 AND pg_try_advisory_xact_lock({LOCK_CLASS}, node_id)");
    let rows = db.all(|| db.query(&look).bind(db.schema().name().to_owned()).bind(own)).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Ends the leases that a dead store signed, and forgets its place. If it lives in spite of all, it is fenced: its
/// tokens meet leases that are over.
async fn end_leases(db: &Db, node_id: i32) -> Result<(), StoreError> {
    let mut tx = db.begin(Durability::Lease).await?;
    let lock = format!("SELECT pg_try_advisory_xact_lock({LOCK_CLASS}, $2)");
    let dead = tx.all(db.query(&lock).bind(db.schema().name().to_owned()).bind(node_id)).await?;
    if dead[0].try_get(0)? {
        // Rows that others write as well are locked in the order of their keys.
        for sql in [
            "WITH own AS MATERIALIZED (SELECT instance_id FROM @.instance_locks WHERE owner LIKE $1 || '/%'
                 ORDER BY instance_id FOR UPDATE)
             UPDATE @.instance_locks l SET locked_until = LEAST(locked_until, @now) FROM own
             WHERE l.instance_id = own.instance_id AND owner LIKE $1 || '/%'",
            "WITH own AS MATERIALIZED (SELECT instance_id, execution_id, activity_id, id FROM @.worker_queue
                 WHERE locked_until > @now AND owner LIKE $1 || '/%' ORDER BY 1, 2, 3, 4 FOR UPDATE)
             UPDATE @.worker_queue w SET locked_until = LEAST(locked_until, @now) FROM own
             WHERE w.instance_id = own.instance_id AND w.execution_id = own.execution_id
                 AND w.activity_id = own.activity_id AND w.id = own.id AND owner LIKE $1 || '/%'",
            "WITH own AS MATERIALIZED (SELECT session_id FROM @.sessions WHERE owner LIKE $1 || '/%'
                 ORDER BY session_id FOR UPDATE)
             UPDATE @.sessions s SET locked_until = LEAST(locked_until, @now) FROM own
             WHERE s.session_id = own.session_id AND owner LIKE $1 || '/%'",
            "DELETE FROM @.nodes WHERE node_id = $1::int",
        ] {
            tx.all(db.query(sql).bind(node_id.to_string())).await?;
        }
        tracing::warn!(node_id, "a store is gone without a trace: its leases are over");
    }
    tx.commit().await
}
