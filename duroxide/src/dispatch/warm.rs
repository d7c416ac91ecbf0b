//! Executions that stay in memory between their turns, so that a turn costs what is new.
//!
//! What always holds:
//! - An execution rests here exactly as its last committed turn left it, and its head says where that was. Whoever
//!   wakes it is told by the store that history still ends there, or commits on the condition that it does.
//! - One turn of an instance is under way at most. Activities that end meanwhile may be left with it.
//! - Whatever rests may be gone at any moment: that costs a replay and nothing else.
//! - No user code runs under the lock, destructors included.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::activity;
use super::processor::Weigh;
use super::weight;
use crate::model::event::Event;
use crate::providers::express::{Head, KnownHeads};
use crate::replay::Execution;

/// What an execution weighs beside its payloads and its future: ledger, history index, entries here.
const EXECUTION_BYTES: usize = 3_072;

/// The same for each event that it has seen.
const EVENT_BYTES: usize = 64;

/// Activities left with one turn, and bytes of their results (4 MiB): more end by themselves.
const LEFT_MAX: usize = 8_192;
const LEFT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a turn waits for one of the same instance to be over.
const WAIT_FOR_TURN: Duration = Duration::from_secs(1);

/// How many executions stay in memory between their turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warmth {
    /// None: each turn replays its history.
    Off,
    /// As many as weigh less than so many bytes together, by estimate; what was used last stays.
    Bytes(usize),
    /// None, but turns begin and end as if there were some: for tests.
    EvictEachTurn,
}

impl Default for Warmth {
    /// 64 MiB: some ten thousand executions of the usual size.
    fn default() -> Self {
        Warmth::Bytes(64 * 1024 * 1024)
    }
}

/// An execution between two turns.
pub(super) struct Suspended {
    pub(super) execution: Box<Execution>,
    pub(super) head: Head,
    /// What its history came to.
    pub(super) figures: Figures,
    /// Whether its next completions may be committed with the turn to which they lead. Where other messages arrive as
    /// well, they would have to wait for each other; then all go through the queue.
    pub(super) takes_completions: bool,
}

impl Suspended {
    fn weight(&self) -> usize {
        let Figures { events, payload, .. } = self.figures;
        EXECUTION_BYTES + self.execution.code_bytes() + payload + EVENT_BYTES * events
    }
}

/// What is remembered of events that are not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    /// How many turns wrote them.
    pub(super) turns: u64,
    /// When the first happened, milliseconds since the Unix epoch.
    pub(super) started_ms: Option<u64>,
    events: usize,
    payload: usize,
}

impl Figures {
    /// Of what storage has.
    pub(super) fn of_history(events: &[Event]) -> Self {
        Figures { turns: super::report::turns_in(events), ..Figures::of_turn(events) }
    }

    /// Of what one turn adds.
    pub(super) fn of_turn(events: &[Event]) -> Self {
        Figures {
            turns: 1,
            started_ms: events.first().map(|event| event.timestamp_ms),
            events: events.len(),
            payload: events.iter().map(|event| weight::of_event(&event.kind)).sum(),
        }
    }

    /// These, and then those.
    pub(super) fn and(self, later: Figures) -> Self {
        Figures {
            turns: self.turns + later.turns,
            started_ms: self.started_ms.or(later.started_ms),
            events: self.events + later.events,
            payload: self.payload + later.payload,
        }
    }
}

/// Where a history ends, for stores that do not say it. All of it counts: a store is free to change what it holds.
pub(super) fn head_of(base: Head, events: &[Event]) -> Head {
    events.iter().fold(base, |head, event| {
        let mut digest = Digest(std::hash::DefaultHasher::new());
        digest.0.write_u64(head.digest);
        // An event that cannot be written could not have been stored either.
        let _ = serde_json::to_writer(&mut digest, event);
        Head { last_event_id: event.event_id, digest: digest.0.finish(), ..head }
    })
}

/// Takes bytes for their hash alone.
struct Digest(std::hash::DefaultHasher);

