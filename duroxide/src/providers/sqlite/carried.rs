//! Starts on their way to their first turn, together with which they are stored.
//!
//! ```text
//! asked for ──▶ offered ──an order that waits──▶ under way ──the first turn is committed──▶ both stored, answered
//!                  │ none waits                      │ anything else, or CARRIED_FOR
//!                  ▼                                 ▼
//!               queued, answered                  queued under the lease of its token, answered
//! ```
//!
//! Whoever asked for a start hears of it when it is stored, whichever way; until then nobody can see it, and if the
//! process dies it never was. All of this is known to the writer's thread alone.

use std::cell::{Cell, Ref, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;

use super::error::StoreError;
use super::jobs::{BatchError, Durability, Job, Turn};
use super::row::{start_of, start_token};
use super::wakes::Wakes;
use super::{fetch, start};
use crate::model::work_item::WorkItem;

/// How long whoever asked for a start waits for its first turn: most take less than a millisecond.
const CARRIED_FOR: Duration = Duration::from_millis(20);

/// A start that whoever waits for messages may take, and which request of the transaction asked for it.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    pub(super) job: usize,
    pub(super) start: Rc<WorkItem>,
}

/// A start that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    job: usize,
    instance: String,
    token: String,
    terms: Terms,
}

/// Under which terms its instance is leased, should it come to that.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) owner: Arc<str>,
    pub(super) timeout: Duration,
}

impl Taken {
    /// A start of this instance, for somebody with these terms.
    pub(super) fn new(offered: &Offered, terms: &Terms) -> Self {
        let instance = offered.start.target_instance().to_owned();
        Taken { job: offered.job, token: start_token(&instance), instance, terms: terms.clone() }
    }

    /// What its first turn is committed with.
    pub(super) fn token(&self) -> &str {
        &self.token
    }
}

struct UnderWay {
    token: String,
    terms: Terms,
    since: Instant,
    /// The request that asked for it, not yet answered.
    job: Box<dyn Job>,
    /// Nobody has tried to queue it: its request's result is that of the transaction that offered it.
    is_untouched: bool,
}

/// The starts that are under way, by instance.
#[derive(Clone)]
pub(super) struct Carried {
    starts: Rc<RefCell<HashMap<String, UnderWay>>>,
    /// For how long one may be; all copies agree.
    patience: Rc<Cell<Duration>>,
}

impl Default for Carried {
    fn default() -> Self {
        Carried { starts: Rc::default(), patience: Rc::new(Cell::new(CARRIED_FOR)) }
    }
}

impl std::fmt::Debug for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.starts.borrow().keys()).finish()
    }
}

impl Carried {
    pub(super) fn is_empty(&self) -> bool {
        self.starts.borrow().is_empty()
    }

    /// For tests, which decide when it is too long.
    #[cfg(test)]
    pub(super) fn be_patient(&self, patience: Duration) {
        self.patience.set(patience);
    }

    /// Takes over from `jobs` those whose starts were taken.
    pub(super) fn keep(&self, taken: Vec<Taken>, jobs: &mut [Option<Box<dyn Job>>]) {
        let since = Instant::now();
        for Taken { job, instance, token, terms } in taken {
            if let Some(job) = jobs[job].take() {
                let replaced = self
                    .starts
                    .borrow_mut()
                    .insert(instance, UnderWay { token, terms, since, job, is_untouched: true });
                debug_assert!(replaced.is_none(), "a second start of an instance finds the first");
            }
        }
    }

    /// These are stored: whoever asked hears of it.
    pub(super) fn answer(&self, settled: &[String], committed: &Result<(), BatchError>) {
        for instance in settled {
            let under_way = self.starts.borrow_mut().remove(instance);
            if let Some(under_way) = under_way {
                under_way.job.answer(committed);
            }
        }
    }

    /// When the first of them has been under way for too long.
    pub(super) fn first_overdue(&self) -> Option<Instant> {
        self.starts.borrow().values().map(|under_way| under_way.since + self.patience.get()).min()
    }

    /// Those that have been under way for too long.
    pub(super) fn overdue(&self) -> Vec<Overdue> {
        let all = self.starts.borrow();
        let overdue = all.iter().filter(|(_, under_way)| under_way.since.elapsed() >= self.patience.get());
        let one = |(instance, under_way): (&String, &UnderWay)| Overdue {
            instance: instance.clone(),
            token: under_way.token.clone(),
        };
        overdue.map(one).collect()
    }

    /// Those of these that could not be queued all the same: whoever asked is told to try again, or why not.
    pub(super) fn give_up(&self, overdue: &[Overdue]) {
        let message = "the start could not be queued".to_owned();
        let failed = Err(BatchError { message, retryable: true, is_tight: false });
        for Overdue { instance, token } in overdue {
            if self.get(instance).is_some_and(|under_way| under_way.token == *token) {
                self.answer(std::slice::from_ref(instance), &failed);
            }
        }
    }

    /// Whoever asked for them is told that they are lost, unless they know better.
    pub(super) fn clear(&self) {
        let starts = std::mem::take(&mut *self.starts.borrow_mut());
        drop(starts);
    }

    fn get(&self, instance: &str) -> Option<Ref<'_, UnderWay>> {
        Ref::filter_map(self.starts.borrow(), |all| all.get(instance)).ok()
    }

    /// Whether the first turn under this token may be committed with its start: then the instance.
    ///
    /// # Errors
    /// Those of SQLite.
    pub(super) fn first_turn_of<'t>(&self, conn: &Connection, token: &'t str) -> rusqlite::Result<Option<&'t str>> {
        let Some(instance) = start_of(token) else {
            return Ok(None);
        };
        let is_under_way = self.get(instance).is_some_and(|it| it.token == token && it.is_untouched);
        Ok(if is_under_way && start::is_free(conn, instance)? { Some(instance) } else { None })
    }

    /// Queues the start of an instance if one is under way, and returns what that made ready. Under the lease of its token if
    /// the instance is as new as whoever has that believes: else it waits like any other message.
    ///
    /// It may come to nothing, and then whoever asked is told why, and nobody else: its request fails, or nobody waits for it.
    pub(super) fn queue(&self, conn: &Connection, instance: &str) -> Result<Option<Wakes>, StoreError> {
        let mut all = self.starts.borrow_mut();
        let Some(under_way) = all.get_mut(instance) else {
            return Ok(None);
        };
        under_way.is_untouched = false;
        let mut wakes = Wakes::default();
        if !under_way.job.is_wanted() {
            return Ok(Some(wakes));
        }
        let is_new = start::is_new(conn, instance)?;
        conn.prepare_cached("SAVEPOINT start")?.execute([])?;
        if !under_way.job.run(conn, &mut wakes) {
            wakes = Wakes::default();
            conn.prepare_cached("ROLLBACK TO start")?.execute([])?;
        } else if wakes.has_messages()
            && is_new
            && fetch::take_start(conn, instance, &under_way.token, &under_way.terms)?
        {
            wakes = Wakes::default();
        }
        conn.prepare_cached("RELEASE start")?.execute([])?;
        Ok(Some(wakes))
    }
}

/// Queues a start that has been under way for too long.
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
        wakes.queue_start(conn, &self.instance).is_ok()
    }

    fn answer(self: Box<Self>, _committed: &Result<(), BatchError>) {}
}
