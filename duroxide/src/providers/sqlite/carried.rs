//! Starts on their way to their first turn, together with which they are stored.
//!
//! ```text
//! asked for ──▶ offered ──somebody fetches──▶ taken ──the first turn is committed──▶ both stored, answered
//!                  │ or CARRIED_FOR             │ anything else, or CARRIED_FOR
//!                  ▼                            ▼
//!               queued, answered             queued under the lease of its token, answered
//! ```
//!
//! Whoever asked for a start hears of it when it is stored, whichever way; until then nobody can see it, and if the
//! process dies it never was. Starts are offered as long as somebody of this process takes them: else they are queued at
//! once. All of this is known to the writer's thread alone.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;

use super::error::StoreError;
use super::jobs::{BatchError, Durability, Job, Turn};
use super::ready::Wakes;
use super::row::{start_of, start_token};
use super::{fetch, start};
use crate::model::work_item::WorkItem;
use crate::providers::signal::WorkQueue;

/// How long a start waits for somebody who takes it, and then for its first turn: most take less than a millisecond.
const CARRIED_FOR: Duration = Duration::from_millis(20);

/// How long whoever fetched last is expected to fetch again.
const TAKERS_EXPECTED: Duration = Duration::from_millis(5);

/// Who would take the starts of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offers {
    No,
    /// Somebody who is expected to fetch after it.
    Soon,
    /// Somebody in it.
    Now,
}

impl Offers {
    /// The number by which a request is known whose start may be offered.
    pub(super) fn number(self, job: usize) -> Option<usize> {
        (self != Offers::No).then_some(job)
    }

    /// What the transaction begins with.
    pub(super) fn wakes(self, carried: &Carried) -> Wakes {
        let offered = if self == Offers::Now { carried.offered() } else { Vec::new() };
        Wakes::with(carried.clone(), offered)
    }
}

/// A start that may be taken, and which request of the transaction asked for it, unless that was before.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    pub(super) job: Option<usize>,
    pub(super) start: Rc<WorkItem>,
}

/// A start that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    offered: Offered,
    lease: PromisedLease,
}

/// What the instance is leased under, should it come to that.
#[derive(Debug)]
struct PromisedLease {
    token: String,
    terms: Terms,
}

/// For whom and for how long.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) owner: Arc<str>,
    pub(super) timeout: Duration,
}

impl Taken {
    /// This start, for somebody with these terms.
    pub(super) fn new(offered: Offered, terms: &Terms) -> Self {
        let token = start_token(offered.start.target_instance());
        Taken { offered, lease: PromisedLease { token, terms: terms.clone() } }
    }

    pub(super) fn start(&self) -> &WorkItem {
        &self.offered.start
    }

    /// What its first turn is committed with.
    pub(super) fn token(&self) -> &str {
        &self.lease.token
    }
}

struct UnderWay {
    start: Rc<WorkItem>,
    /// Once it was taken.
    lease: Option<PromisedLease>,
    since: Instant,
    /// The request that asked for it, not yet answered.
    job: Box<dyn Job>,
    /// Nobody has tried to queue it: its request's result is that of the transaction that offered it.
    is_untouched: bool,
}

/// The starts that are under way.
#[derive(Clone, Default)]
pub(super) struct Carried(Rc<RefCell<Starts>>);

#[derive(Default)]
struct Starts {
    by_instance: HashMap<String, UnderWay>,
    /// The instances of those that nobody has taken, first come first served.
    offered: VecDeque<String>,
    /// When somebody last fetched.
    met_taker: Option<Instant>,
}

impl std::fmt::Debug for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.borrow().by_instance.keys()).finish()
    }
}

