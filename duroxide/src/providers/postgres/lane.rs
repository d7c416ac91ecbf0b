//! Requests of one kind that come together are served together, in one transaction.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::error::StoreError;
use crate::providers::error::ProviderError;

/// Requests that wait for a lane; a flood beyond them waits with its callers.
const INBOX: usize = 8_192;

/// How many requests one transaction serves, and how many transactions are under way at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) batch: usize,
    pub(super) width: usize,
}

/// What is done for the requests of one kind.
pub(super) trait Serve: Send + Sync + 'static {
    /// One request.
    type Request: Send + 'static;
    /// Serves them all, and answers each.
    fn serve(&self, batch: Vec<Self::Request>) -> impl Future<Output = ()> + Send;
}

/// Where requests of one kind go. Its task ends when the last handle is dropped.
#[derive(Debug)]
pub(super) struct Lane<R> {
    inbox: mpsc::Sender<R>,
}

impl<R: Send + 'static> Lane<R> {
    /// Starts its task.
    pub(super) fn start<S: Serve<Request = R>>(server: S, size: Size) -> Self {
        let (inbox, requests) = mpsc::channel(INBOX);
        tokio::spawn(run(Arc::new(server), requests, size));
        Lane { inbox }
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn call<T>(
        &self,
        operation: &'static str,
        request: impl FnOnce(Reply<T>) -> R,
    ) -> Result<T, ProviderError> {
        let (reply, answer) = Reply::new();
        self.inbox.send(request(reply)).await.map_err(|_| ended(operation))?;
        answer.arrived(operation).await
    }
}

impl<R> Clone for Lane<R> {
    fn clone(&self) -> Self {
        Lane { inbox: self.inbox.clone() }
    }
}

async fn run<S: Serve>(server: Arc<S>, mut requests: mpsc::Receiver<S::Request>, size: Size) {
    let places = Arc::new(Semaphore::new(size.width));
    loop {
        // A place first: requests that come while all are taken go together into the next one.
        let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes the semaphore");
        let Some(first) = requests.recv().await else {
            return;
        };
        // Whoever was woken together with the first may speak, too.
        tokio::task::yield_now().await;
        let mut batch = vec![first];
        while batch.len() < size.batch {
            match requests.try_recv() {
                Ok(next) => batch.push(next),
                Err(_) => break,
            }
        }
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            server.serve(batch).await;
            drop(place);
        });
    }
}

fn ended(operation: &'static str) -> ProviderError {
    ProviderError::retryable(operation, "the store is closed, or its task was ended")
}

/// An answer that is waited for.
#[derive(Debug)]
pub(super) struct Answer<T>(oneshot::Receiver<Result<T, StoreError>>);

impl<T> Answer<T> {
    /// The answer.
    pub(super) async fn arrived(self, operation: &'static str) -> Result<T, ProviderError> {
        let answer = self.0.await.map_err(|_| ended(operation))?;
        answer.map_err(|error| error.during(operation))
    }
}

/// Where the answer to a request goes.
#[derive(Debug)]
pub(super) struct Reply<T>(oneshot::Sender<Result<T, StoreError>>);

impl<T> Reply<T> {
    pub(super) fn new() -> (Self, Answer<T>) {
        let (answer, answered) = oneshot::channel();
        (Reply(answer), Answer(answered))
    }

    /// Answers; nobody may be there any more.
    pub(super) fn send(self, answer: Result<T, StoreError>) {
        let _ = self.0.send(answer);
    }

    /// Whether anybody waits for the answer.
    pub(super) fn is_wanted(&self) -> bool {
        !self.0.is_closed()
    }
}
