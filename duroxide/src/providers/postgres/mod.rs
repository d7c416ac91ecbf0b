//! PostgreSQL: opening a store, and one line per method of the contract.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgPool;

mod ack;
mod admin;
mod claim;
mod commit;
mod complete;
mod error;
mod export;
mod express;
mod fetch;
mod figures;
mod find;
mod guest;
mod heartbeat;
mod hints;
mod history;
mod idle;
mod import;
mod indexed;
mod insight;
mod integrity;
mod kv;
mod lane;
mod node;
mod open;
mod prune;
mod quarantine;
mod ready;
mod returns;
mod row;
mod schema;
mod session;
mod spoilt;
mod stand;
mod standing;
mod start;
mod take;
mod traces;
mod transaction;
mod transfer;
mod unserved;
mod waiting;
mod within;
mod worker;
mod workers;
mod writer;

#[cfg(test)]
mod tests;

pub use figures::ServerFigures;
pub use open::{PostgresOpenError, PostgresOptions};
pub use sqlx::PgTransaction;

use crate::model::VERSION;
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::event::Event;
use crate::model::filter::{Capability, DispatcherCapabilityFilter, SessionFetchConfig, TagFilter};
use crate::model::info::ActivityProgress;
use crate::model::item::{OrchestrationItem, ScheduledActivityIdentifier};
use crate::model::start::StartOutcome;
use crate::model::stats::SystemStats;
use crate::model::status::OrchestrationStatus;
use crate::model::work_item::{WorkItem, kind_of};
use crate::providers::error::ProviderError;
use crate::providers::express::ExpressProvider;
use crate::providers::insight::InsightProvider;
use crate::providers::management::ProviderAdmin;
use crate::providers::signal::{Reach, WorkSignal};
use crate::providers::transaction::TransactionProvider;
use crate::providers::transfer::TransferStore;
use crate::providers::{Provider, TraceProvider};
use error::StoreError;
use hints::Hints;
use idle::Settings;
use lane::{Lane, Size};
use node::Node;
use open::Schema;
use ready::Wakes;
use returns::Returns;
use row::{ActivityKey, ActivityRow, MessageRow};
use standing::Standing;
use within::Places;
use writer::Db;

/// Requests that one transaction serves, and transactions of a kind under way at once. One who claims at a time sees
/// all who ask; two who commit leave none waiting for a flush.
const CLAIMS: Size = Size { batch: 256, width: 1 };
const COMMITS: Size = Size { batch: 256, width: 2 };
const LOOKS: Size = Size { batch: 256, width: 2 };

/// Histories, queues and leases in one schema of a PostgreSQL database, shared by any number of processes.
///
/// All times are those of the database's clock. What it acknowledged survives a crash of the server, as far as the
/// server's own settings (`fsync`, `synchronous_commit`) let it.
pub struct PostgresProvider {
    db: Arc<Db>,
    hints: Arc<Hints>,
    turns: Lane<fetch::Asking>,
    commits: Lane<ack::Acking>,
    activities: Lane<take::Asking>,
    completions: Lane<worker::Acking>,
    posts: Lane<ready::Posting>,
    turns_done: Lane<complete::Completing>,
    stands: Lane<stand::Asking>,
    standing: Standing,
    places: Places,
    /// Signs the leases taken here; dropped with the store, so that others know that they are nobody's.
    node: Node,
}

/// Without the pool, which knows the password.
impl std::fmt::Debug for PostgresProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresProvider").field("schema", &self.db.schema().name()).finish_non_exhaustive()
    }
}

impl PostgresProvider {
    /// Connects to `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, and creates or migrates the schema `duroxide` there.
    ///
    /// # Errors
    /// See [`PostgresOpenError`]; none of them tells the password.
    pub async fn connect(url: &str) -> Result<Self, PostgresOpenError> {
        PostgresProvider::connect_with(url, PostgresOptions::default()).await
    }