impl Carried {
    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().by_instance.is_empty()
    }

    /// Somebody takes starts.
    pub(super) fn met_taker(&self) {
        self.0.borrow_mut().met_taker = Some(Instant::now());
    }

    /// Whether somebody is expected to take starts soon.
    pub(super) fn meets_takers(&self) -> bool {
        self.0.borrow().met_taker.is_some_and(|at| at.elapsed() < TAKERS_EXPECTED)
    }

    /// Those that nobody has taken and somebody still waits for.
    fn offered(&self) -> Vec<Offered> {
        let starts = self.0.borrow();
        let waiting = starts.offered.iter().filter_map(|instance| starts.by_instance.get(instance));
        let wanted = waiting.filter(|under_way| under_way.is_untouched && under_way.job.is_wanted());
        wanted.map(|under_way| Offered { job: None, start: Rc::clone(&under_way.start) }).collect()
    }

    /// After the commit: takes over from `jobs` those whose starts are under way, and answers those whose starts are stored.
    pub(super) fn keep(&self, wakes: &mut Wakes, jobs: &mut [Option<Box<dyn Job>>]) {
        let (offered, taken, stored) = wakes.starts();
        if offered.iter().any(|offered| offered.job.is_some()) {
            wakes.ready(WorkQueue::Orchestrator);
        }
        {
            let mut starts = self.0.borrow_mut();
            for offered in offered {
                starts.keep(offered, None, jobs);
            }
            for Taken { offered, lease } in taken {
                starts.keep(offered, Some(lease), jobs);
            }
            let Starts { by_instance, offered, .. } = &mut *starts;
            offered.retain(|instance| by_instance.get(instance).is_some_and(|under_way| under_way.lease.is_none()));
        }
        self.answer(&stored, &Ok(()));
    }

    /// These are stored, or will not be: whoever asked hears of it.
    fn answer(&self, instances: &[String], committed: &Result<(), BatchError>) {
        for instance in instances {
            let under_way = self.0.borrow_mut().by_instance.remove(instance);
            if let Some(under_way) = under_way {
                under_way.job.answer(committed);
            }
        }
    }

    /// When the first of them has been under way for too long.
    pub(super) fn first_overdue(&self) -> Option<Instant> {
        self.0.borrow().by_instance.values().map(|under_way| under_way.since + CARRIED_FOR).min()
    }

    /// The instances of those that have been under way for too long.
    pub(super) fn overdue(&self) -> Vec<String> {
        let starts = self.0.borrow();
        let overdue = starts.by_instance.iter().filter(|(_, under_way)| under_way.since.elapsed() >= CARRIED_FOR);
        overdue.map(|(instance, _)| instance.clone()).collect()
    }

    /// Those of these that could not be queued all the same: whoever asked is told to try again, or why not.
    pub(super) fn give_up(&self, overdue: &[String]) {
        let message = "the start could not be queued".to_owned();
        self.answer(overdue, &Err(BatchError { message, retryable: true, is_tight: false }));
    }

    /// Whoever asked for them is told that they are lost, unless they know better.
    pub(super) fn clear(&self) {
        let starts = std::mem::take(&mut *self.0.borrow_mut());
        drop(starts);
    }

    /// Whether the first turn under this token may be committed with its start: then the instance.
    pub(super) fn first_turn_of<'t>(&self, conn: &Connection, token: &'t str) -> rusqlite::Result<Option<&'t str>> {
        let Some(instance) = start_of(token) else {
            return Ok(None);
        };
        let is_under_way = self.0.borrow().by_instance.get(instance).is_some_and(|under_way| {
            under_way.is_untouched && under_way.lease.as_ref().is_some_and(|lease| lease.token == token)
        });
        Ok(if is_under_way && start::is_free(conn, instance)? { Some(instance) } else { None })
    }

    /// Queues the start of an instance if one is under way, under its lease if it was taken, and returns what that made ready.
    /// It may come to nothing: when the instance exists meanwhile, which its request then says, or nobody waits for it.
    pub(super) fn queue(&self, conn: &Connection, instance: &str) -> Result<Option<Wakes>, StoreError> {
        let mut starts = self.0.borrow_mut();
        let Some(under_way) = starts.by_instance.get_mut(instance) else {
            return Ok(None);
        };
        under_way.is_untouched = false;
        let mut wakes = Wakes::default();
        if !under_way.job.is_wanted() {
            return Ok(Some(wakes));
        }
        if !under_way.job.run(conn, &mut wakes) {
            return Err(StoreError::Shaken("the start of the instance could not be queued"));
        }
        if let Some(PromisedLease { token, terms }) = under_way.lease.as_ref().filter(|_| wakes.has_messages()) {
            fetch::take_start(conn, instance, token, terms)?;
            wakes = Wakes::default();
        }
        Ok(Some(wakes))
    }
}

impl Starts {
    fn keep(&mut self, offered: Offered, lease: Option<PromisedLease>, jobs: &mut [Option<Box<dyn Job>>]) {
        let Offered { job, start } = offered;
        let (instance, since) = (start.target_instance().to_owned(), Instant::now());
        match job {
            // It was offered before.
            None => {
                if let (Some(under_way), Some(lease)) = (self.by_instance.get_mut(&instance), lease) {
                    (under_way.lease, under_way.since) = (Some(lease), since);
                }
            }
            Some(job) => {
                if let Some(job) = jobs[job].take() {
                    self.offered.push_back(instance.clone());
                    self.by_instance.insert(instance, UnderWay { start, lease, since, job, is_untouched: true });
                }
            }
        }
    }
}

/// Queues a start that has been under way for too long.
pub(super) struct Overdue(pub(super) String);

impl Job for Overdue {
    fn turn(&self) -> Turn {
        Turn::Next
    }

    fn durability(&self) -> Durability {
        Durability::Flushed
    }

    fn is_wanted(&self) -> bool {
        true
    }

    fn run(&mut self, conn: &Connection, wakes: &mut Wakes) -> bool {
        wakes.queue_start(conn, &self.0).is_ok()
    }

    fn answer(self: Box<Self>, _committed: &Result<(), BatchError>) {}
}
