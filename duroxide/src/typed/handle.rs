//! What can be done with an instance from outside: wait, raise, enqueue, cancel, ask.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::read_status;
use super::{CallError, Key, Orchestration, Signal};
use crate::client::{Client, ClientError};
use crate::codec::{self, CodecError};
use crate::model::event::Event;
use crate::model::start::StartOutcome;
use crate::model::status::OrchestrationStatus;
use crate::providers::transaction::TransactionError;

/// A start that is about to be made: await it for the handle.
///
/// A start can be repeated: when the instance was started before, as the same orchestration with the same input, there
/// is nothing to do, and the handle is that of the instance, whether it runs or has ended. When the id stands for
/// something else, the start is refused and nothing changes. The store compares within the transaction that enqueues;
/// one that does not implement [`Provider::enqueue_start`](crate::providers::Provider::enqueue_start) cannot, and there
/// a second start of an id has no effect, whatever it asks for.
#[must_use = "nothing is started unless awaited"]
pub struct Start<O: Orchestration> {
    handle: Handle<O>,
    /// Absent: whatever the registry resolves.
    version: Option<String>,
    input: Result<String, CodecError>,
}

impl<O: Orchestration> Start<O> {
    #[doc(hidden)]
    pub fn new(client: &Client, id: impl Into<String>, input: &O::In) -> Self {
        Start { handle: Handle::attach(client, id), version: Some(O::VERSION.to_owned()), input: O::encode(input) }
    }

    /// Starts another version than that of the type.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Starts the version that the registry resolves when the instance begins: the latest, unless it says otherwise.
    /// That version must be able to read what the arguments of the type are written as, and to answer as the type does.
    pub fn latest(mut self) -> Self {
        self.version = None;
        self
    }

    /// Starts it as a part of a PostgreSQL transaction of the caller's: when that is committed, and never otherwise.
    /// `tx` must be of the database that holds the client's store.
    ///
    /// Starts of one id wait for each other until their transactions end, so that they are compared as ever. In a
    /// transaction that sees the database as of its begin (repeatable read and above), what was committed since counts as
    /// not there.
    ///
    /// ```no_run
    /// # use duroxide::providers::postgres::PostgresProvider;
    /// # use duroxide::{Client, OrchestrationContext, orchestration};
    /// # #[orchestration]
    /// # async fn checkout(_ctx: OrchestrationContext, order: u64) -> Result<u64, String> { Ok(order) }
    /// # async fn order(store: std::sync::Arc<PostgresProvider>) -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::new(store.clone());
    /// let mut tx = store.get_pool().begin().await?;
    /// sqlx::query("INSERT INTO orders (id) VALUES (1)").execute(&mut *tx).await?;
    /// let handle = checkout::start(&client, "o-1", 1).within(&mut tx).await?;
    /// tx.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As without a transaction, and [`StartError::Transaction`].
    #[cfg(feature = "postgres")]
    pub async fn within(self, tx: &mut sqlx::PgTransaction<'_>) -> Result<Handle<O>, StartError> {
        let Handle { client, id, .. } = &self.handle;
        let (name, version, input) = (O::NAME.to_owned(), self.version, encoded::<O>(self.input)?);
        found(id, O::NAME, client.start_compared_in(tx, id.clone(), name, version, input).await?)?;
        Ok(self.handle)
    }
}

fn encoded<O: Orchestration>(input: Result<String, CodecError>) -> Result<String, StartError> {
    input.map_err(|error| StartError::Codec { orchestration: O::NAME.to_owned(), message: error.to_string() })
}

/// Whether the id now stands for what was to be started.
fn found(id: &str, asked: &str, outcome: StartOutcome) -> Result<(), StartError> {
    match outcome {
        StartOutcome::Queued | StartOutcome::Exists | StartOutcome::Uncompared => Ok(()),
        StartOutcome::Differs { orchestration, input: _ } => Err(taken(id, asked, orchestration)),
    }
}

impl<O: Orchestration> IntoFuture for Start<O> {
    type Output = Result<Handle<O>, StartError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let input = encoded::<O>(self.input)?;
            let Handle { client, id, .. } = &self.handle;
            found(id, O::NAME, client.start_compared(id, O::NAME, self.version, input).await?)?;
            Ok(self.handle)
        })
    }
}