    /// The same with options.
    ///
    /// # Errors
    /// See [`PostgresOpenError`].
    pub async fn connect_with(url: &str, options: PostgresOptions) -> Result<Self, PostgresOpenError> {
        // Nobody has set up these connections but us. Behind a PgBouncer sessions are others', too.
        let settings = if options.session_features { Settings::OfSession } else { Settings::OfTransaction };
        PostgresProvider::open(open::pool(url)?, options, settings).await
    }

    /// On a pool of the program's own; its settings are left as they are. Several connections are in use under load:
    /// eight are enough for one store.
    ///
    /// # Errors
    /// See [`PostgresOpenError`].
    pub async fn from_pool(pool: PgPool) -> Result<Self, PostgresOpenError> {
        PostgresProvider::from_pool_with(pool, PostgresOptions::default()).await
    }

    /// The same with options.
    ///
    /// # Errors
    /// See [`PostgresOpenError`].
    pub async fn from_pool_with(pool: PgPool, options: PostgresOptions) -> Result<Self, PostgresOpenError> {
        PostgresProvider::open(pool, options, Settings::OfTransaction).await
    }

    async fn open(pool: PgPool, options: PostgresOptions, settings: Settings) -> Result<Self, PostgresOpenError> {
        let schema = Schema::new(&options.schema)?;
        let mut conn = open::first(&pool).await?;
        open::check_server(&mut conn).await?;
        match options.is_visitor {
            true => schema::check(&mut conn, &schema).await?,
            false => schema::migrate(&mut conn, &schema).await?,
        }
        transfer::check(&mut conn, &schema).await?;
        let home = schema::home(&mut conn, &schema).await?;
        drop(conn);
        let db = Arc::new(Db::new(pool, settings, schema, home));
        let reach = if options.session_features { Reach::All } else { Reach::Own };
        let hints = Arc::new(Hints::new(reach));
        let node = Node::start(&db, &hints, options.session_features).await?;
        Ok(PostgresProvider::start(db, hints, node))
    }

    fn start(db: Arc<Db>, hints: Arc<Hints>, node: Node) -> Self {
        let returns = Returns::start(Arc::clone(&db), Arc::clone(&hints));
        let (d, h) = (|| Arc::clone(&db), || Arc::clone(&hints));
        let fetch = fetch::Fetch { db: d(), hints: h(), owner: node.owner(), returns: returns.clone() };
        let taking = take::Fetch { db: d(), hints: h(), owner: node.owner(), returns: returns.clone() };
        let acks = ack::Acks { db: d(), hints: h(), owner: node.owner(), returns: returns.clone() };
        let done = complete::Completions { db: d(), hints: h(), owner: node.owner(), returns };
        let standing = Standing::new(fetch.clone());
        PostgresProvider {
            turns: Lane::start(fetch, CLAIMS),
            commits: Lane::start(acks, COMMITS),
            activities: Lane::start(taking, CLAIMS),
            completions: Lane::start(worker::Acks { db: d(), hints: h() }, COMMITS),
            posts: Lane::start(ready::Post { db: d(), hints: h(), standing: standing.clone() }, COMMITS),
            turns_done: Lane::start(done, COMMITS),
            stands: Lane::start(stand::Stands { db: d() }, LOOKS),
            standing,
            places: Places::of(db.pool().options()),
            db,
            hints,
            node,
        }
    }

    async fn post(
        &self,
        operation: &'static str,
        item: &WorkItem,
        delay: Option<Duration>,
        waiting_max: Option<usize>,
    ) -> Result<(), ProviderError> {
        let message = message_row(item).map_err(|error| error.during(operation))?;
        let delay = delay.unwrap_or_default();
        self.posts.call(operation, |reply| ready::Posting { message, delay, waiting_max, reply }).await
    }

    /// All that creates the newest schema of this name, as SQL for whoever applies it by hand.
    ///
    /// # Errors
    /// When the name cannot be that of a schema.
    pub fn schema_sql(schema: &str) -> Result<String, PostgresOpenError> {
        let script = schema::script(&Schema::new(schema)?, 0);
        Ok(script.expect("an empty database can be brought to the newest version"))
    }

