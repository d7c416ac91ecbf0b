//! Tells waiting dispatchers of the same process that work may be ready.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::running::Running;
use crate::clock;
use crate::model::status::OrchestrationStatus;

/// Which queue a signal concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkQueue {
    /// Messages for orchestrations.
    Orchestrator,
    /// Activities.
    Worker,
}

/// A hint that work may be ready in a store, shared by all who write to it in this process.
///
/// Nothing is lost when a signal is: dispatchers also poll. A waiter takes a ticket *before* it looks for work, so
/// that what arrives between looking and waiting ends the wait at once.
#[derive(Debug)]
pub struct WorkSignal {
    orchestrator: Bell,
    worker: Bell,
    reach: Reach,
    foresees: bool,
    /// Whether what is told of an end is what the store has, and not what its readers see.
    veiled: AtomicBool,
    /// Activities of the store that run in this process, whichever runtime runs them.
    running: Arc<Running>,
    /// Who waits for which instance; an entry lives as long as somebody does.
    watched: Mutex<HashMap<String, watch::Sender<News>>>,
}

/// Whose writes a signal tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// Those of this process that came through the store that owns it, as far as somebody rings.
    Own,
    /// All: the store rings for each commit of its own, and soon after others have written to the same data. Whoever
    /// waits need not look again and again.
    All,
}

/// What is known to have happened to an instance since somebody watches it.
#[derive(Debug, Default)]
struct News {
    /// How it ended, when that is the last that was told.
    end: Option<OrchestrationStatus>,
}

/// What a waiter had seen when it looked for work.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    rung: u64,
    taken_at_ms: u64,
}

#[derive(Debug)]
struct Bell {
    /// How often it rang.
    count: AtomicU64,
    /// Wakes those who wait in the order in which they came: a run can be repeated exactly.
    rung: Notify,
    /// When delayed rows become visible, milliseconds since the Unix epoch, soonest first.
    due: Mutex<BinaryHeap<Reverse<u64>>>,
}

impl Default for WorkSignal {
    fn default() -> Self {
        WorkSignal::new()
    }
}

impl WorkSignal {
    /// A signal nobody has fired yet.
    pub fn new() -> Self {
        WorkSignal::reaching(Reach::Own)
    }

    /// The same, by a store that promises how far it reaches.
    pub fn reaching(reach: Reach) -> Self {
        WorkSignal {
            orchestrator: Bell::new(),
            worker: Bell::new(),
            reach,
            foresees: false,
            veiled: AtomicBool::new(false),
            running: Arc::default(),
            watched: Mutex::default(),
        }
    }

    /// The same, by a store that also tells in time when delayed rows fall due and leases end, whoever wrote them: who waits
    /// need look seldom.
    pub fn foreseeing(mut self) -> Self {
        self.foresees = true;
        self
    }

    /// Whose writes it tells of.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Whether it tells of all that comes with time, too.
    pub fn foresees(&self) -> bool {
        self.foresees
    }

    /// Work is visible now.
    pub fn ready(&self, queue: WorkQueue) {
        let bell = self.bell(queue);
        bell.count.fetch_add(1, Ordering::Release);
        bell.rung.notify_waiters();
    }

    /// Work becomes visible at `at_ms`, milliseconds since the Unix epoch.
    pub fn ready_at(&self, queue: WorkQueue, at_ms: u64) {
        if at_ms > clock::now_ms() {
            self.bell(queue).due().push(Reverse(at_ms));
        }
        // Those who wait already must learn of the earlier deadline, too.
        self.ready(queue);
    }

    /// What has been signalled so far; taken before looking for work.
    pub fn ticket(&self, queue: WorkQueue) -> Ticket {
        Ticket { rung: self.bell(queue).count.load(Ordering::Acquire), taken_at_ms: clock::now_ms() }
    }

    /// Whether nothing was signalled since `ticket`, and no delayed row is due.
    pub fn is_quiet(&self, queue: WorkQueue, ticket: Ticket) -> bool {
        let bell = self.bell(queue);
        let is_due = |Reverse(at_ms): &Reverse<u64>| *at_ms <= clock::now_ms();
        bell.count.load(Ordering::Acquire) == ticket.rung && !bell.due().peek().is_some_and(is_due)
    }

    /// Returns when work was signalled after `ticket`, a delayed row is due, or `at_most` has passed.
    pub async fn wait(&self, queue: WorkQueue, ticket: Ticket, at_most: Duration) {
        let bell = self.bell(queue);
        let wait = bell.until_due(ticket.taken_at_ms, clock::now_ms()).map_or(at_most, |due| due.min(at_most));
        // The time is over: look again.
        let _ = tokio::time::timeout(wait, bell.rung_since(ticket.rung)).await;
    }