impl std::io::Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The executions of one runtime that rest, and the turns under way.
pub(super) struct Warm {
    warmth: Warmth,
    book: Mutex<Book>,
    /// A turn is no longer under way.
    over: Notify,
}

impl fmt::Debug for Warm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warm").field("warmth", &self.warmth).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Book {
    places: HashMap<Arc<str>, Place>,
    /// Who rests, longest unused first.
    unused: BTreeMap<u64, Arc<str>>,
    weight: usize,
    last_number: u64,
}

enum Place {
    Resting { suspended: Box<Suspended>, weight: usize, number: u64 },
    UnderWay { number: u64, left: Vec<activity::Done>, bytes: usize },
}

/// One turn of an instance; activities that end meanwhile may be left with it. It must be ended or put to rest: when
/// it is dropped, they run again.
pub(super) struct Turn {
    warm: Arc<Warm>,
    instance: Arc<str>,
    /// `None`: another turn of the instance is under way, or the execution rests.
    number: Option<u64>,
}

/// What follows a turn.
pub(super) enum Next {
    /// The execution rests; these activities have ended meanwhile and must go through the queue.
    Rested(Vec<activity::Done>),
    /// Activities have ended meanwhile and lead to the next turn.
    Goes(Suspended, Vec<activity::Done>),
    /// The execution is gone; these activities have ended meanwhile.
    Evicted(Vec<activity::Done>),
}

/// What became of an activity that ended.
pub(super) enum Left {
    /// It goes with a turn that is under way.
    WithTurn,
    /// It leads to a turn of its own.
    Leads(Turn, Suspended, activity::Done),
    /// It must go through the queue.
    Alone(activity::Done),
}

impl Warm {
    pub(super) fn new(warmth: Warmth) -> Self {
        Warm { warmth, book: Mutex::default(), over: Notify::new() }
    }

    /// A turn begins, with the execution that rested, if one did. Waits for a turn that is still under way: the store
    /// has leased the instance to this one, so that one is about to be over.
    pub(super) async fn begin(self: &Arc<Self>, instance: &str) -> (Turn, Option<Suspended>) {
        let instance: Arc<str> = instance.into();
        if self.warmth == Warmth::Off {
            return (Turn { warm: Arc::clone(self), instance, number: None }, None);
        }
        let begun = async {
            loop {
                let over = self.over.notified();
                let mut over = std::pin::pin!(over);
                over.as_mut().enable();
                if let Some(begun) = self.try_begin(&instance) {
                    return begun;
                }
                over.await;
            }
        };
        // One that hangs costs this one its warmth, and nothing else.
        match tokio::time::timeout(WAIT_FOR_TURN, begun).await {
            Ok((number, rested)) => (Turn { warm: Arc::clone(self), instance, number: Some(number) }, rested),
            Err(_) => (Turn { warm: Arc::clone(self), instance, number: None }, None),
        }
    }

    /// `None` while another turn of the instance is under way.
    fn try_begin(&self, instance: &Arc<str>) -> Option<(u64, Option<Suspended>)> {
        let mut book = self.book();
        if let Some(Place::UnderWay { .. }) = book.places.get(instance) {
            return None;
        }
        let rested = book.wake(instance);
        Some((book.begin(instance), rested))
    }

    /// An activity has ended.
    pub(super) fn leave(self: &Arc<Self>, done: activity::Done) -> Left {
        let (instance, execution_id) = done.of();
        let instance: Arc<str> = instance.into();
        let mut book = self.book();
        match book.places.get_mut(&instance) {
            Some(Place::UnderWay { left, bytes, .. }) if left.len() < LEFT_MAX && *bytes < LEFT_BYTES_MAX => {
                *bytes += done.weight();
                left.push(done);
                Left::WithTurn
            }
            Some(Place::Resting { suspended, .. })
                if suspended.takes_completions && suspended.head.execution_id == execution_id =>
            {
                let suspended = book.wake(&instance).expect("it was found resting");
                let number = Some(book.begin(&instance));
                Left::Leads(Turn { warm: Arc::clone(self), instance, number }, suspended, done)
            }
            _ => Left::Alone(done),
        }
    }

