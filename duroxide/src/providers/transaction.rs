//! What a store may do in transactions that are not its own alone: those of users, and those in which activities write.
//!
//! A store that has none of it serves the whole contract all the same. What asks for it is then refused, before anything
//! runs or in so many words.

use std::marker::PhantomData;

use async_trait::async_trait;
#[cfg(feature = "postgres")]
use sqlx::PgTransaction;

use super::traces::TraceContext;
use super::{ProviderError, StartOutcome, WorkItem};

/// The transactional half of a store, reached through
/// [`Provider::as_transaction_capability`](super::Provider::as_transaction_capability).
#[async_trait]
pub trait TransactionProvider: Send + Sync {
    /// [`enqueue_if_room`](super::Provider::enqueue_if_room) as a part of `tx`: the message is in the queue when that is
    /// committed, and never otherwise.
    ///
    /// # Errors
    /// [`OtherStore`](TransactionError::OtherStore), with nothing changed, when `tx` is not one of this store's
    /// database; otherwise as there. After any other error `tx` may be good for nothing but to be undone.
    async fn enqueue_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
        waiting_max: usize,
    ) -> Result<(), TransactionError>;

    /// [`enqueue_start`](super::Provider::enqueue_start) as a part of `tx`. Other starts of the id wait until that has
    /// ended, so that they are compared with what it left.
    ///
    /// # Errors
    /// As [`enqueue_in`](Self::enqueue_in), and permanent for anything but `StartOrchestration`.
    async fn enqueue_start_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
    ) -> Result<StartOutcome, TransactionError>;

    /// [`enqueue_start_in`](Self::enqueue_start_in), and the trace context of a start that is queued is kept in the same
    /// transaction.
    ///
    /// By default the start is enqueued without it.
    ///
    /// # Errors
    /// As there.
    async fn start_traced_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
        _trace: &TraceContext,
    ) -> Result<StartOutcome, TransactionError> {
        self.enqueue_start_in(tx, item).await
    }

    /// Runs the work of a leased activity in a transaction of its own, and commits what it wrote together with what
    /// [`ack_work_item`](super::Provider::ack_work_item) does. The lease is checked in that transaction.
    ///
    /// The work is run once at most. When this future is dropped, the transaction is undone.
    ///
    /// # Errors
    /// Permanent, with nothing committed, when the token is unknown or its lease is over. Retryable when the store has
    /// trouble: either nothing was committed and the activity is still in the queue, or all was and it is not.
    async fn complete_within(&self, token: &str, work: &mut dyn TransactionWork) -> Result<Within, ProviderError>;
}

/// What is done in a transaction: the body of an activity.
#[async_trait]
pub trait TransactionWork: Send {
    /// Does it, and returns the completion that is to be stored with it. Without one the transaction is undone.
    async fn run(&mut self, tx: OpenTransaction<'_, '_>) -> Option<WorkItem>;
}

/// What became of work in a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Within {
    /// It is committed, and so is its completion.
    Committed,
    /// It is undone, because it returned no completion.
    Undone,
    /// It is undone, because the database refused to commit it, for this reason: a constraint that is checked at the
    /// end, or a statement that had failed before and was passed over.
    Refused(String),
}

/// A transaction that is open, of whatever kind a store knows.
#[derive(Debug)]
pub struct OpenTransaction<'t, 'c> {
    #[cfg(feature = "postgres")]
    postgres: &'t mut PgTransaction<'c>,
    of: PhantomData<&'t mut &'c ()>,
}

#[cfg(feature = "postgres")]
impl<'t, 'c> OpenTransaction<'t, 'c> {
    /// One of PostgreSQL.
    pub fn postgres(tx: &'t mut PgTransaction<'c>) -> Self {
        OpenTransaction { postgres: tx, of: PhantomData }
    }

    /// The same as what it is.
    pub fn into_postgres(self) -> &'t mut PgTransaction<'c> {
        self.postgres
    }
}

/// Why nothing was put into a transaction.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// The store takes part in no transactions, or stands behind a wrapper that does not.
    #[error("expected a store that takes part in transactions of its database, found `{store}`, which does not")]
    NoTransactions {
        /// Its name.
        store: String,
    },
    /// The transaction is one of another database, so that both or neither could not be promised.
    #[error("expected a transaction of the database that holds the store, {expected}, found one of {found}")]
    OtherStore {
        /// Where the store is.
        expected: String,
        /// Where the transaction is.
        found: String,
    },
    /// An argument was refused before anything was asked of the database.
    #[error("Invalid input: {message}")]
    InvalidInput {
        /// What is wrong with it.
        message: String,
    },
    /// The store failed.
    #[error("{0}")]
    Provider(#[from] ProviderError),
}

impl TransactionError {
    /// Whether the whole transaction may work when it is undone and done again.
    pub fn is_retryable(&self) -> bool {
        match self {
            TransactionError::Provider(error) => error.is_retryable(),
            TransactionError::NoTransactions { .. }
            | TransactionError::OtherStore { .. }
            | TransactionError::InvalidInput { .. } => false,
        }
    }
}
