//! What the writer is asked to do, and how the answer finds whoever asked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::error::{StoreError, may_pass};
use super::wakes::Wakes;
use super::writer::WeakWriter;
use crate::providers::error::ProviderError;
use crate::providers::express::KnownHeads;

/// What a power cut may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Nothing: the answer comes after the flush.
    Flushed,
    /// Leases and attempt counts: committed, so that other processes and a kill see them, but not flushed alone.
    Lease,
}

/// A lease on its way to whoever asked for it: unless it arrives, it is given back.
pub(super) struct Delivery<T> {
    leased: Option<T>,
    token: String,
    give_back: GiveBack,
    writer: WeakWriter,
}

/// How a lease is given back, by its token.
pub(super) type GiveBack = fn(&Connection, &str, &mut Wakes) -> Result<(), StoreError>;

impl<T> Delivery<T> {
    /// Carries what is leased under `token` to its receiver.
    pub(super) fn new(leased: T, token: String, give_back: GiveBack, writer: WeakWriter) -> Self {
        Delivery { leased: Some(leased), token, give_back, writer }
    }

    /// It arrived.
    pub(super) fn take(mut self) -> T {
        self.leased.take().expect("only `take` empties it, and consumes it")
    }
}

impl<T> Drop for Delivery<T> {
    fn drop(&mut self) {
        if self.leased.is_none() {
            return;
        }
        let token = std::mem::take(&mut self.token);
        self.writer.leave(Box::new(Return { token, give_back: self.give_back }));
    }
}

/// When a job is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// In the next transaction.
    Next,
    /// In the next transaction, and in a savepoint of its own.
    Guarded,
    /// In the next one that makes messages ready, or offers one that is not stored.
    WithMessages,
}

/// One thing to do in a transaction.
pub(super) trait Job: Send {
    fn turn(&self) -> Turn;
    fn durability(&self) -> Durability;
    /// What whoever waits for messages knows already.
    fn heads(&self) -> Option<&Arc<dyn KnownHeads>> {
        None
    }
    /// Whether anybody waits for the answer.
    fn is_wanted(&self) -> bool;
    /// Does it; `false` when its changes must be undone.
    fn run(&mut self, conn: &Connection, wakes: &mut Wakes) -> bool;
    /// Answers, after the commit or its failure.
    fn answer(self: Box<Self>, committed: &Result<(), BatchError>);
}

/// Why a whole transaction failed.
#[derive(Debug)]
pub(super) struct BatchError {
    pub(super) message: String,
    pub(super) retryable: bool,
    /// There may be no room.
    pub(super) is_tight: bool,
}

impl From<rusqlite::Error> for BatchError {
    fn from(error: rusqlite::Error) -> Self {
        let is_tight = matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure));
        BatchError { retryable: may_pass(&error), is_tight, message: error.to_string() }
    }
}

/// A request of whoever waits for the answer.
pub(super) struct Request<T, F> {
    pub(super) operation: &'static str,
    pub(super) durability: Durability,
    pub(super) turn: Turn,
    pub(super) heads: Option<Arc<dyn KnownHeads>>,
    pub(super) work: F,
    /// What it came to, once it was run.
    pub(super) result: Option<Result<T, ProviderError>>,
    pub(super) answer: oneshot::Sender<Answer<T, F>>,
}

/// What a request came to, and what it was: whoever asked frees what it brought along, and not the one thread for which
/// everybody waits.
pub(super) type Answer<T, F> = (Result<T, ProviderError>, F);

impl<T, F> Job for Request<T, F>
where
    T: Send,
    F: FnMut(&Connection, &mut Wakes) -> Result<T, StoreError> + Send,
{
    fn turn(&self) -> Turn {
        self.turn
    }

    fn durability(&self) -> Durability {
        self.durability
    }

    fn heads(&self) -> Option<&Arc<dyn KnownHeads>> {
        self.heads.as_ref()
    }

    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(&mut self, conn: &Connection, wakes: &mut Wakes) -> bool {
        // Unwinding leaves nothing behind: what was changed is rolled back.
        let result = match catch_unwind(AssertUnwindSafe(|| (self.work)(conn, wakes))) {
            Ok(result) => result.map_err(|error| error.during(self.operation)),
            Err(_) => Err(ProviderError::permanent(self.operation, "the request panicked")),
        };
        let keep = result.is_ok() && self.is_wanted();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, committed: &Result<(), BatchError>) {
        let answer = match (self.result, committed) {
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Ok(_)) | None, Err(failed)) => Err(ProviderError {
                operation: self.operation.to_owned(),
                message: failed.message.clone(),
                retryable: failed.retryable,
            }),
            (None, Ok(())) => Err(ProviderError::retryable(self.operation, "the request did not run")),
        };
        // Nobody there: what matters in the answer returns itself, see `Delivery`.
        let _ = self.answer.send((answer, self.work));
    }
}

/// A lease that did not arrive, on its way back.
struct Return {
    token: String,
    give_back: GiveBack,
}

impl Job for Return {
    fn turn(&self) -> Turn {
        Turn::Next
    }

    fn durability(&self) -> Durability {
        Durability::Lease
    }

    fn is_wanted(&self) -> bool {
        true
    }

    fn run(&mut self, conn: &Connection, wakes: &mut Wakes) -> bool {
        // Fenced when its transaction was undone, or the lease ended meanwhile: then there is nothing to give back.
        (self.give_back)(conn, &self.token, wakes).is_ok()
    }

    fn answer(self: Box<Self>, _committed: &Result<(), BatchError>) {}
}
