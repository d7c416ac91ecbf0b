//! SQLite: opening a store, and one line per method of the contract.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use sqlx::SqlitePool;

mod ack;
mod admin;
mod adopt;
mod basis;
mod by_hand;
mod carried;
mod desk;
mod doors;
mod error;
mod export;
mod express;
mod fetch;
mod find;
mod folding;
mod handing;
mod heartbeat;
mod history;
mod import;
mod insight;
mod integrity;
mod jobs;
mod kv;
mod listed;
mod log;
mod node;
mod open;
mod prune;
mod quarantine;
mod readers;
mod ready;
mod room;
mod row;
mod schema;
mod session;
mod several;
mod start;
mod thread;
mod traces;
mod transfer;
mod unserved;
mod waiting;
mod wakes;
mod worker;
mod workers;
mod writer;

#[cfg(test)]
mod tests;

pub use open::{SqliteOpenError, Visit};

use crate::clock;
use crate::model::VERSION;
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::event::Event;
use crate::model::filter::{Capability, DispatcherCapabilityFilter, SessionFetchConfig, TagFilter};
use crate::model::info::ActivityProgress;
use crate::model::insight::Durability;
use crate::model::item::{OrchestrationItem, ScheduledActivityIdentifier};
use crate::model::start::StartOutcome;
use crate::model::stats::SystemStats;
use crate::model::status::OrchestrationStatus;
use crate::model::work_item::{WorkItem, kind_of};
use crate::providers::error::ProviderError;
use crate::providers::management::ProviderAdmin;
use crate::providers::signal::{Reach, WorkSignal};
use crate::providers::transfer::TransferStore;
use crate::providers::{ExpressProvider, InsightProvider, Provider, TraceProvider};
use desk::Desk;
use error::StoreError;
use folding::Folder;
use jobs::Delivery;
use node::Node;
use open::{Location, Synchronous};
use readers::Readers;
use row::{ActivityRow, MessageRow};
use thread::Sync;
use worker::Wanted;
use writer::Writer;

/// Settings of a [`SqliteProvider`]; what there is to set is in the URL of [`SqliteProvider::new`].
#[derive(Debug, Clone, Default)]
pub struct SqliteOptions {}

/// Histories, queues and leases in one SQLite file, or in memory.
///
/// What it acknowledged survives a power cut, unless it was opened with `synchronous=normal`. Several of these, in one process or in many, may share a file.
#[derive(Debug)]
pub struct SqliteProvider {
    writer: Writer,
    /// `None` in memory, where readers would stand in the writer's way: the writer reads, too.
    readers: Option<Arc<Readers>>,
    /// The same for reads that are over in microseconds.
    desk: Option<Desk>,
    pool: SqlitePool,
    signal: Arc<WorkSignal>,
    /// Where it is, for people.
    place: String,
    /// What its commits survive.
    durability: Durability,
    /// Signs the leases taken here; dropped with the store, so that the next one knows that they are nobody's.
    node: Node,
}

impl SqliteProvider {
    /// Opens `sqlite:PATH` or `sqlite::memory:`. A missing file is created only with `?mode=rwc`.
    ///
    /// What is acknowledged is flushed first. `&synchronous=normal` gives that up for speed: then a **power cut** or a
    /// crash of the operating system may take the newest commits, acknowledged ones included: starts that were
    /// confirmed, activities that ran and will run again. What is left is whole, a state that the database once had.
    /// A kill of the process takes nothing.
    ///
    /// # Errors
    /// See [`SqliteOpenError`]; a missing file is named.
    pub async fn new(database_url: &str, options: Option<SqliteOptions>) -> Result<Self, SqliteOpenError> {
        let SqliteOptions {} = options.unwrap_or_default();
        SqliteProvider::open_at(Location::parse(database_url)?).await
    }

