//! What really happened in a run: every call and its outcome, what it means for the promises, and the clocks.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use duroxide::ActivityContext;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::faults::{Climate, Fault, Plan, Weather};
use crate::flaws::Flaw;
use crate::histories::Histories;
use crate::leases::{Leases, Thing};
use crate::random::Random;

/// When every run begins, milliseconds since the Unix epoch.
const BEGAN_MS: u64 = 1_700_000_000_000;

/// The clients; processes that run work are counted from 1.
pub(crate) const CLIENTS: usize = 0;

thread_local! {
    /// Whose clock is read: the process that was answered last, since what follows an answer runs in one go.
    static CURRENT: Cell<usize> = const { Cell::new(CLIENTS) };
}

/// Shared by everything of one run.
pub(crate) struct Truth {
    began: Instant,
    book: Mutex<Book>,
    crashes: Vec<Notify>,
    healed: CancellationToken,
}

/// The notes.
pub(crate) struct Book {
    pub(crate) random: Random,
    pub(crate) weather: Weather,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) leases: Leases,
    pub(crate) histories: Histories,
    pub(crate) counts: BTreeMap<Fault, u64>,
    /// Activities whose completion the store accepted.
    pub(crate) completed: BTreeSet<Thing>,
    /// How often each activity was begun.
    pub(crate) begun: BTreeMap<Thing, u64>,
    /// Messages that the store accepted, by instance and queue.
    pub(crate) sent: BTreeMap<(String, String), Vec<String>>,
    /// Timers that were delivered.
    pub(crate) due_timers: BTreeSet<(String, u64, u64)>,
    pub(crate) calls: u64,
    nodes: Vec<Node>,
    outage_until: Instant,
    store_ahead_ms: i64,
    /// Keys of a flaky activity, in the order in which they were first seen.
    attempts: BTreeMap<String, Vec<String>>,
    /// Leases whose last renewal was made to fail.
    failed_renewals: BTreeSet<String>,
    violation: Option<String>,
    trace: Trace,
}

struct Node {
    /// Which of its lives this is; calls of earlier ones never return.
    incarnation: u64,
    is_up: bool,
    frozen_until: Instant,
    ahead_ms: i64,
}

/// Every call in order, as a running hash and, when somebody wants to read them, as lines.
pub(crate) struct Trace {
    pub(crate) hash: u64,
    pub(crate) lines: Option<Vec<String>>,
}

impl Trace {
    fn add(&mut self, line: String) {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        self.hash = line.bytes().fold(self.hash, step);
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }
}

impl Truth {
    pub(crate) fn new(
        random: Random,
        weather: Weather,
        flaw: Option<Flaw>,
        nodes: usize,
        with_lines: bool,
    ) -> Arc<Self> {
        let now = Instant::now();
        CURRENT.set(CLIENTS);
        let node = |_| Node { incarnation: 0, is_up: true, frozen_until: now, ahead_ms: 0 };
        Arc::new(Truth {
            began: now,
            healed: CancellationToken::new(),
            crashes: (0..=nodes).map(|_| Notify::new()).collect(),
            book: Mutex::new(Book {
                random,
                weather,
                flaw,
                leases: Leases::default(),
                histories: Histories::default(),
                counts: BTreeMap::new(),
                completed: BTreeSet::new(),
                begun: BTreeMap::new(),
                sent: BTreeMap::new(),
                due_timers: BTreeSet::new(),
                calls: 0,
                nodes: (0..=nodes).map(node).collect(),
                outage_until: now,
                store_ahead_ms: 0,
                attempts: BTreeMap::new(),
                failed_renewals: BTreeSet::new(),
                violation: None,
                trace: Trace { hash: 0xcbf2_9ce4_8422_2325, lines: with_lines.then(Vec::new) },
            }),
        })
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("nothing in the notes panics")
    }