    /// A turn of `instance` was committed: whoever watches it looks again.
    pub fn changed(&self, instance: &str) {
        if let Some(news) = self.watched().get(instance) {
            news.send_modify(|news| news.end = None);
        }
    }

    /// Activities of the store that run in this process.
    pub(crate) fn running(&self) -> &Arc<Running> {
        &self.running
    }

    /// From now on everybody looks for an end, because the store that tells of it knows it in another form than its
    /// readers.
    pub(super) fn veil(&self) {
        self.veiled.store(true, Ordering::Relaxed);
    }

    /// `instance` has ended: whoever watches it need not look.
    pub fn ended(&self, instance: &str, status: OrchestrationStatus) {
        if self.veiled.load(Ordering::Relaxed) {
            return self.changed(instance);
        }
        if let Some(news) = self.watched().get(instance) {
            news.send_modify(|news| news.end = Some(status));
        }
    }

    /// Others wrote to the same data: everybody looks again.
    pub fn anything(&self) {
        self.ready(WorkQueue::Orchestrator);
        self.ready(WorkQueue::Worker);
        for news in self.watched().values() {
            news.send_modify(|news| news.end = None);
        }
    }

    /// Whether anybody of this process watches `instance`.
    pub fn is_watched(&self, instance: &str) -> bool {
        self.watched().contains_key(instance)
    }

    /// Watches one instance from now on; only commits of this process are seen.
    pub fn watch(self: Arc<Self>, instance: &str) -> InstanceWatch {
        let news = self.watched().entry(instance.to_owned()).or_default().subscribe();
        InstanceWatch { instance: instance.to_owned(), news, signal: self }
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<News>>> {
        // Entries are put in and taken out whole.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bell(&self, queue: WorkQueue) -> &Bell {
        match queue {
            WorkQueue::Orchestrator => &self.orchestrator,
            WorkQueue::Worker => &self.worker,
        }
    }
}

/// Sees the commits of one instance.
#[derive(Debug)]
pub struct InstanceWatch {
    instance: String,
    news: watch::Receiver<News>,
    signal: Arc<WorkSignal>,
}

impl InstanceWatch {
    /// Returns when the instance was committed since the last call, or since the watch began; with its status, if it
    /// has ended and the store said so.
    pub async fn changed(&mut self) -> Option<OrchestrationStatus> {
        if self.news.changed().await.is_err() {
            // The sender lives as long as its last watch, so this is not reached; waiting is the safe answer.
            std::future::pending::<()>().await;
        }
        self.news.borrow_and_update().end.clone()
    }

    /// Whose commits it sees.
    pub fn reach(&self) -> Reach {
        self.signal.reach
    }
}

impl Drop for InstanceWatch {
    fn drop(&mut self) {
        let mut watched = self.signal.watched();
        // Given up under the lock: of several watches that end together, one sees itself as the last.
        self.news = watch::channel(News::default()).1;
        if watched.get(&self.instance).is_some_and(|news| news.receiver_count() == 0) {
            watched.remove(&self.instance);
        }
    }
}

impl Bell {
    fn new() -> Self {
        Bell { count: AtomicU64::new(0), rung: Notify::new(), due: Mutex::new(BinaryHeap::new()) }
    }

    /// Returns when it rang after it had rung `seen` times.
    async fn rung_since(&self, seen: u64) {
        // In line before looking, so that what rings in between is not missed.
        let rung = self.rung.notified();
        if self.count.load(Ordering::Acquire) == seen {
            rung.await;
        }
    }

    fn due(&self) -> MutexGuard<'_, BinaryHeap<Reverse<u64>>> {
        // A heap of numbers is never half-written.
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long until the next delayed row. A row that fell due after the waiter looked is worth another look at
    /// once; one that was due before has been seen and is forgotten.
    fn until_due(&self, looked_at_ms: u64, now_ms: u64) -> Option<Duration> {
        let mut due = self.due();
        let mut missed = false;
        while let Some(Reverse(at_ms)) = due.peek().filter(|Reverse(at_ms)| *at_ms <= now_ms) {
            missed |= *at_ms >= looked_at_ms;
            due.pop();
        }
        if missed {
            return Some(Duration::ZERO);
        }
        due.peek().map(|Reverse(at_ms)| Duration::from_millis(at_ms - now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watches_that_end_together_leave_nothing_behind() {
        let signal = Arc::new(WorkSignal::new());
        for _ in 0..2_000 {
            let together = std::sync::Barrier::new(3);
            let watches = [(); 2].map(|()| Arc::clone(&signal).watch("a"));
            std::thread::scope(|scope| {
                let queue_up = signal.watched();
                for watch in watches {
                    scope.spawn(|| {
                        together.wait();
                        drop(watch);
                    });
                }
                together.wait();
                drop(queue_up);
            });
            assert!(signal.watched().is_empty());
        }
    }
}