    /// Opens a file, and creates it, readable by its owner only, if it is missing.
    ///
    /// # Errors
    /// See [`SqliteOpenError`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, SqliteOpenError> {
        SqliteProvider::open_at(Location::file(path.as_ref())).await
    }

    /// Opens a file as a program that runs nothing and only looks, or sends messages and administers. It takes no place
    /// among the stores of the file, creates, migrates and repairs nothing, and takes no lease back from anybody.
    ///
    /// # Errors
    /// See [`SqliteOpenError`]: [`Missing`](SqliteOpenError::Missing) when there is no such file, and
    /// [`OlderSchema`](SqliteOpenError::OlderSchema) when it is not of the newest version.
    pub async fn visit(path: impl AsRef<Path>, visit: Visit) -> Result<Self, SqliteOpenError> {
        SqliteProvider::open_at(Location::visited(path.as_ref(), visit)).await
    }

    /// Opens a file and never flushes it: a power cut may take everything, and leave what is no database.
    #[cfg(feature = "test-hooks")]
    #[doc(hidden)]
    pub async fn open_without_flushes(path: impl AsRef<Path>) -> Result<Self, SqliteOpenError> {
        let path = path.as_ref().to_owned();
        SqliteProvider::open_at(Location::File { path, create: true, synchronous: Synchronous::Off, visit: None }).await
    }

    /// A fresh database in memory, gone when the last user of it is.
    ///
    /// # Errors
    /// When memory or threads run out.
    pub async fn new_in_memory() -> Result<Self, SqliteOpenError> {
        SqliteProvider::open_at(Location::memory()).await
    }

    /// The same with options.
    ///
    /// # Errors
    /// When memory or threads run out.
    pub async fn new_in_memory_with_options(options: Option<SqliteOptions>) -> Result<Self, SqliteOpenError> {
        let SqliteOptions {} = options.unwrap_or_default();
        SqliteProvider::new_in_memory().await
    }

    async fn open_at(location: Location) -> Result<Self, SqliteOpenError> {
        let pool = location.pool();
        tokio::task::spawn_blocking(move || SqliteProvider::open_blocking(&location, pool))
            .await
            .map_err(|error| SqliteOpenError::Thread(Box::new(error)))?
    }

    fn open_blocking(location: &Location, pool: SqlitePool) -> Result<Self, SqliteOpenError> {
        let mut conn = location.connect()?;
        match location.visit() {
            // A log that is left may be read where nothing can be written: then the first write tells.
            None => schema::migrate(&mut conn).map_err(|error| location.explain(error))?,
            Some(_) => schema::check(&mut conn)?,
        }
        let thread_error = |error| SqliteOpenError::Thread(Box::new(error));
        let (readers, desk, sync, node) = match location {
            Location::File { path, synchronous, visit, .. } => {
                let node = SqliteProvider::place(&mut conn, path, *visit)?;
                let readers = Arc::new(Readers::new(path.clone()));
                let sync = match synchronous {
                    Synchronous::Full => Sync::PerTransaction(true),
                    Synchronous::Normal => Sync::Fixed,
                    #[cfg(feature = "test-hooks")]
                    Synchronous::Off => Sync::Fixed,
                };
                (Some(readers), Some(Desk::start(path.clone()).map_err(thread_error)?), sync, node)
            }
            Location::Memory { .. } => (None, None, Sync::Fixed, Node::alone()),
        };
        let signal = Arc::new(WorkSignal::reaching(Reach::All).foreseeing());
        if location.visit().is_none() {
            ready::seed(&conn, &signal)?;
        }
        let folder = match location {
            Location::File { path, visit: None, .. } => Some(Folder::start(path.clone()).map_err(thread_error)?),
            Location::File { .. } | Location::Memory { .. } => None,
        };
        let writer = Writer::start(conn, sync, folder, Arc::clone(&signal)).map_err(thread_error)?;
        let (place, durability) = (location.told(), location.durability());
        Ok(SqliteProvider { writer, readers, desk, pool, signal, place, durability, node })
    }

    /// Its place among the stores of the file; those that are dead lose their leases. A visitor has none, and leaves
    /// all of them as they are.
    fn place(conn: &mut Connection, path: &Path, visit: Option<Visit>) -> Result<Node, SqliteOpenError> {
        // Under its one real name: a store that came by a link must see the slots of the others.
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if visit.is_some() {
            return Ok(Node::visiting(&real));
        }
        let node = Node::beside(&real);
        node::reclaim(conn, &real, &node)?;
        listed::mend(conn)?;
        Ok(node)
    }

    /// Folds the write-ahead log into the database file.
    ///
    /// # Errors
    /// When the disk is full or fails, or others use the log for a minute.
    pub async fn checkpoint(&self) -> Result<(), SqliteOpenError> {
        match &self.readers {
            Some(readers) => Arc::clone(readers).checkpoint().await,
            None => Ok(()),
        }
    }

    /// What the tables hold, for people; no payloads.
    pub async fn debug_dump(&self) -> String {
        self.read_with("debug_dump", admin::dump).await.unwrap_or_else(|error| error.to_string())
    }

    /// Connections to the same database, for programs that run SQL of their own.
    pub fn get_pool(&self) -> &SqlitePool {
        &self.pool
    }
}

