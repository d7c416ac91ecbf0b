//! Messages on their way to the turn to which they lead, together with which they are stored.
//!
//! They are starts, and what is said to an execution that rests in memory.
//!
//! ```text
//! asked for ──▶ offered ──an order that waits──▶ under way ──the turn is committed──▶ both stored, answered
//!                  │ none waits                      │ anything else, or CARRIED_FOR
//!                  ▼                                 ▼
//!               queued, answered                  queued under the lease of its token, answered
//! ```
//!
//! Whoever sent one hears of it when it is stored, whichever way; until then nobody can see it, and if the process dies it
//! never was. Its instance is held meanwhile, as by a lease that only this process knows of: whatever else is
//! said to the instance turns it into one, and what ends or deletes the instance is noticed when the turn is committed.
//! All of this is known to the writer's thread alone.

use std::cell::{Cell, Ref, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;

use super::basis::Basis;
use super::error::StoreError;
use super::fetch;
use super::jobs::{BatchError, Durability, Job, Turn};
use super::row::{carried_by, carried_token};
use super::wakes::Wakes;
use super::writer::Others;
use crate::model::work_item::WorkItem;

/// How long whoever sent a message waits for its turn: most take less than a millisecond.
const CARRIED_FOR: Duration = Duration::from_millis(20);

/// A message that whoever waits for messages may take, and which request of the transaction brought it.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    pub(super) job: usize,
    pub(super) message: Rc<WorkItem>,
    pub(super) basis: Basis,
}

/// A message that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    job: usize,
    instance: String,
    token: String,
    terms: Terms,
    basis: Basis,
}

/// Under which terms its instance is leased, should it come to that.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) owner: Arc<str>,
    pub(super) timeout: Duration,
}

impl Taken {
    /// Taken by somebody with these terms.
    pub(super) fn new(offered: &Offered, terms: &Terms) -> Self {
        let Offered { job, message, basis } = offered;
        let instance = message.target_instance().to_owned();
        let token = carried_token(&instance);
        Taken { job: *job, token, instance, terms: terms.clone(), basis: basis.clone() }
    }

    /// What its turn is committed with.
    pub(super) fn token(&self) -> &str {
        &self.token
    }
}

struct UnderWay {
    token: String,
    terms: Terms,
    basis: Basis,
    since: Instant,
    /// The request that brought it, not yet answered.
    job: Box<dyn Job>,
    /// Nobody has tried to queue it: its request's result is that of the transaction that offered it.
    is_untouched: bool,
}

/// The messages that are under way, by instance.
#[derive(Clone)]
pub(super) struct Carried {
    all: Rc<RefCell<HashMap<String, UnderWay>>>,
    others: Others,
    /// For how long one may be; all copies agree.
    patience: Rc<Cell<Duration>>,
}

impl Default for Carried {
    fn default() -> Self {
        Carried::new(Others::default())
    }
}

impl std::fmt::Debug for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.all.borrow().keys()).finish()
    }
}

impl Carried {
    /// None are. What they are based on is compared anew when others wrote.
    pub(super) fn new(others: Others) -> Self {
        Carried { all: Rc::default(), others, patience: Rc::new(Cell::new(CARRIED_FOR)) }
    }

    /// How often others wrote so far.
    pub(super) fn seen(&self) -> u64 {
        self.others.get()
    }

    /// Whether one is on its way to this instance.
    pub(super) fn has(&self, instance: &str) -> bool {
        self.all.borrow().contains_key(instance)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.borrow().is_empty()
    }

    /// For tests, which decide when it is too long.
    #[cfg(test)]
    pub(super) fn be_patient(&self, patience: Duration) {
        self.patience.set(patience);
    }

    /// Takes over from `jobs` those whose messages were taken.
    pub(super) fn keep(&self, taken: Vec<Taken>, jobs: &mut [Option<Box<dyn Job>>]) {
        let since = Instant::now();
        for Taken { job, instance, token, terms, basis } in taken {
            if let Some(job) = jobs[job].take() {
                let under_way = UnderWay { token, terms, basis, since, job, is_untouched: true };
                let replaced = self.all.borrow_mut().insert(instance, under_way);
                debug_assert!(replaced.is_none(), "a second message for an instance finds the first");
            }
        }
    }

