//! The same calls as a part of a PostgreSQL transaction of the caller's: both or neither happen.

use sqlx::PgTransaction;
use tracing::Instrument;

use super::{Client, ClientError};
use crate::model::start::StartOutcome;
use crate::model::work_item::WorkItem;
use crate::providers::transaction::{OpenTransaction, TransactionError, TransactionProvider};

/// Each of these is asked of the connection of `tx`, and happens when `tx` is committed: the caller's rows and what was
/// asked for are there together, or neither is. Workers are woken at the commit.
///
/// `tx` must be of the database that holds the client's store, which is a
/// [`PostgresProvider`](crate::providers::postgres::PostgresProvider), as it is or encoded.
///
/// ```no_run
/// # use duroxide::Client;
/// # use duroxide::providers::postgres::PostgresProvider;
/// # async fn order(store: std::sync::Arc<PostgresProvider>) -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(store.clone());
/// let mut tx = store.get_pool().begin().await?;
/// sqlx::query("INSERT INTO orders (id) VALUES ('o-1')").execute(&mut *tx).await?;
/// client.start_in(&mut tx, "o-1", "Checkout", "{}").await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
impl Client {
    /// [`start_orchestration`](Self::start_orchestration) when `tx` is committed.
    ///
    /// A start of an id that exists already has no effect. Starts of one id wait for each other until their transactions
    /// end.
    ///
    /// # Errors
    /// [`NoTransactions`](TransactionError::NoTransactions) when the store is not PostgreSQL, and
    /// [`OtherStore`](TransactionError::OtherStore) when `tx` is one of another database; both leave `tx` as it was.
    /// [`InvalidInput`](TransactionError::InvalidInput) as for the call without `_in`. After
    /// [`Provider`](TransactionError::Provider) undo `tx`, and do it again if the error is retryable.
    pub async fn start_in(
        &self,
        tx: &mut PgTransaction<'_>,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        input: impl Into<String>,
    ) -> Result<(), TransactionError> {
        self.start_or_leave(tx, instance.into(), orchestration.into(), None, input.into()).await
    }

    /// The same in exactly this version.
    ///
    /// # Errors
    /// As [`start_in`](Self::start_in).
    pub async fn start_versioned_in(
        &self,
        tx: &mut PgTransaction<'_>,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        version: impl Into<String>,
        input: impl Into<String>,
    ) -> Result<(), TransactionError> {
        self.start_or_leave(tx, instance.into(), orchestration.into(), Some(version.into()), input.into()).await
    }

    /// [`raise_event`](Self::raise_event) when `tx` is committed.
    ///
    /// # Errors
    /// As [`start_in`](Self::start_in).
    pub async fn raise_in(
        &self,
        tx: &mut PgTransaction<'_>,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<(), TransactionError> {
        let (instance, name, data) = (instance.into(), event_name.into(), data.into());
        self.check_event("name of the event", &instance, &name, &data)?;
        self.send_in(tx, WorkItem::ExternalRaised { instance, name, data }).await
    }

    /// [`enqueue_event`](Self::enqueue_event) when `tx` is committed.
    ///
    /// # Errors
    /// As [`start_in`](Self::start_in).
    pub async fn enqueue_in(
        &self,
        tx: &mut PgTransaction<'_>,
        instance: impl Into<String>,
        queue: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<(), TransactionError> {
        let (instance, name, data) = (instance.into(), queue.into(), data.into());
        self.check_event("name of the queue", &instance, &name, &data)?;
        self.send_in(tx, WorkItem::QueueMessage { instance, name, data }).await
    }

    /// Starts an instance unless its id is taken, and says what it met.
    pub(crate) async fn start_compared_in(
        &self,
        tx: &mut PgTransaction<'_>,
        instance: String,
        orchestration: String,
        version: Option<String>,
        input: String,
    ) -> Result<StartOutcome, TransactionError> {
        let start = self.start_message(instance, orchestration, version, input)?;
        let (span, trace) = self.traced(&start);
        let store = self.transactions()?;
        let starting = async {
            match trace {
                Some(trace) => store.start_traced_in(OpenTransaction::postgres(tx), start, &trace).await,
                None => store.enqueue_start_in(OpenTransaction::postgres(tx), start).await,
            }
        };
        starting.instrument(span).await
    }

    async fn start_or_leave(
        &self,
        tx: &mut PgTransaction<'_>,
        instance: String,
        orchestration: String,
        version: Option<String>,
        input: String,
    ) -> Result<(), TransactionError> {
        self.start_compared_in(tx, instance, orchestration, version, input).await.map(drop)
    }

    async fn send_in(&self, tx: &mut PgTransaction<'_>, item: WorkItem) -> Result<(), TransactionError> {
        let waiting_max = self.limits.queue_depth;
        self.transactions()?.enqueue_in(OpenTransaction::postgres(tx), item, waiting_max).await
    }

    fn transactions(&self) -> Result<&dyn TransactionProvider, TransactionError> {
        let none = || TransactionError::NoTransactions { store: self.store.name().to_owned() };
        self.store.as_transaction_capability().ok_or_else(none)
    }
}

impl From<ClientError> for TransactionError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Provider(error) => TransactionError::Provider(error),
            other @ (ClientError::InvalidInput { .. }
            | ClientError::ManagementNotAvailable
            | ClientError::Timeout
            | ClientError::InstanceStillRunning { .. }
            | ClientError::CannotDeleteSubOrchestration { .. }
            | ClientError::InstanceNotFound { .. }) => TransactionError::InvalidInput { message: message_of(other) },
        }
    }
}

/// Without what `InvalidInput` puts in front again.
fn message_of(error: ClientError) -> String {
    match error {
        ClientError::InvalidInput { message } => message,
        other => other.to_string(),
    }
}
