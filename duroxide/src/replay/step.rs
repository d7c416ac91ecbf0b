//! The same turn without a commit: for programs that drive the engine step by step and store what it says themselves.

use super::{Execution, Outcome, nondeterminism};
use crate::ledger::bindings::Class;
use crate::model::action::Action;
use crate::model::event::{Event, EventKind};

/// What a turn came to, before anything is concluded from it.
pub(crate) struct Step {
    pub(crate) outcome: Outcome,
    /// The events that were given, and behind them those that the code added.
    pub(crate) events: Vec<Event>,
    /// What the code asked for, in order, with event ids.
    pub(crate) asked: Vec<Action>,
    /// Activities whose futures were dropped, ascending.
    pub(crate) dropped_activities: Vec<u64>,
    /// Full instance ids of children whose futures were dropped.
    pub(crate) dropped_children: Vec<String>,
    /// Queue messages nobody read, as (queue, data), in the order of arrival.
    pub(crate) unread: Vec<(String, String)>,
}

impl Execution {
    /// Leads the code through `events`, which storage does not have yet, and on until it is quiet.
    pub(crate) fn step(mut self, events: Vec<Event>, now_ms: u64) -> Step {
        self.now_ms = now_ms;
        self.ledger.with(|book| {
            book.now_ms = now_ms;
            book.replaying = false;
        });
        if self.history.is_empty() {
            self.begin_unstored(events.first());
        }
        events.iter().for_each(|event| self.history.note(event));
        self.delta = events;
        if !self.history.was_ended() {
            self.run(0);
            self.outcome = self.verdict();
        }
        self.into_step()
    }

    /// The first event of an execution of which storage has nothing.
    fn begin_unstored(&mut self, first: Option<&Event>) {
        match first {
            None => self.failure = Some(nondeterminism::empty()),
            Some(first) => match &first.kind {
                started @ EventKind::OrchestrationStarted { .. } => {
                    nondeterminism::warn_of_foreign_stamp(self.ledger.identity(), &first.duroxide_version);
                    self.begin_with(started);
                }
                _ => self.failure = Some(nondeterminism::no_start()),
            },
        }
    }

    fn into_step(mut self) -> Step {
        let mut dropped = Vec::new();
        if !self.history.was_ended() && self.counts_drops() {
            match self.cancel_dropped() {
                Ok(rows) => dropped = rows,
                Err(details) => self.outcome = Outcome::Failed(details),
            }
        }
        let of = |wanted: Class| dropped.iter().filter(move |(class, _)| *class == wanted).map(|(_, id)| *id);
        let child = |id| self.history.schedule(id).and_then(|schedule| schedule.target.clone());
        Step {
            dropped_activities: of(Class::Activity).collect(),
            dropped_children: of(Class::Child).filter_map(child).map(String::from).collect(),
            unread: self.ledger.with(|book| book.mailbox.unread()),
            events: std::mem::take(&mut self.delta),
            asked: std::mem::take(&mut self.asked),
            outcome: self.outcome.clone(),
        }
    }
}