    /// Those for these instances are stored: whoever sent them hears of it.
    pub(super) fn answer(&self, settled: &[String], committed: &Result<(), BatchError>) {
        for instance in settled {
            let under_way = self.all.borrow_mut().remove(instance);
            if let Some(under_way) = under_way {
                under_way.job.answer(committed);
            }
        }
    }

    /// When the first of them has been under way for too long.
    pub(super) fn first_overdue(&self) -> Option<Instant> {
        self.all.borrow().values().map(|under_way| under_way.since + self.patience.get()).min()
    }

    /// Those that have been under way for too long.
    pub(super) fn overdue(&self) -> Vec<Overdue> {
        let all = self.all.borrow();
        let overdue = all.iter().filter(|(_, under_way)| under_way.since.elapsed() >= self.patience.get());
        let one = |(instance, under_way): (&String, &UnderWay)| Overdue {
            instance: instance.clone(),
            token: under_way.token.clone(),
        };
        overdue.map(one).collect()
    }

    /// Those of these that could not be queued all the same: whoever sent them is told to try again, or why not.
    pub(super) fn give_up(&self, overdue: &[Overdue]) {
        let message = "the message could not be queued".to_owned();
        let failed = Err(BatchError { message, retryable: true, is_tight: false });
        for Overdue { instance, token } in overdue {
            if self.get(instance).is_some_and(|under_way| under_way.token == *token) {
                self.answer(std::slice::from_ref(instance), &failed);
            }
        }
    }

    /// Whoever sent them is told that they are lost, unless they know better.
    pub(super) fn clear(&self) {
        let lost = std::mem::take(&mut *self.all.borrow_mut());
        drop(lost);
    }

    fn get(&self, instance: &str) -> Option<Ref<'_, UnderWay>> {
        Ref::filter_map(self.all.borrow(), |all| all.get(instance)).ok()
    }

    /// Whether the turn under this token may be committed with the message that led to it: then the instance.
    ///
    /// # Errors
    /// Those of SQLite.
    pub(super) fn turn_of<'t>(&self, conn: &Connection, token: &'t str) -> rusqlite::Result<Option<&'t str>> {
        let Some(instance) = carried_by(token) else {
            return Ok(None);
        };
        match self.get(instance) {
            Some(it) if it.token == token && it.is_untouched && it.basis.is_all(conn, instance, &self.others)? => {
                Ok(Some(instance))
            }
            _ => Ok(None),
        }
    }

    /// Queues the message for an instance if one is under way, and returns what that made ready. Under the lease of its token if
    /// the instance is where whoever has that believes: else it waits like any other message.
    ///
    /// It may come to nothing, and then whoever sent it is told why, and nobody else: its request fails, or nobody waits for it.
    pub(super) fn queue(&self, conn: &Connection, instance: &str) -> Result<Option<Wakes>, StoreError> {
        let mut all = self.all.borrow_mut();
        let Some(under_way) = all.get_mut(instance) else {
            return Ok(None);
        };
        under_way.is_untouched = false;
        let mut wakes = Wakes::default();
        if !under_way.job.is_wanted() {
            return Ok(Some(wakes));
        }
        let is_current = under_way.basis.is_current(conn, instance, &self.others)?;
        conn.prepare_cached("SAVEPOINT carried")?.execute([])?;
        if !under_way.job.run(conn, &mut wakes) {
            wakes = Wakes::default();
            conn.prepare_cached("ROLLBACK TO carried")?.execute([])?;
        } else if wakes.has_messages()
            && is_current
            && fetch::take_queued(conn, instance, &under_way.token, &under_way.terms)?
        {
            wakes = Wakes::default();
        }
        conn.prepare_cached("RELEASE carried")?.execute([])?;
        Ok(Some(wakes))
    }
}

/// Queues a message that has been under way for too long.
#[derive(Clone)]
pub(super) struct Overdue {
    instance: String,
    token: String,
}

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
        wakes.queue_carried(conn, &self.instance).is_ok()
    }

    fn answer(self: Box<Self>, _committed: &Result<(), BatchError>) {}
}