    /// Lets everything go.
    pub(super) fn clear(&self) {
        let gone = std::mem::take(&mut *self.book());
        drop(gone);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing in here runs code of others, so no panic leaves the book half-written.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limit(&self) -> Option<usize> {
        match self.warmth {
            Warmth::Off | Warmth::EvictEachTurn => None,
            Warmth::Bytes(bytes) => Some(bytes),
        }
    }
}

impl KnownHeads for Warm {
    fn head_of(&self, instance: &str) -> Option<Head> {
        match self.book().places.get(instance)? {
            Place::Resting { suspended, .. } => Some(suspended.head),
            Place::UnderWay { .. } => None,
        }
    }
}

impl Book {
    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn begin(&mut self, instance: &Arc<str>) -> u64 {
        let number = self.next_number();
        self.places.insert(Arc::clone(instance), Place::UnderWay { number, left: Vec::new(), bytes: 0 });
        number
    }

    fn wake(&mut self, instance: &str) -> Option<Suspended> {
        match self.places.remove(instance)? {
            Place::Resting { suspended, weight, number } => {
                self.unused.remove(&number);
                self.weight -= weight;
                Some(*suspended)
            }
            under_way @ Place::UnderWay { .. } => {
                self.places.insert(instance.into(), under_way);
                None
            }
        }
    }

    fn rest(&mut self, instance: Arc<str>, suspended: Suspended) {
        let (weight, number) = (suspended.weight(), self.next_number());
        self.weight += weight;
        self.unused.insert(number, Arc::clone(&instance));
        self.places.insert(instance, Place::Resting { suspended: Box::new(suspended), weight, number });
    }

    fn take_excess(&mut self, limit: usize) -> Vec<Suspended> {
        let mut excess = Vec::new();
        while self.weight > limit
            && let Some((_, instance)) = self.unused.pop_first()
        {
            excess.extend(self.wake(&instance));
        }
        excess
    }

    /// Takes the activities left with this turn, unless it is not the one under way.
    fn take_left(&mut self, instance: &str, turn: u64) -> Option<Vec<activity::Done>> {
        match self.places.get_mut(instance)? {
            Place::UnderWay { number, left, bytes } if *number == turn => {
                *bytes = 0;
                Some(std::mem::take(left))
            }
            Place::UnderWay { .. } | Place::Resting { .. } => None,
        }
    }
}

impl Turn {
    /// The turn was committed and the code waits: the execution rests, unless activities have ended meanwhile.
    pub(super) fn rest(&mut self, suspended: Suspended) -> Next {
        let Some(number) = self.number else {
            return Next::Evicted(Vec::new());
        };
        let warm = Arc::clone(&self.warm);
        let Some(limit) = warm.limit() else {
            return Next::Evicted(self.end());
        };
        let mut book = warm.book();
        let Some(left) = book.take_left(&self.instance, number) else {
            return Next::Evicted(Vec::new());
        };
        if !left.is_empty() && suspended.takes_completions {
            return Next::Goes(suspended, left);
        }
        self.number = None;
        book.rest(Arc::clone(&self.instance), suspended);
        let excess = book.take_excess(limit);
        drop(book);
        warm.over.notify_waiters();
        drop(excess);
        Next::Rested(left)
    }

    /// Activities that have ended since the turn began.
    pub(super) fn take_left(&mut self) -> Vec<activity::Done> {
        let Some(number) = self.number else {
            return Vec::new();
        };
        let mut book = self.warm.book();
        book.take_left(&self.instance, number).unwrap_or_default()
    }

    /// The turn is over and nothing of it stays; returns the activities that were left with it.
    pub(super) fn end(&mut self) -> Vec<activity::Done> {
        let Some(number) = self.number.take() else {
            return Vec::new();
        };
        let mut book = self.warm.book();
        let left = book.take_left(&self.instance, number);
        if left.is_some() {
            book.places.remove(&self.instance);
        }
        drop(book);
        self.warm.over.notify_waiters();
        left.unwrap_or_default()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(self.end());
    }
}