#[async_trait]
impl Provider for SqliteProvider {
    fn name(&self) -> &str {
        "sqlite"
    }

    fn version(&self) -> &str {
        VERSION
    }

    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        _poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        let capability = Capability::of(filter);
        let (owner, writer) = (self.node.owner(), self.writer.downgrade());
        let fetched = self
            .lease("fetch_orchestration_item", move |conn, wakes| {
                let fetched = fetch::fetch(conn, lock_timeout, capability, &owner, wakes)?;
                Ok(fetched.map(|fetched| {
                    let token = fetched.token.clone();
                    Delivery::new(fetched, token, fetch::give_back, writer.clone())
                }))
            })
            .await?;
        Ok(fetched.map(|delivery| delivery.take().into_item()))
    }

    async fn ack_orchestration_item(
        &self,
        lock_token: &str,
        execution_id: u64,
        history_delta: Vec<Event>,
        worker_items: Vec<WorkItem>,
        orchestrator_items: Vec<WorkItem>,
        metadata: ExecutionMetadata,
        cancelled_activities: Vec<ScheduledActivityIdentifier>,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "ack_orchestration_item";
        let commit = Commit {
            execution_id,
            delta: history_delta,
            worker_items,
            orchestrator_items,
            metadata,
            cancelled_activities,
        };
        let ack = ack::Ack::new(lock_token, commit, &self.signal).map_err(|error| error.during(OPERATION))?;
        self.write(OPERATION, move |conn, wakes| ack::ack(conn, &ack, wakes).map(drop)).await
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let token = lock_token.to_owned();
        self.lease("abandon_orchestration_item", move |conn, wakes| {
            fetch::abandon(conn, &token, delay, ignore_attempt, wakes)
        })
        .await
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.events("read", instance, None).await
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        self.events("read_with_execution", instance, Some(execution_id)).await
    }

    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "append_with_execution";
        let instance = instance.to_owned();
        let rows = history::to_rows(&new_events).map_err(|error| error.during(OPERATION))?;
        self.administer(OPERATION, move |conn, wakes| {
            history::append(conn, &instance, execution_id, &rows)?;
            Ok(ready::unpark(conn, &instance, wakes)?)
        })
        .await
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError> {
        const OPERATION: &str = "enqueue_for_worker";
        let activity = ActivityRow::new(item).map_err(|error| error.during(OPERATION))?;
        self.write(OPERATION, move |conn, wakes| Ok(worker::enqueue(conn, &activity, clock::now_ms(), wakes)?)).await
    }

    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        _poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError> {
        let wanted = Wanted { lock_timeout, session: session.cloned(), tags: tag_filter.clone() };
        let (owner, writer) = (self.node.owner(), self.writer.downgrade());
        let taken = self
            .lease("fetch_work_item", move |conn, wakes| {
                let taken = worker::fetch(conn, &wanted, &owner, wakes)?;
                Ok(taken.map(|taken| {
                    let token = taken.token.clone();
                    Delivery::new(taken, token, worker::give_back, writer.clone())
                }))
            })
            .await?;
        Ok(taken.map(|delivery| {
            let taken = delivery.take();
            (taken.item, taken.token, taken.attempts)
        }))
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        const OPERATION: &str = "ack_work_item";
        let completion =
            completion.as_ref().map(completion_row).transpose().map_err(|error| error.during(OPERATION))?;
        let token = token.to_owned();
        self.write(OPERATION, move |conn, wakes| worker::ack(conn, &token, completion.as_ref(), wakes)).await
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let token = token.to_owned();
        self.lease("renew_work_item_lock", move |conn, _| worker::renew(conn, &token, extend_for)).await
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        let owner_ids: Vec<String> = owner_ids.iter().map(|&owner_id| owner_id.to_owned()).collect();
        self.lease("renew_session_lock", move |conn, _| Ok(session::renew(conn, &owner_ids, extend_for, idle_timeout)?))
            .await
    }

    async fn cleanup_orphaned_sessions(&self, _idle_timeout: Duration) -> Result<usize, ProviderError> {
        self.lease("cleanup_orphaned_sessions", |conn, _| Ok(session::cleanup(conn)?)).await
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let token = token.to_owned();
        self.lease("abandon_work_item", move |conn, wakes| worker::abandon(conn, &token, delay, ignore_attempt, wakes))
            .await
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let token = token.to_owned();
        self.lease("renew_orchestration_item_lock", move |conn, wakes| fetch::renew(conn, &token, extend_for, wakes))
            .await
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        self.enqueue(item, delay, None).await
    }

    async fn enqueue_start(&self, item: WorkItem) -> Result<StartOutcome, ProviderError> {
        const OPERATION: &str = "enqueue_start";
        if !matches!(item, WorkItem::StartOrchestration { .. }) {
            return Err(ProviderError::permanent(OPERATION, "expected a StartOrchestration"));
        }
        let message = MessageRow::new(&item).map_err(|error| error.during(OPERATION))?;
        self.write(OPERATION, move |conn, wakes| start::enqueue(conn, &item, &message, clock::now_ms(), wakes)).await
    }

    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        Some(self)
    }

    fn as_express_capability(&self) -> Option<&dyn ExpressProvider> {
        Some(self)
    }

    fn as_insight_capability(&self) -> Option<&dyn InsightProvider> {
        Some(self)
    }

    fn as_trace_capability(&self) -> Option<&dyn TraceProvider> {
        Some(self)
    }

    fn as_transfer_capability(&self) -> Option<&dyn TransferStore> {
        Some(self)
    }

    fn work_signal(&self) -> Option<Arc<WorkSignal>> {
        Some(Arc::clone(&self.signal))
    }

    async fn get_status(&self, instance: &str) -> Result<OrchestrationStatus, ProviderError> {
        let instance = instance.to_owned();
        self.look("get_status", move |conn| admin::status(conn, &instance)).await
    }

    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        let instance = instance.to_owned();
        self.look("get_custom_status", move |conn| admin::custom_status(conn, &instance, last_seen_version)).await
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        let (instance, key) = (instance.to_owned(), key.to_owned());
        self.look("get_kv_value", move |conn| Ok(kv::get(conn, &instance, &key)?)).await
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        let instance = instance.to_owned();
        self.read_with("get_kv_all_values", move |conn| Ok(kv::get_all(conn, &instance)?)).await
    }

    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        let instance = instance.to_owned();
        self.read_with("get_instance_stats", move |conn| admin::stats(conn, &instance)).await
    }

    async fn enqueue_if_room(
        &self,
        item: WorkItem,
        delay: Option<Duration>,
        waiting_max: usize,
    ) -> Result<(), ProviderError> {
        self.enqueue(item, delay, Some(waiting_max)).await
    }

    async fn activity_fence(&self, token: &str) -> Result<Option<u64>, ProviderError> {
        let token = token.to_owned();
        self.write("activity_fence", move |conn, _| heartbeat::fence(conn, &token)).await.map(Some)
    }

    async fn heartbeat_work_item(&self, token: &str, progress: &str) -> Result<bool, ProviderError> {
        let (token, progress) = (token.to_owned(), progress.to_owned());
        self.lease("heartbeat_work_item", move |conn, _| heartbeat::keep(conn, &token, &progress)).await.map(|()| true)
    }

    async fn read_progress(&self, instance: &str) -> Result<Vec<ActivityProgress>, ProviderError> {
        let instance = instance.to_owned();
        self.read_with("read_progress", move |conn| heartbeat::read(conn, &instance)).await
    }
}

/// Only the result of an activity may answer an activity.
fn completion_row(item: &WorkItem) -> Result<MessageRow, StoreError> {
    match item {
        WorkItem::ActivityCompleted { .. } | WorkItem::ActivityFailed { .. } => MessageRow::new(item),
        other => {
            Err(StoreError::Refused(format!("expected ActivityCompleted or ActivityFailed, found {}", kind_of(other))))
        }
    }
}
