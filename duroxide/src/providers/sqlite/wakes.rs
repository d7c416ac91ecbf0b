//! What follows once a transaction is committed: whom to wake, and what becomes of messages on their way.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::basis::Basis;
use super::carried::{Carried, Offered, Taken, Terms};
use super::error::StoreError;
use super::row::carried_by;
use crate::clock;
use crate::model::status::OrchestrationStatus;
use crate::model::work_item::WorkItem;
use crate::providers::express::{Head, KnownHeads};
use crate::providers::signal::{WorkQueue, WorkSignal};

/// Longer than the poll interval of another process.
const STEP_BACK: Duration = Duration::from_millis(150);

/// Whom to wake once the transaction is committed, and what becomes of messages on their way.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    messages: bool,
    activities: bool,
    due: Vec<(WorkQueue, u64)>,
    /// Instances of which waiting clients see a difference, each with its status if it has ended and is known.
    news: Vec<(String, Option<OrchestrationStatus>)>,
    carried: Carried,
    /// Which request of the transaction this is about, if somebody waits who would take its message.
    job: Option<usize>,
    /// What they know already.
    heads: Option<Arc<dyn KnownHeads>>,
    offered: Vec<Offered>,
    met: Rc<Met>,
    taken: Vec<Taken>,
    /// Instances whose messages this transaction stores.
    stored: Vec<String>,
}

/// What the requests of one transaction have to know of each other.
#[derive(Debug, Default)]
struct Met {
    /// Instances for which a message was offered.
    offered: RefCell<HashSet<String>>,
    /// Something else was said to one of them, which has to find the message in the queue.
    crossed: Cell<bool>,
}

impl Wakes {
    /// Rows of this queue are visible.
    pub(super) fn ready(&mut self, queue: WorkQueue) {
        match queue {
            WorkQueue::Orchestrator => self.messages = true,
            WorkQueue::Worker => self.activities = true,
        }
    }

    /// Whether messages may be taken.
    pub(super) fn has_messages(&self) -> bool {
        self.messages
    }

    /// Somebody has taken messages: whether more are left.
    pub(super) fn look_for_messages(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let left = "SELECT 1 FROM orchestrator_queue WHERE state = 1 LIMIT 1";
        self.messages = conn.prepare_cached(left)?.query_row([], |_| Ok(())).optional()?.is_some();
        Ok(())
    }

    /// A row of this queue becomes visible then.
    pub(super) fn ready_at(&mut self, queue: WorkQueue, at_ms: u64) {
        self.due.push((queue, at_ms));
    }

    /// A row of this queue was given back until then. If that counts as an attempt, whoever tried looks a little later
    /// than other processes, which only poll: they may be able to do what is not known here.
    pub(super) fn given_back(&mut self, queue: WorkQueue, until_ms: u64, counts: bool) {
        let later = if counts { clock::as_ms(STEP_BACK) } else { 0 };
        self.ready_at(queue, until_ms.saturating_add(later));
    }

    /// Whoever waits for this instance sees a difference: its end, if that is known.
    pub(super) fn news(&mut self, instance: String, end: Option<OrchestrationStatus>) {
        self.news.push((instance, end));
    }

    /// Those of a transaction in which messages may be stored that are under way.
    pub(super) fn with(carried: Carried) -> Self {
        Wakes { carried, ..Wakes::default() }
    }

    /// For one request of this transaction, of this number if its message may be taken by somebody who waits.
    pub(super) fn of(&self, job: Option<usize>) -> Self {
        let (carried, met) = (self.carried.clone(), Rc::clone(&self.met));
        Wakes { job, carried, met, stored: self.stored.clone(), ..Wakes::default() }
    }

    /// The same, and what those know who wait.
    pub(super) fn knowing(self, heads: Option<Arc<dyn KnownHeads>>) -> Self {
        Wakes { heads, ..self }
    }

    /// For somebody who waits: what is offered goes along. What of it is not taken comes back when it is merged.
    pub(super) fn with_offers(&mut self) -> Self {
        Wakes { offered: self.offered.clone(), messages: self.messages, ..self.of(None) }
    }

    /// The messages that are under way.
    #[cfg(test)]
    pub(super) fn carried(&self) -> &Carried {
        &self.carried
    }

    /// These, too.
    pub(super) fn merge(&mut self, other: Wakes) {
        self.messages |= other.messages;
        self.activities |= other.activities;
        self.due.extend(other.due);
        self.news.extend(other.news);
        self.offered.extend(other.offered);
        self.taken.extend(other.taken);
        // The request was told of those that are stored already.
        self.stored = other.stored;
    }

