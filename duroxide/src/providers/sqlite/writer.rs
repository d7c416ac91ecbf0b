//! The way to the one thread that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error::StoreError;
use super::folding::Folder;
use super::jobs::{Durability, Job, Request, Turn};
use super::thread::{self, Sync, WriterThread};
use super::wakes::Wakes;
use crate::providers::error::ProviderError;
use crate::providers::express::KnownHeads;
use crate::providers::signal::WorkSignal;

/// Requests that wait for the thread; a flood beyond them waits with its callers.
pub(super) const INBOX: usize = 8_192;

/// Where requests go. The thread ends when the last handle is dropped; nobody waits for it.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    inbox: mpsc::Sender<Box<dyn Job>>,
    /// Dropped after the inbox, so that the thread wakes to find it closed.
    door: Arc<Door>,
    others: Others,
}

/// How often histories changed otherwise than by turns that were committed here: by other connections, by an
/// administrator. Changes on the writer's thread only.
#[derive(Debug, Clone, Default)]
pub(super) struct Others(Arc<AtomicU64>);

impl Others {
    /// As of now.
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Once more.
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// A handle that does not keep the thread alive.
#[derive(Debug, Clone)]
pub(super) struct WeakWriter {
    inbox: mpsc::WeakSender<Box<dyn Job>>,
    thread: Thread,
}

impl WeakWriter {
    /// Leaves a job to the thread. A closed or full inbox forgets it.
    pub(super) fn leave(&self, job: Box<dyn Job>) {
        if let Some(inbox) = self.inbox.upgrade() {
            let _ = inbox.try_send(job);
            self.thread.unpark();
        }
    }
}

/// Wakes the thread when the last handle is gone.
#[derive(Debug)]
struct Door(Thread);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

impl Writer {
    /// Starts the thread. It owns the connection.
    pub(super) fn start(
        conn: Connection,
        sync: Sync,
        folder: Option<Folder>,
        signal: Arc<WorkSignal>,
    ) -> std::io::Result<Self> {
        let (inbox, requests) = mpsc::channel(INBOX);
        let others = Others::default();
        let (told, seen) = (others.clone(), thread::data_version(&conn).unwrap_or_default());
        let work = move || WriterThread::new(conn, seen, sync, folder, signal, told).run(requests);
        let started = std::thread::Builder::new().name("duroxide-sqlite".to_owned()).spawn(work)?;
        Ok(Writer { inbox, door: Arc::new(Door(started.thread().clone())), others })
    }

    /// Runs `work` in the next transaction and returns its answer after the commit. When another request of that
    /// transaction fails, it may be undone and run once more.
    ///
    /// Dropping the future before then undoes the work.
    pub(super) async fn call<T, F>(
        &self,
        operation: &'static str,
        durability: Durability,
        work: F,
    ) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &mut Wakes) -> Result<T, StoreError> + Send + 'static,
    {
        self.send(operation, durability, Turn::Next, None, work).await
    }

    /// The same for work that may change tables themselves: it gets a savepoint, and is run once.
    pub(super) async fn call_guarded<T, F>(&self, operation: &'static str, work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &mut Wakes) -> Result<T, StoreError> + Send + 'static,
    {
        self.send(operation, Durability::Flushed, Turn::Guarded, None, work).await
    }

    /// Runs `work` in the first transaction that makes messages ready, after whatever made them so, or that offers
    /// one before it is stored: a start, or what is alone in its transaction and meant for an execution whose head whoever stands
    /// first knows by `heads`. It writes no more than leases.
    ///
    /// Dropping the future before then is as if nobody had asked.
    pub(super) async fn stand<T, F>(
        &self,
        operation: &'static str,
        heads: Arc<dyn KnownHeads>,
        work: F,
    ) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &mut Wakes) -> Result<T, StoreError> + Send + 'static,
    {
        self.send(operation, Durability::Lease, Turn::WithMessages, Some(heads), work).await
    }

    async fn send<T, F>(
        &self,
        operation: &'static str,
        durability: Durability,
        turn: Turn,
        heads: Option<Arc<dyn KnownHeads>>,
        work: F,
    ) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnMut(&Connection, &mut Wakes) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let request = Request { operation, durability, turn, heads, work, result: None, answer };
        let closed = || ProviderError::permanent(operation, "the store is closed");
        self.inbox.send(Box::new(request)).await.map_err(|_| closed())?;
        self.door.0.unpark();
        let lost = |_| match self.inbox.is_closed() {
            true => closed(),
            false => {
                ProviderError::retryable(operation, "the store's writer panicked: whether this was stored is not known")
            }
        };
        let (answer, _work) = answered.await.map_err(lost)?;
        answer
    }

    /// How many more requests may wait.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.inbox.capacity()
    }

    /// Counts what others wrote; see [`Others`].
    pub(super) fn others(&self) -> Others {
        self.others.clone()
    }

    /// A handle that does not keep the thread alive.
    pub(super) fn downgrade(&self) -> WeakWriter {
        WeakWriter { inbox: self.inbox.downgrade(), thread: self.door.0.clone() }
    }
}
