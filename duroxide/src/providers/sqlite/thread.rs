//! The one thread that writes: many requests, one commit, one fsync, then the answers.
//!
//! Leases come before them in a commit of their own, which needs no fsync.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::Instant;

use super::carried::Carried;
use super::folding::{self, Folder};
use super::jobs::{BatchError, Durability, Job, Turn};
use super::log::Log;
use super::open::{CHECKPOINT_PAGES, FOLDED_PAGES, LOG_FOLDED_BYTES};
use super::ready::{self, Foreseen};
use super::wakes::Wakes;
use super::writer::Others;
use crate::clock;
use crate::observe::target;
use crate::providers::express::KnownHeads;
use crate::providers::signal::{WorkQueue, WorkSignal};

/// Requests in one transaction: bounds how long the first of them waits for the last.
const BATCH: usize = 512;

/// How long the thread looks for the next request before it sleeps, when it has just given an answer: whoever was answered
/// often asks for the next thing at once, and to wake a thread that sleeps takes as long.
const AWAKE: Duration = Duration::from_micros(50);

/// How often an idle thread looks whether others wrote to the database, if none did lately: what the first work of another
/// process may wait.
const LOOK_AROUND: Duration = Duration::from_millis(100);

/// The same when others are there.
const LOOK_AT_OTHERS: Duration = Duration::from_millis(50);

/// How long whoever was seen to write is there.
const LATELY: Duration = Duration::from_secs(10);

/// Pages in the write-ahead log before it is folded, once a disk was full (1 MiB).
const TIGHT_PAGES: i64 = 256;

/// Commits after which it is looked how long the log is.
const LOOK_AT_LOG: u32 = 8;

/// Of its time the thread spends at most one part in so many on searching the queues for what others left.
const SEARCHES_ONE_IN: u32 = 100;

/// What the connection's `synchronous` is, and whether it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// Leases are not flushed alone; at present each commit is flushed (`true`) or not.
    PerTransaction(bool),
    /// The same for all: there is no file, or its owner gave up the flushes.
    Fixed,
}

pub(super) struct WriterThread {
    conn: Connection,
    sync: Sync,
    log: Log,
    folder: Option<Folder>,
    /// Since it was last looked how long the log is.
    commits: u32,
    signal: Arc<WorkSignal>,
    /// SQLite's number for the last commit of another connection that was noticed.
    seen: i64,
    /// When that was.
    seen_at: Option<Instant>,
    others: Others,
    search: Search,
    foreseen: Foreseen,
    /// Who waits for messages, first come first served.
    standing: VecDeque<Box<dyn Job>>,
    carried: Carried,
    /// It has not slept since.
    has_answered: bool,
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
    /// Not started yet; on its own thread, which nothing in it leaves.
    pub(super) fn new(
        conn: Connection,
        seen: i64,
        sync: Sync,
        folder: Option<Folder>,
        signal: Arc<WorkSignal>,
        others: Others,
    ) -> Self {
        let log = match sync {
            Sync::PerTransaction(_) => Log::of(&conn, LOG_FOLDED_BYTES),
            Sync::Fixed => Log::untouched(),
        };
        WriterThread {
            conn,
            sync,
            log,
            folder,
            commits: 0,
            signal,
            seen,
            seen_at: None,
            carried: Carried::new(others.clone()),
            others,
            search: Search::default(),
            foreseen: Foreseen::default(),
            standing: VecDeque::new(),
            has_answered: false,
            is_tight: false,
        }
    }