    /// How many messages are offered.
    pub(super) fn offers(&self) -> usize {
        self.offered.len()
    }

    /// Whether messages are offered.
    pub(super) fn has_offers(&self) -> bool {
        self.offers() > 0
    }

    /// What is offered.
    pub(super) fn take_offers(&mut self) -> Vec<Offered> {
        std::mem::take(&mut self.offered)
    }

    /// Whoever was to take them did not.
    pub(super) fn offer_again(&mut self, offered: Vec<Offered>) {
        self.offered = offered;
    }

    /// Whether somebody waits who would take a message.
    pub(super) fn takes_offers(&self) -> bool {
        self.job.is_some()
    }

    /// Where they who wait know that the execution of this instance rests, and how often others wrote so far.
    pub(super) fn known_head(&self, instance: &str) -> Option<(Head, u64)> {
        Some((self.heads.as_ref()?.head_of(instance)?, self.carried.seen()))
    }

    /// Leaves the message to somebody who waits for messages, if there is one, and it is the first of its instance.
    pub(super) fn offer(&mut self, message: &WorkItem, basis: Basis) -> bool {
        let is_first = self.job.is_some() && self.met.offered.borrow_mut().insert(message.target_instance().to_owned());
        if let Some(job) = self.job.filter(|_| is_first) {
            self.offered.push(Offered { job, message: Rc::new(message.clone()), basis });
        }
        is_first
    }

    /// The first of the messages that are offered and suit, and the token of its turn.
    pub(super) fn take_offered(
        &mut self,
        terms: &Terms,
        suits: impl FnMut(&Offered) -> bool,
    ) -> Option<(Offered, String)> {
        let first = self.offered.iter().position(suits)?;
        let offered = self.offered.remove(first);
        let taken = Taken::new(&offered, terms);
        let token = taken.token().to_owned();
        self.taken.push(taken);
        Some((offered, token))
    }

    /// The instance of a message that is stored with its turn, if that is committed under this token.
    pub(super) fn turn_of(&mut self, conn: &Connection, token: &str) -> Result<Option<String>, StoreError> {
        let carried = self.carried.turn_of(conn, token)?.filter(|&instance| !self.is_stored(instance));
        if let Some(instance) = carried {
            self.stored.push(instance.to_owned());
        }
        Ok(carried.map(str::to_owned))
    }

    /// Whether a message for this instance is on its way: then the instance is held.
    pub(super) fn is_on_its_way(&self, instance: &str) -> bool {
        self.carried.has(instance) && !self.is_stored(instance)
    }

    /// The lease of this token must be in the tables: if it is that of a message on its way, that is queued now.
    pub(super) fn queue_leased(&mut self, conn: &Connection, token: &str) -> Result<(), StoreError> {
        match carried_by(token) {
            Some(instance) => self.queue_carried(conn, instance),
            None => Ok(()),
        }
    }

    /// Whatever is said of this instance must find its message: if one is under way, it is queued now.
    pub(super) fn queue_carried(&mut self, conn: &Connection, instance: &str) -> Result<(), StoreError> {
        if self.met.offered.borrow().contains(instance) {
            self.met.crossed.set(true);
        }
        if self.carried.is_empty() || self.is_stored(instance) {
            return Ok(());
        }
        if let Some(own) = self.carried.queue(conn, instance)? {
            self.stored.push(instance.to_owned());
            debug_assert!(own.due.is_empty(), "what is for later is not carried");
            self.messages |= own.messages;
        }
        Ok(())
    }

    /// Whether a request spoke of an instance to which another one of this transaction offered a message.
    pub(super) fn is_crossed(&self) -> bool {
        self.met.crossed.get()
    }

    fn is_stored(&self, instance: &str) -> bool {
        self.stored.iter().any(|stored| stored == instance)
    }

    /// The transaction is committed: messages that were taken, and those that were stored.
    pub(super) fn carriage(&mut self) -> (Vec<Taken>, Vec<String>) {
        (std::mem::take(&mut self.taken), std::mem::take(&mut self.stored))
    }

    /// Wakes them.
    pub(super) fn ring(self, signal: &WorkSignal) {
        for (queue, at_ms) in self.due {
            signal.ready_at(queue, at_ms);
        }
        if self.messages {
            signal.ready(WorkQueue::Orchestrator);
        }
        if self.activities {
            signal.ready(WorkQueue::Worker);
        }
        for (instance, end) in self.news {
            match end {
                Some(end) => signal.ended(&instance, end),
                None => signal.changed(&instance),
            }
        }
    }
}