    /// All that a schema of this name with tables of this [version](Self::schema_version) lacks, as SQL for whoever applies it by
    /// hand; it fails on tables of another version. Nothing for a version that this crate does not know.
    ///
    /// # Errors
    /// When the name cannot be that of a schema.
    pub fn schema_sql_from(schema: &str, version: usize) -> Result<Option<String>, PostgresOpenError> {
        Ok(schema::script(&Schema::new(schema)?, version))
    }

    /// The version of the tables in the options' schema, 0 when there are none; nothing is changed.
    ///
    /// # Errors
    /// See [`PostgresOpenError`].
    pub async fn schema_version(url: &str, options: PostgresOptions) -> Result<usize, PostgresOpenError> {
        let schema = Schema::new(&options.schema)?;
        let pool = open::pool(url)?;
        let mut conn = open::first(&pool).await?;
        schema::version(&mut conn, &schema).await
    }

    /// What the tables hold, for people; no payloads.
    pub async fn debug_dump(&self) -> String {
        match admin::dump(&self.db).await {
            Ok(dump) => dump,
            Err(error) => error.during("debug_dump").to_string(),
        }
    }

    /// The connections, for programs that run SQL of their own.
    pub fn get_pool(&self) -> &PgPool {
        self.db.pool()
    }

    /// The schema that holds the tables.
    pub fn schema(&self) -> &str {
        self.db.schema().name()
    }
}

#[async_trait]
impl Provider for PostgresProvider {
    fn name(&self) -> &str {
        "postgres"
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
        let asking = |reply| fetch::Asking { max: 1, lock_timeout, capability, known: None, reply };
        let fetched = self.turns.call("fetch_orchestration_item", asking).await?;
        Ok(fetched.into_iter().next().map(|delivery| delivery.take().into_item()))
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
        let ack = ack::Ack::new(lock_token, commit, self.hints.signal()).map_err(|error| error.during(OPERATION))?;
        self.commits.call(OPERATION, |reply| ack::Acking { ack, reply }).await.map(|acked| drop(acked.take()))
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let abandoned = fetch::abandon(&self.db, &self.hints, lock_token, delay, ignore_attempt).await;
        abandoned.map_err(|error| error.during("abandon_orchestration_item"))
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        history::events(&self.db, instance, None).await.map_err(|error| error.during("read"))
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        let events = history::events(&self.db, instance, Some(execution_id)).await;
        events.map_err(|error| error.during("read_with_execution"))
    }

    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "append_with_execution";
        let rows = history::to_rows(&new_events).map_err(|error| error.during(OPERATION))?;
        let appended = history::append(&self.db, instance, execution_id, &rows).await;
        appended.map_err(|error| error.during(OPERATION))
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError> {
        const OPERATION: &str = "enqueue_for_worker";
        let activity = ActivityRow::new(&item).map_err(|error| error.during(OPERATION))?;
        let enqueued = ready::enqueue_activity(&self.db, &self.hints, &activity).await;
        enqueued.map_err(|error| error.during(OPERATION))
    }

    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        _poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError> {
        let (session, tags) = (session.cloned(), tag_filter.clone());
        let asking = |reply| take::Asking { max: 1, lock_timeout, session, tags, reply };
        let taken = self.activities.call("fetch_work_item", asking).await?;
        Ok(taken.into_iter().next().map(|delivery| {
            let taken = delivery.take();
            (taken.item, taken.token, taken.attempts)
        }))
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        const OPERATION: &str = "ack_work_item";
        let completion =
            completion.as_ref().map(completion_row).transpose().map_err(|error| error.during(OPERATION))?;
        let key = ActivityKey::parse(token).map_err(|error| error.during(OPERATION))?;
        self.completions.call(OPERATION, |reply| worker::Acking { key, completion, reply }).await
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let renewed = worker::renew(&self.db, token, extend_for).await;
        renewed.map_err(|error| error.during("renew_work_item_lock"))
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        let renewed = session::renew(&self.db, owner_ids, extend_for, idle_timeout).await;
        renewed.map_err(|error| error.during("renew_session_lock"))
    }

