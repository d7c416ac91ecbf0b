//! The one thread that writes: many requests, one commit, one fsync, then the answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::error::{StoreError, may_pass};
use super::ready::{self, Foreseen, Wakes};
use crate::clock;
use crate::providers::error::ProviderError;
use crate::providers::signal::{WorkQueue, WorkSignal};

/// Requests that wait for the thread; a flood beyond them waits with its callers.
const INBOX: usize = 8_192;

/// Requests in one transaction: bounds how long the first of them waits for the last.
const BATCH: usize = 512;

/// How often an idle thread looks whether others wrote to the database: what the work of another process may wait.
const LOOK_AROUND: Duration = Duration::from_millis(50);

/// Pages in the write-ahead log before it is folded, once a disk was full (1 MiB).
const TIGHT_PAGES: i64 = 256;

/// Of its time the thread spends at most one part in so many on searching the queues for what others left.
const SEARCHES_ONE_IN: u32 = 100;

/// What a power cut may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Nothing: the answer comes after the flush.
    Flushed,
    /// Leases and attempt counts: committed, so that other processes and a kill see them, but not flushed alone.
    Lease,
}

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
    pub(super) fn start(conn: Connection, sync: Sync, signal: Arc<WorkSignal>) -> std::io::Result<Self> {
        let (inbox, requests) = mpsc::channel(INBOX);
        let seen = data_version(&conn).unwrap_or_default();
        let others = Others::default();
        let thread = WriterThread {
            conn,
            sync,
            signal,
            seen,
            others: others.clone(),
            search: Search::default(),
            foreseen: Foreseen::default(),
            is_tight: false,
        };
        let started =
            std::thread::Builder::new().name("duroxide-sqlite".to_owned()).spawn(move || thread.run(requests))?;
        Ok(Writer { inbox, door: Arc::new(Door(started.thread().clone())), others })
    }

    /// Runs `work` in a savepoint of the next transaction and returns its answer after the commit.
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
        F: FnOnce(&Connection, &mut Wakes) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let request = Request { operation, durability, work: Some(work), result: None, answer };
        let closed = || ProviderError::permanent(operation, "the store is closed");
        self.inbox.send(Box::new(request)).await.map_err(|_| closed())?;
        self.door.0.unpark();
        answered.await.map_err(|_| closed())?
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
        // A closed or full inbox leaves the lease to its timeout.
        if let Some(inbox) = self.writer.inbox.upgrade() {
            let token = std::mem::take(&mut self.token);
            let give_back = self.give_back;
            let _ = inbox.try_send(Box::new(Return { token, give_back }));
            self.writer.thread.unpark();
        }
    }
}

/// One thing to do in a transaction.
trait Job: Send {
    fn durability(&self) -> Durability;
    /// Whether anybody waits for the answer.
    fn is_wanted(&self) -> bool;
    /// Does it; `false` when its changes must be undone.
    fn run(&mut self, conn: &Connection, wakes: &mut Wakes) -> bool;
    /// Answers, after the commit or its failure.
    fn answer(self: Box<Self>, committed: &Result<(), BatchError>);
}

/// Why a whole transaction failed.
#[derive(Debug)]
struct BatchError {
    message: String,
    retryable: bool,
    /// There may be no room.
    is_tight: bool,
}

impl From<rusqlite::Error> for BatchError {
    fn from(error: rusqlite::Error) -> Self {
        let is_tight = matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure));
        BatchError { retryable: may_pass(&error), is_tight, message: error.to_string() }
    }
}

struct Request<T, F> {
    operation: &'static str,
    durability: Durability,
    work: Option<F>,
    result: Option<Result<T, ProviderError>>,
    answer: oneshot::Sender<Result<T, ProviderError>>,
}

impl<T, F> Job for Request<T, F>
where
    T: Send,
    F: FnOnce(&Connection, &mut Wakes) -> Result<T, StoreError> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(&mut self, conn: &Connection, wakes: &mut Wakes) -> bool {
        let work = self.work.take().expect("a request runs once");
        // Unwinding leaves nothing behind: the savepoint is rolled back.
        let result = match catch_unwind(AssertUnwindSafe(|| work(conn, wakes))) {
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
        let _ = self.answer.send(answer);
    }
}

/// A lease that did not arrive, on its way back.
struct Return {
    token: String,
    give_back: GiveBack,
}

impl Job for Return {
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

/// What the connection's `synchronous` is, and whether it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// Leases are not flushed alone; at present each commit is flushed (`true`) or not.
    PerTransaction(bool),
    /// The same for all: there is no file, or its owner gave up the flushes.
    Fixed,
}

struct WriterThread {
    conn: Connection,
    sync: Sync,
    signal: Arc<WorkSignal>,
    /// SQLite's number for the last commit of another connection that was noticed.
    seen: i64,
    others: Others,
    search: Search,
    foreseen: Foreseen,
    /// A transaction found no room, and the log has not been folded since.
    is_tight: bool,
}

/// When the queues are searched for rows that nothing would ever free.
#[derive(Debug, Default)]
struct Search {
    /// Others wrote since the last one, or it found something.
    is_due: bool,
    not_before: Option<Instant>,
}