fn taken(id: &str, asked: &str, found: String) -> StartError {
    let (id, asked) = (id.to_owned(), asked.to_owned());
    if found == asked {
        StartError::OtherInput { id, orchestration: asked }
    } else {
        StartError::OtherOrchestration { id, asked, found }
    }
}

/// Why an instance was not started.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The id stands for another orchestration.
    #[error("instance `{id}` is an instance of `{found}`, and cannot be started as `{asked}`")]
    OtherOrchestration {
        /// The instance id.
        id: String,
        /// What was to be started.
        asked: String,
        /// What was started before.
        found: String,
    },
    /// The id stands for the same orchestration with another input. Neither input is shown: it may be nobody's
    /// business.
    #[error("instance `{id}` of `{orchestration}` was started before with another input")]
    OtherInput {
        /// The instance id.
        id: String,
        /// What it is.
        orchestration: String,
    },
    /// The input has no JSON form.
    #[error("the input of `{orchestration}` has no JSON form: {message}")]
    Codec {
        /// What was to be started.
        orchestration: String,
        /// What serde said.
        message: String,
    },
    /// The client could not ask.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It could not be made a part of the transaction.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
}

impl StartError {
    /// Whether the same call may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            StartError::OtherOrchestration { .. } | StartError::OtherInput { .. } | StartError::Codec { .. } => false,
            StartError::Client(error) => error.is_retryable(),
            StartError::Transaction(error) => error.is_retryable(),
        }
    }
}

/// Why something could not be done with an instance.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// A value could not be written, or what was read does not fit its type.
    #[error("a value does not fit its type: {0}")]
    Codec(CodecError),
    /// What was waited for did not come in the time given.
    #[error("no answer in the time given")]
    TimedOut,
    /// The client could not ask.
    #[error(transparent)]
    Client(ClientError),
    /// It could not be made a part of the transaction.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
}

impl HandleError {
    /// Whether the same call may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            HandleError::Codec(_) => false,
            HandleError::TimedOut => true,
            HandleError::Client(error) => error.is_retryable(),
            HandleError::Transaction(error) => error.is_retryable(),
        }
    }
}

impl From<ClientError> for HandleError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Timeout => HandleError::TimedOut,
            other @ (ClientError::Provider(_)
            | ClientError::ManagementNotAvailable
            | ClientError::InvalidInput { .. }
            | ClientError::InstanceStillRunning { .. }
            | ClientError::CannotDeleteSubOrchestration { .. }
            | ClientError::InstanceNotFound { .. }) => HandleError::Client(other),
        }
    }
}

/// An instance of an orchestration, known by its id. It holds nothing of the instance: any process can have one.
pub struct Handle<O: Orchestration> {
    client: Client,
    id: String,
    of: PhantomData<fn() -> O>,
}

impl<O: Orchestration> Clone for Handle<O> {
    fn clone(&self) -> Self {
        Handle { client: self.client.clone(), id: self.id.clone(), of: PhantomData }
    }
}

impl<O: Orchestration> fmt::Debug for Handle<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("orchestration", &O::NAME).field("id", &self.id).finish_non_exhaustive()
    }
}

impl<O: Orchestration> Handle<O> {
    /// A handle on the instance `id`, whether it runs, has ended or does not exist yet.
    pub fn attach(client: &Client, id: impl Into<String>) -> Self {
        Handle { client: client.clone(), id: id.into(), of: PhantomData }
    }

    /// The instance id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Waits until the instance has ended, at most `timeout`.
    ///
    /// # Errors
    /// Its own error as [`CallError::App`]; [`CallError::TimedOut`] when it has not ended in time, and goes on; what
    /// kept it from ending well, or the client from asking.
    pub async fn wait(&self, timeout: Duration) -> Result<O::Ok, CallError<O::Err>> {
        match self.client.wait_for_orchestration(&self.id, timeout).await? {
            OrchestrationStatus::Completed { output, .. } => {
                codec::from_json_or_text(&output).map_err(|error| CallError::codec(&error))
            }
            OrchestrationStatus::Failed { details, .. } => Err(CallError::of(details)),
            OrchestrationStatus::NotFound | OrchestrationStatus::Running { .. } => Err(CallError::TimedOut),
        }
    }