    /// Since the run began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn now_ms(&self, ahead_ms: i64) -> u64 {
        (BEGAN_MS + self.began.elapsed().as_millis() as u64).saturating_add_signed(ahead_ms)
    }

    /// The clock of the store.
    pub(crate) fn store_ms(&self) -> u64 {
        let ahead_ms = self.book().store_ahead_ms;
        self.now_ms(ahead_ms)
    }

    /// The clock of whichever process runs now.
    pub(crate) fn node_ms(&self) -> u64 {
        let ahead_ms = self.book().nodes[CURRENT.get()].ahead_ms;
        self.now_ms(ahead_ms)
    }

    /// What follows runs in this process.
    pub(crate) fn enter(&self, node: usize) {
        CURRENT.set(node);
    }

    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        let at = self.began.elapsed().as_millis();
        self.book().trace.add(format!("{at:>8} {}", line()));
    }

    /// A promise was broken. The first one counts.
    pub(crate) fn violated(&self, what: String) {
        self.note(|| format!("VIOLATED {what}"));
        self.book().violation.get_or_insert(what);
    }

    pub(crate) fn judge(&self, judgement: Result<(), String>) {
        if let Err(what) = judgement {
            self.violated(what);
        }
    }

    pub(crate) fn violation(&self) -> Option<String> {
        self.book().violation.clone()
    }

    pub(crate) fn take_trace(&self) -> (u64, Vec<String>) {
        let mut book = self.book();
        (book.trace.hash, book.trace.lines.take().unwrap_or_default())
    }

    pub(crate) fn count(&self, fault: Fault) {
        *self.book().counts.entry(fault).or_default() += 1;
    }

    /// Nothing fails any more, and all clocks agree.
    pub(crate) fn heal(&self) {
        let now = Instant::now();
        let mut book = self.book();
        self.healed.cancel();
        book.outage_until = now;
        let store_ahead_ms = book.store_ahead_ms;
        for node in &mut book.nodes {
            node.frozen_until = now;
            node.ahead_ms = store_ahead_ms;
        }
    }

    /// Returns when nothing fails any more.
    pub(crate) async fn healed(&self) {
        self.healed.cancelled().await;
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.healed.is_cancelled()
    }

    /// Whether the fault strikes now.
    pub(crate) fn strikes(&self, fault: Fault) -> bool {
        if self.is_healed() {
            return false;
        }
        let mut book = self.book();
        let book = &mut *book;
        book.weather.strikes(fault, &mut book.random)
    }

    /// Luck of one call.
    pub(crate) fn plan(&self, node: usize, operation: &str, lease: Option<Duration>, token: Option<&str>) -> Plan {
        let mut book = self.book();
        book.calls += 1;
        if self.is_healed() {
            return Plan::default();
        }
        if book.weather.climate == Climate::FlakyRenewals {
            return Plan { instead: book.flaky_renewal(operation, token), ..Plan::default() };
        }
        if Instant::now() < book.outage_until {
            return Plan { instead: Some(Fault::Outage), ..Plan::default() };
        }
        let book = &mut *book;
        let mut plan = book.weather.plan(&mut book.random, lease);
        if node == CLIENTS {
            // Clients die and panic in their own tests.
            plan.instead = plan.instead.filter(|fault| matches!(fault, Fault::LostRequest | Fault::LostAnswer));
        }
        plan
    }

    pub(crate) fn outage(&self, lasts: Duration) {
        self.count(Fault::Outage);
        self.book().outage_until = Instant::now() + lasts;
    }

    pub(crate) fn freeze(&self, node: usize, lasts: Duration) {
        self.count(Fault::Freeze);
        self.note(|| format!("n{node} freezes for {lasts:?}"));
        self.book().nodes[node].frozen_until = Instant::now() + lasts;
    }

    /// The clock of a process goes wrong by this much.
    pub(crate) fn jump(&self, node: usize, ahead_ms: i64) {
        self.count(Fault::ClockJump);
        self.note(|| format!("n{node} clock is {ahead_ms} ms ahead"));
        self.book().nodes[node].ahead_ms = ahead_ms;
    }

    pub(crate) fn jump_store(&self, by_ms: i64) {
        self.count(Fault::StoreClockJump);
        self.note(|| format!("the clock of the store jumps by {by_ms} ms"));
        self.book().store_ahead_ms += by_ms;
    }

    /// A process begins; returns which of its lives this is.
    pub(crate) fn begins(&self, node: usize) -> u64 {
        let mut book = self.book();
        let node = &mut book.nodes[node];
        node.incarnation += 1;
        node.is_up = true;
        node.incarnation
    }

    /// The process dies: none of its calls returns any more, and its tasks are dropped.
    pub(crate) fn dies(&self, node: usize, fault: Fault) {
        {
            let mut book = self.book();
            if !book.nodes[node].is_up {
                return;
            }
            book.nodes[node].is_up = false;
        }
        self.count(fault);
        self.note(|| format!("n{node} dies: {fault:?}"));
        self.crashes[node].notify_one();
    }

    pub(crate) async fn death_of(&self, node: usize) {
        self.crashes[node].notified().await;
    }

    /// Goes on when the process is not frozen, and never if it is dead.
    pub(crate) async fn alive(&self, node: usize, incarnation: u64) {
        loop {
            let (lives, frozen_until) = {
                let book = self.book();
                let node = &book.nodes[node];
                (node.is_up && node.incarnation == incarnation, node.frozen_until)
            };
            if !lives {
                std::future::pending::<()>().await;
            }
            if frozen_until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(frozen_until).await;
        }
    }

    /// An activity runs until the guard is dropped.
    pub(crate) fn activity_begins(&self, ctx: &ActivityContext, node: usize) -> Arc<()> {
        let key = ctx.idempotency_key();
        self.note(|| format!("n{node} runs {key} attempt {}", ctx.attempt()));
        let id = key.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or_default();
        let thing = Thing::Activity(ctx.instance_id().to_owned(), ctx.execution_id(), id);
        *self.book().begun.entry(thing).or_default() += 1;
        Arc::new(())
    }

    /// Which attempt of a retry policy this is, from 1.
    pub(crate) fn attempt_of(&self, ctx: &ActivityContext, key: &str) -> u32 {
        let mut book = self.book();
        let seen = book.attempts.entry(key.to_owned()).or_default();
        let id = ctx.idempotency_key();
        let at = seen.iter().position(|seen| *seen == id).unwrap_or_else(|| {
            seen.push(id);
            seen.len() - 1
        });
        at as u32 + 1
    }
}

impl Book {
    /// The first promise that was broken.
    pub(crate) fn violation(&self) -> Option<String> {
        self.violation.clone()
    }

    fn flaky_renewal(&mut self, operation: &str, token: Option<&str>) -> Option<Fault> {
        let token = token.filter(|_| operation.starts_with("renew"))?;
        if self.failed_renewals.remove(token) || !self.random.per_mille(400) {
            return None;
        }
        self.failed_renewals.insert(token.to_owned());
        Some(Fault::LostRequest)
    }
}