impl WriterThread {
    fn run(mut self, mut requests: mpsc::Receiver<Box<dyn Job>>) {
        let mut batch = Vec::new();
        loop {
            while batch.len() < BATCH {
                match requests.try_recv() {
                    Ok(next) => batch.push(next),
                    Err(TryRecvError::Disconnected) if batch.is_empty() => return,
                    Err(TryRecvError::Disconnected | TryRecvError::Empty) => break,
                }
            }
            if batch.is_empty() {
                std::thread::park_timeout(LOOK_AROUND);
                if requests.is_empty() {
                    // Trouble here shows again in whatever is asked for next.
                    let _ = self.look_around();
                }
            } else {
                self.commit(&mut batch);
            }
        }
    }

    /// Notices commits of other connections, and tells everybody who waits for something.
    fn look_around(&mut self) -> rusqlite::Result<()> {
        let version = data_version(&self.conn)?;
        if version != self.seen {
            self.seen = version;
            self.others.count();
            self.search.is_due = true;
            self.signal.anything();
            self.foreseen.look(&self.conn, &self.signal)?;
        }
        Ok(())
    }

    /// Other programs may have taken away a lease, or put in an instance, for which rows wait. The search reads whole
    /// queues, so that it is made seldom when they are long.
    fn mend(&mut self, wakes: &mut Wakes) -> rusqlite::Result<()> {
        let began = Instant::now();
        if !self.search.is_due || self.search.not_before.is_some_and(|at| began < at) {
            return Ok(());
        }
        let freed = ready::repair(&self.conn, clock::now_ms())?;
        if freed > 0 {
            wakes.ready(WorkQueue::Orchestrator);
            wakes.ready(WorkQueue::Worker);
        }
        // What was freed counts when the transaction is committed; a search that finds nothing more says that it was.
        self.search.is_due = freed > 0;
        self.search.not_before = Some(began + began.elapsed() * SEARCHES_ONE_IN);
        Ok(())
    }

    /// One transaction for all, then the answers.
    fn commit(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        batch.retain(|job| job.is_wanted());
        if batch.is_empty() {
            return;
        }
        if self.is_tight {
            self.is_tight = !self.make_room();
        }
        let mut wakes = Wakes::default();
        let committed = self.transaction(batch, &mut wakes);
        if committed.is_err() && !self.conn.is_autocommit() {
            // It cannot fail in a way that leaves the transaction open.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        if committed.as_ref().is_err_and(|error| error.is_tight) {
            self.is_tight = true;
        }
        for job in batch.drain(..) {
            job.answer(&committed);
        }
        if committed.is_ok() {
            wakes.ring(&self.signal);
        }
    }

    fn transaction(&mut self, batch: &mut [Box<dyn Job>], wakes: &mut Wakes) -> Result<(), BatchError> {
        self.choose_sync(batch)?;
        self.execute("BEGIN IMMEDIATE")?;
        self.look_around()?;
        self.mend(wakes)?;
        match batch {
            [alone] => {
                if !alone.run(&self.conn, wakes) {
                    *wakes = Wakes::default();
                    // SQLite may have rolled back already, for example on a full disk.
                    self.is_tight |= self.conn.is_autocommit();
                    return if self.conn.is_autocommit() { Ok(()) } else { Ok(self.execute("ROLLBACK")?) };
                }
            }
            many => {
                for job in many {
                    self.step(job.as_mut(), wakes)?;
                }
            }
        }
        Ok(self.execute("COMMIT")?)
    }

    /// A small disk may be full of a log that is not yet so long that it is folded by itself. Folded, it is written over
    /// from its beginning and takes no more room; but folding needs some, so that it comes before whatever else takes
    /// what became free, and sooner from now on. Waits for nobody; whether all of it was folded.
    fn make_room(&self) -> bool {
        let folded = self.conn.pragma_update(None, "wal_autocheckpoint", TIGHT_PAGES).and_then(|()| {
            let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
            self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], read)
        });
        folded.is_ok_and(|(pages, folded)| pages == folded)
    }

    /// One request of several: when it fails, its neighbours go on.
    fn step(&self, job: &mut dyn Job, wakes: &mut Wakes) -> Result<(), BatchError> {
        let mut own = Wakes::default();
        self.execute("SAVEPOINT request")?;
        let keep = job.run(&self.conn, &mut own);
        if self.conn.is_autocommit() {
            return Err(BatchError {
                message: "the transaction was rolled back for another request's error".to_owned(),
                retryable: true,
                // SQLite rolls back by itself for little else.
                is_tight: true,
            });
        }
        if keep {
            wakes.merge(own);
        } else {
            self.execute("ROLLBACK TO request")?;
        }
        Ok(self.execute("RELEASE request")?)
    }

    /// `synchronous` cannot change inside a transaction, so it is chosen before.
    fn choose_sync(&mut self, batch: &[Box<dyn Job>]) -> rusqlite::Result<()> {
        let Sync::PerTransaction(flushed) = self.sync else {
            return Ok(());
        };
        let flush = batch.iter().any(|job| job.durability() == Durability::Flushed);
        if flush != flushed {
            let pragma = if flush { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
            self.conn.execute_batch(pragma)?;
            self.sync = Sync::PerTransaction(flush);
        }
        Ok(())
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

/// Changes when another connection has committed, and only then.
fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
