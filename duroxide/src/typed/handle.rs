//! What can be done with an instance from outside: wait, raise, enqueue, cancel, ask.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use super::{CallError, Orchestration, Signal};
use crate::client::{Client, ClientError};
use crate::codec::{self, CodecError};
use crate::model::status::OrchestrationStatus;

/// A start that is about to be made: await it for the handle.
#[must_use = "nothing is started unless awaited"]
pub struct Start<O: Orchestration> {
    handle: Handle<O>,
    version: String,
    input: Result<String, CodecError>,
}

impl<O: Orchestration> Start<O> {
    #[doc(hidden)]
    pub fn new(client: &Client, id: impl Into<String>, input: &O::In) -> Self {
        Start { handle: Handle::attach(client, id), version: O::VERSION.to_owned(), input: O::encode(input) }
    }

    /// Starts another version than that of the type.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }
}

impl<O: Orchestration> IntoFuture for Start<O> {
    type Output = Result<Handle<O>, ClientError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let input =
                self.input.map_err(|error| ClientError::InvalidInput { message: format!("encode: {error}") })?;
            let Handle { client, id, .. } = &self.handle;
            client.start_orchestration_versioned(id, O::NAME, self.version, input).await?;
            Ok(self.handle)
        })
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
    pub async fn raise<S: Signal>(&self, event: S) -> Result<(), ClientError> {
        self.client.raise_event(&self.id, S::NAME, payload(&event)?).await
    }

    /// Puts a message into a queue of the instance, where it stays until `ctx.queue::<S>()` takes it.
    ///
    /// # Errors
    /// When the payload has no JSON form or the store fails.
    pub async fn enqueue<S: Signal>(&self, message: S) -> Result<(), ClientError> {
        self.client.enqueue_event(&self.id, S::NAME, payload(&message)?).await
    }

    /// Asks the instance to end as cancelled.
    ///
    /// # Errors
    /// When the store fails. An instance that has ended is left as it is.
    pub async fn cancel(&self, reason: impl Into<String>) -> Result<(), ClientError> {
        self.client.cancel_instance(&self.id, reason).await
    }

    /// Where it stands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn status(&self) -> Result<OrchestrationStatus, ClientError> {
        self.client.get_orchestration_status(&self.id).await
    }
}

fn payload<S: Signal>(signal: &S) -> Result<String, ClientError> {
    codec::to_json(signal).map_err(|error| ClientError::InvalidInput { message: format!("encode: {error}") })
}