    /// Serves requests until nobody can make any more.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Box<dyn Job>>) {
        let mut batch = Vec::new();
        loop {
            while batch.len() < BATCH {
                match requests.try_recv() {
                    Ok(next) if next.turn() == Turn::WithMessages => self.standing.push_back(next),
                    Ok(next) => batch.push(next),
                    Err(TryRecvError::Disconnected) if batch.is_empty() => return,
                    Err(TryRecvError::Disconnected | TryRecvError::Empty) => break,
                }
            }
            let overdue = self.carried.overdue();
            batch.extend(overdue.iter().cloned().map(|one| Box::new(one) as Box<dyn Job>));
            if batch.is_empty() {
                self.standing.retain(|order| order.is_wanted());
                if self.is_next_near(&requests) {
                    continue;
                }
                std::thread::park_timeout(self.until_next_look());
                if requests.is_empty() {
                    // Trouble here shows again in whatever is asked for next.
                    let _ = self.look_around();
                }
            } else {
                self.has_answered = true;
                self.serve(batch.drain(..));
                self.carried.give_up(&overdue);
            }
        }
    }

    /// Leases first: whoever waits for work need not wait for the flush of what others store.
    fn serve(&mut self, batch: impl Iterator<Item = Box<dyn Job>>) {
        let (leases, writes) = batch.partition(|job| job.durability() == Durability::Lease);
        for mut part in [leases, writes] {
            if catch_unwind(AssertUnwindSafe(|| self.commit(&mut part))).is_err() {
                self.recover(&mut part);
            }
        }
    }

    /// Whether the next request comes right after an answer: then the thread need not be woken for it.
    fn is_next_near(&mut self, requests: &mpsc::Receiver<Box<dyn Job>>) -> bool {
        if !std::mem::take(&mut self.has_answered) {
            return false;
        }
        let until = Instant::now() + AWAKE;
        while requests.is_empty() {
            if Instant::now() >= until {
                return false;
            }
            std::hint::spin_loop();
        }
        true
    }

    /// A panic here is a bug, or that of a value that nobody took: it must not end the only thread that writes. Whether the
    /// transaction was committed is not known to those who wait for it, and their answers are lost; all look again.
    fn recover(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        tracing::error!(
            target: target::SQLITE,
            requests = batch.len(),
            "the store's writer panicked and goes on; whoever waits for one of its requests is told to try again"
        );
        while let Some(job) = batch.pop() {
            // Dropping it may be what panicked.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(job)));
        }
        if !self.conn.is_autocommit() {
            // What cannot be rolled back fails the next transaction, which says so.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        self.carried.clear();
        self.others.count();
        self.search.is_due = true;
        self.signal.anything();
    }

    fn until_next_look(&self) -> Duration {
        let others_are_there = self.seen_at.is_some_and(|at| at.elapsed() < LATELY);
        let look = if others_are_there { LOOK_AT_OTHERS } else { LOOK_AROUND };
        let overdue = self.carried.first_overdue().map(|at| at.saturating_duration_since(Instant::now()));
        overdue.map_or(look, |overdue| overdue.min(look))
    }

    /// Notices commits of other connections, and tells everybody who waits for something.
    fn look_around(&mut self) -> rusqlite::Result<()> {
        let version = data_version(&self.conn)?;
        if version != self.seen {
            self.seen = version;
            self.seen_at = Some(Instant::now());
            self.others.count();
            self.search.is_due = true;
            self.signal.anything();
            self.foreseen.look(&self.conn, &self.signal)?;
        } else if self.foreseen.is_old() {
            // More rows may be delayed than were told of at the start.
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
            self.log = Log::untouched();
            self.is_tight = !self.make_room();
        }
        let (mut wakes, mut served) = (Wakes::with(self.carried.clone()), Vec::new());
        let committed = self.transaction(batch, &mut served, &mut wakes);
        if committed.is_err() && !self.conn.is_autocommit() {
            // It cannot fail in a way that leaves the transaction open.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        if committed.as_ref().is_err_and(|error| error.is_tight) {
            self.is_tight = true;
        }
        let mut jobs: Vec<Option<Box<dyn Job>>> = batch.drain(..).map(Some).collect();
        let (taken, stored) = wakes.carriage();
        if committed.is_ok() {
            // First those that are over: a message that nobody waits for gives way to the next of its instance.
            self.carried.answer(&stored, &committed);
            self.carried.keep(taken, &mut jobs);
        }
        // Somebody has work to do now; the others have theirs done.
        for job in served.into_iter().chain(jobs.into_iter().flatten()) {
            job.answer(&committed);
        }
        if committed.is_ok() {
            wakes.ring(&self.signal);
        }
        self.look_at_log();
    }

    fn transaction(
        &mut self,
        batch: &mut [Box<dyn Job>],
        served: &mut Vec<Box<dyn Job>>,
        wakes: &mut Wakes,
    ) -> Result<(), BatchError> {
        self.choose_sync(batch)?;
        self.begin(wakes)?;
        let is_guarded = batch.iter().any(|job| job.turn() == Turn::Guarded);
        // Whoever waits for messages also takes those that are not stored. Where something is run once, nothing may be run
        // again for them.
        let offers = !is_guarded && self.standing.iter().any(|order| order.is_wanted());
        match &mut *batch {
            [alone] => {
                let mut own = wakes.of(offers.then_some(0)).knowing(self.heads_of_first());
                if alone.run(&self.conn, &mut own) {
                    wakes.merge(own);
                } else {
                    *wakes = Wakes::default();
                    // SQLite may have rolled back already, for example on a full disk.
                    self.is_tight |= self.conn.is_autocommit();
                    return if self.conn.is_autocommit() { Ok(()) } else { Ok(self.execute("ROLLBACK")?) };
                }
            }
            many => {
                if is_guarded || !self.together(many, offers, wakes)? {
                    for job in many {
                        let own = wakes.of(None);
                        self.step(job.as_mut(), own, wakes)?;
                    }
                }
            }
        }
        self.serve_standing(served, wakes)?;
        for left in wakes.take_offers() {
            let own = wakes.of(None);
            self.step(batch[left.job].as_mut(), own, wakes)?;
        }
        self.serve_standing(served, wakes)?;
        self.execute("COMMIT")?;
        self.log.committed();
        Ok(())
    }

    /// What the first of those knows who wait for messages. Only a request that is alone in its transaction may offer a message
    /// for what rests: in company nobody pays for a flush of their own, and two messages for one instance would stand in each
    /// other's way.
    fn heads_of_first(&self) -> Option<Arc<dyn KnownHeads>> {
        self.standing.iter().find(|order| order.is_wanted()).and_then(|order| order.heads()).cloned()
    }

    /// Has the log folded when it is long.
    fn look_at_log(&mut self) {
        self.commits += 1;
        if let Some(folder) = &self.folder
            && self.commits >= LOOK_AT_LOG
        {
            self.commits = 0;
            // One that is as long as that is folded to its end and begun anew here, which takes that nobody else folds.
            let is_due = |(pages, folded)| pages < CHECKPOINT_PAGES && pages - folded >= FOLDED_PAGES;
            if folding::pages(&self.conn).is_ok_and(is_due) {
                folder.ask();
            }
        }
    }

    /// Whoever waits for messages takes those of this transaction: nobody has to be woken to ask for them. What is offered and
    /// not taken by the first who could is no use to the next, who may know less: it stays.
    fn serve_standing(&mut self, served: &mut Vec<Box<dyn Job>>, wakes: &mut Wakes) -> Result<(), BatchError> {
        let mut is_taken = true;
        while (wakes.has_messages() || (wakes.has_offers() && is_taken))
            && let Some(order) = self.standing.pop_front()
        {
            if order.is_wanted() {
                served.push(order);
                let order = served.last_mut().expect("it was just put there");
                let own = wakes.with_offers();
                let offered = wakes.take_offers();
                let most = offered.len();
                if !self.step(order.as_mut(), own, wakes)? {
                    wakes.offer_again(offered);
                }
                is_taken = wakes.offers() < most;
                wakes.look_for_messages(&self.conn)?;
            }
        }
        Ok(())
    }

    /// A small disk may be full of a log that is not yet so long that it is folded by itself. Folded, it is written over
    /// from its beginning and takes no more room; but folding needs some, so that it comes before whatever else takes
    /// what became free, and sooner from now on. Waits for nobody; whether all of it was folded.
    fn make_room(&self) -> bool {
        let folded = self.conn.pragma_update(None, "wal_autocheckpoint", TIGHT_PAGES).and_then(|()| {
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
            self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], read)
        });
        folded.is_ok_and(|(is_busy, pages, folded): (bool, i64, i64)| !is_busy && pages == folded)
    }

    fn begin(&mut self, wakes: &mut Wakes) -> rusqlite::Result<()> {
        self.execute("BEGIN IMMEDIATE")?;
        self.log.begun();
        self.look_around()?;
        self.mend(wakes)
    }

    /// All of them without savepoints, for which SQLite would copy each page that each of them touches. Whether that did:
    /// when one fails that has changed something, or speaks of an instance for which another offered a message, all is undone,
    /// and they are to be run again one by one, without offers.
    fn together(&mut self, batch: &mut [Box<dyn Job>], offers: bool, wakes: &mut Wakes) -> Result<bool, BatchError> {
        let mut is_undone = false;
        for (number, job) in batch.iter_mut().enumerate() {
            let mut own = wakes.of(offers.then_some(number));
            let changed = self.conn.total_changes();
            let is_done = job.run(&self.conn, &mut own);
            self.still_open()?;
            is_undone = wakes.is_crossed() || (!is_done && self.conn.total_changes() != changed);
            if is_undone {
                break;
            }
            if is_done {
                wakes.merge(own);
            }
        }
        if is_undone {
            *wakes = Wakes::with(self.carried.clone());
            self.execute("ROLLBACK")?;
            self.begin(wakes)?;
        }
        Ok(!is_undone)
    }

    /// SQLite rolls back by itself for little else than a full disk.
    fn still_open(&self) -> Result<(), BatchError> {
        if !self.conn.is_autocommit() {
            return Ok(());
        }
        let message = "the transaction was rolled back for another request's error".to_owned();
        Err(BatchError { message, retryable: true, is_tight: true })
    }

    /// One request of several, and whether it is done: when it fails, its neighbours go on.
    fn step(&self, job: &mut dyn Job, mut own: Wakes, wakes: &mut Wakes) -> Result<bool, BatchError> {
        self.execute("SAVEPOINT request")?;
        let keep = job.run(&self.conn, &mut own);
        self.still_open()?;
        if keep {
            wakes.merge(own);
        } else {
            self.execute("ROLLBACK TO request")?;
        }
        self.execute("RELEASE request")?;
        Ok(keep)
    }

    /// `synchronous` cannot change inside a transaction, so it is chosen before.
    fn choose_sync(&mut self, batch: &[Box<dyn Job>]) -> rusqlite::Result<()> {
        let Sync::PerTransaction(flushed) = self.sync else {
            return Ok(());
        };
        // Whatever is said of a message on its way may store it.
        let flush = !self.carried.is_empty() || batch.iter().any(|job| job.durability() == Durability::Flushed);
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
pub(super) fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