    async fn cleanup_orphaned_sessions(&self, _idle_timeout: Duration) -> Result<usize, ProviderError> {
        session::cleanup(&self.db).await.map_err(|error| error.during("cleanup_orphaned_sessions"))
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let abandoned = worker::abandon(&self.db, &self.hints, token, delay, ignore_attempt).await;
        abandoned.map_err(|error| error.during("abandon_work_item"))
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let renewed = fetch::renew(&self.db, token, extend_for).await;
        renewed.map_err(|error| error.during("renew_orchestration_item_lock"))
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        self.post("enqueue_for_orchestrator", &item, delay, None).await
    }

    async fn enqueue_start(&self, item: WorkItem) -> Result<StartOutcome, ProviderError> {
        const OPERATION: &str = "enqueue_start";
        if !matches!(item, WorkItem::StartOrchestration { .. }) {
            return Err(ProviderError::permanent(OPERATION, "expected a StartOrchestration"));
        }
        let message = MessageRow::new(&item).map_err(|error| error.during(OPERATION))?;
        let mut wakes = Wakes::default();
        let mut failures = writer::Failures::default();
        let outcome = loop {
            match start::enqueue(&self.db, &self.standing, &item, &message, &mut wakes).await {
                Err(error) if error.can_repeat() => match writer::pause(&mut failures, error).await {
                    Ok(()) => {}
                    Err(error) => break Err(error),
                },
                ended => break ended,
            }
        };
        wakes.ring(&self.db, &self.hints);
        outcome.map_err(|error| error.during(OPERATION))
    }

    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        Some(self)
    }

    fn as_express_capability(&self) -> Option<&dyn ExpressProvider> {
        Some(self)
    }

    fn as_transaction_capability(&self) -> Option<&dyn TransactionProvider> {
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
        Some(Arc::clone(self.hints.signal()))
    }

    async fn get_status(&self, instance: &str) -> Result<OrchestrationStatus, ProviderError> {
        let instance = row::stored(instance).into_owned();
        self.stands.call("get_status", |reply| stand::Asking { instance, reply }).await
    }

    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        let status = admin::custom_status(&self.db, instance, last_seen_version).await;
        status.map_err(|error| error.during("get_custom_status"))
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        kv::get(&self.db, instance, key).await.map_err(|error| error.during("get_kv_value"))
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        kv::get_all(&self.db, instance).await.map_err(|error| error.during("get_kv_all_values"))
    }

    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        admin::stats(&self.db, instance).await.map_err(|error| error.during("get_instance_stats"))
    }

    async fn enqueue_if_room(
        &self,
        item: WorkItem,
        delay: Option<Duration>,
        waiting_max: usize,
    ) -> Result<(), ProviderError> {
        self.post("enqueue_if_room", &item, delay, Some(waiting_max)).await
    }

    async fn activity_fence(&self, token: &str) -> Result<Option<u64>, ProviderError> {
        heartbeat::fence(&self.db, token).await.map(Some).map_err(|error| error.during("activity_fence"))
    }

    async fn heartbeat_work_item(&self, token: &str, progress: &str) -> Result<bool, ProviderError> {
        let kept = heartbeat::keep(&self.db, token, progress).await;
        kept.map(|()| true).map_err(|error| error.during("heartbeat_work_item"))
    }

    async fn read_progress(&self, instance: &str) -> Result<Vec<ActivityProgress>, ProviderError> {
        heartbeat::read(&self.db, instance).await.map_err(|error| error.during("read_progress"))
    }
}

/// A message for an orchestration; activities belong to the worker queue.
fn message_row(item: &WorkItem) -> Result<MessageRow, StoreError> {
    if matches!(item, WorkItem::ActivityExecute { .. }) {
        return Err(StoreError::Refused(
            "expected a message for an orchestration, found ActivityExecute, which belongs to the worker queue"
                .to_owned(),
        ));
    }
    MessageRow::new(item)
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