    /// Raises an event for whoever waits for it now: `ctx.wait::<S>()`.
    ///
    /// # Errors
    /// When the payload has no JSON form or the store fails. That nobody waits is no error.
    pub async fn raise<S: Signal>(&self, event: S) -> Result<(), HandleError> {
        Ok(self.client.raise_event(&self.id, S::NAME, payload(&event)?).await?)
    }

    /// Puts a message into a queue of the instance, where it stays until `ctx.queue::<S>()` takes it.
    ///
    /// # Errors
    /// When the payload has no JSON form or the store fails.
    pub async fn enqueue<S: Signal>(&self, message: S) -> Result<(), HandleError> {
        Ok(self.client.enqueue_event(&self.id, S::NAME, payload(&message)?).await?)
    }

    /// [`raise`](Self::raise) as a part of a PostgreSQL transaction of the caller's: when that is committed, and never
    /// otherwise. `tx` must be of the database that holds the client's store.
    ///
    /// # Errors
    /// When the payload has no JSON form, or [`HandleError::Transaction`].
    #[cfg(feature = "postgres")]
    pub async fn raise_in<S: Signal>(&self, tx: &mut sqlx::PgTransaction<'_>, event: S) -> Result<(), HandleError> {
        Ok(self.client.raise_in(tx, &self.id, S::NAME, payload(&event)?).await?)
    }

    /// [`enqueue`](Self::enqueue) as a part of a PostgreSQL transaction of the caller's.
    ///
    /// # Errors
    /// As [`raise_in`](Self::raise_in).
    #[cfg(feature = "postgres")]
    pub async fn enqueue_in<S: Signal>(&self, tx: &mut sqlx::PgTransaction<'_>, message: S) -> Result<(), HandleError> {
        Ok(self.client.enqueue_in(tx, &self.id, S::NAME, payload(&message)?).await?)
    }

    /// Asks the instance to end as cancelled.
    ///
    /// # Errors
    /// When the store fails. An instance that has ended is left as it is.
    pub async fn cancel(&self, reason: impl Into<String>) -> Result<(), HandleError> {
        Ok(self.client.cancel_instance(&self.id, reason).await?)
    }

    /// Where it stands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn status(&self) -> Result<OrchestrationStatus, HandleError> {
        Ok(self.client.get_orchestration_status(&self.id).await?)
    }

    /// What it last said of itself with [`set_status`](crate::OrchestrationContext::set_status); `None` when it has not,
    /// or does not exist.
    ///
    /// # Errors
    /// When it said something that does not fit `S`, or the store fails.
    pub async fn custom_status<S: DeserializeOwned>(&self) -> Result<Option<S>, HandleError> {
        let text = match self.status().await? {
            OrchestrationStatus::NotFound => None,
            OrchestrationStatus::Running { custom_status, .. }
            | OrchestrationStatus::Completed { custom_status, .. }
            | OrchestrationStatus::Failed { custom_status, .. } => custom_status,
        };
        text.map(|text| read_status(&text)).transpose().map_err(HandleError::Codec)
    }

    /// What it keeps under `key`, as of its last commit.
    ///
    /// # Errors
    /// When what is kept does not fit the type of the key, or the store fails.
    pub async fn get<T: Serialize + DeserializeOwned>(&self, key: &Key<T>) -> Result<Option<T>, HandleError> {
        let text = self.client.get_kv_value(&self.id, key.name()).await?;
        text.map(|text| key.read(&text)).transpose().map_err(HandleError::Codec)
    }

    /// Waits until it keeps something under `key`, at most `timeout`.
    ///
    /// # Errors
    /// [`HandleError::TimedOut`] when it has not in time; otherwise as [`get`](Self::get).
    pub async fn wait_for<T: Serialize + DeserializeOwned>(
        &self,
        key: &Key<T>,
        timeout: Duration,
    ) -> Result<T, HandleError> {
        let text = self.client.wait_for_kv_value(&self.id, key.name(), timeout).await?;
        key.read(&text).map_err(HandleError::Codec)
    }

    /// The events of its current execution; empty when it does not exist. Kept as JSON it is what
    /// [`testing::Recording`](crate::testing::Recording) replays.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn history(&self) -> Result<Vec<Event>, HandleError> {
        Ok(self.client.history(&self.id).await?)
    }
}

fn payload<S: Signal>(signal: &S) -> Result<String, HandleError> {
    codec::to_json(signal).map_err(HandleError::Codec)
}
