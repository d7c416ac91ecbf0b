//! Which attempts belong to one call, and which timers only serve it.
//!
//! History has no event "attempt". A retry is the same activity asked for again after it failed; the wait before it and
//! the limit on an attempt are timers that were made in the same turn. Where a policy is recorded with the call, the
//! lengths of these timers are known, and so is how many attempts there may be.

use std::collections::{HashMap, VecDeque};

use super::Bar;
use crate::clock::as_ms;
use crate::model::retry::RetryPolicy;

/// What makes two calls the same: name, input, session, tag.
pub(super) type Call<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>);

/// Rounding between the clock that stamped an event and the one that a timer's end was computed with.
const TOLERANCE_MS: u64 = 250;

/// What the reader knows about calls beside their bars.
#[derive(Default)]
pub(super) struct Retries<'a> {
    policies: HashMap<usize, RetryPolicy>,
    /// Failed calls that may be tried again, oldest first.
    failed: HashMap<Call<'a>, VecDeque<usize>>,
    /// Timers that this turn is expected to make, in this order.
    expected: VecDeque<Expected>,
    /// The timer that may turn out to have been the wait of a call, by the bars of both.
    maybe: HashMap<usize, usize>,
}

/// A timer that this turn may make.
struct Expected {
    bar: usize,
    /// In milliseconds; unknown where no policy is recorded.
    length_ms: Option<u64>,
    is_deadline: bool,
}

/// What a timer is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Nothing but itself.
    Own,
    /// It limits the newest attempt of this bar.
    Deadline(usize),
    /// It is the wait before the next attempt of this bar.
    Wait(usize),
    /// It may be such a wait: known when the attempt comes.
    MaybeWait(usize),
}

impl<'a> Retries<'a> {
    /// A turn ended: what it has not made, it will not make.
    pub(super) fn turn_ended(&mut self) {
        self.expected.clear();
    }

    /// A policy was recorded for a call, with its first attempt.
    pub(super) fn governed(&mut self, bar: usize, policy: RetryPolicy) {
        self.expect_deadline(bar, &policy);
        self.policies.insert(bar, policy);
    }

    /// An attempt failed. Returns whether another will certainly be made.
    pub(super) fn failed(&mut self, bar: usize, call: Call<'a>, attempts: usize) -> bool {
        let number = u32::try_from(attempts).unwrap_or(u32::MAX);
        let length_ms = match self.policies.get(&bar) {
            Some(policy) if number >= policy.max_attempts => return false,
            Some(policy) => Some(as_ms(policy.delay_for_attempt(number))),
            None => None,
        };
        self.failed.entry(call).or_default().push_back(bar);
        self.expected.push_back(Expected { bar, length_ms, is_deadline: false });
        length_ms.is_some()
    }

    /// Something is asked for: the bar of which it is the next attempt, if it is one.
    pub(super) fn next_attempt(&mut self, call: &Call<'a>) -> Option<usize> {
        let waiting = self.failed.get_mut(call)?;
        let bar = waiting.pop_front()?;
        if waiting.is_empty() {
            self.failed.remove(call);
        }
        if let Some(policy) = self.policies.get(&bar).cloned() {
            self.expect_deadline(bar, &policy);
        }
        Some(bar)
    }

    /// The timer that turned out to be the wait before the attempt that `bar` is given now.
    pub(super) fn take_wait(&mut self, bar: usize) -> Option<usize> {
        self.maybe.remove(&bar)
    }

    /// A timer was made at `from_ms` that is due at `due_ms`.
    pub(super) fn purpose(&mut self, from_ms: u64, due_ms: u64) -> Purpose {
        let length_ms = due_ms.saturating_sub(from_ms);
        let fits = |expected: &Expected| {
            expected.length_ms.is_none_or(|expected| expected.abs_diff(length_ms) <= TOLERANCE_MS)
        };
        let Some(at) = self.expected.iter().position(fits) else {
            return Purpose::Own;
        };
        let Some(Expected { bar, length_ms, is_deadline }) = self.expected.remove(at) else {
            return Purpose::Own;
        };
        match (is_deadline, length_ms) {
            (true, _) => Purpose::Deadline(bar),
            (false, Some(_)) => Purpose::Wait(bar),
            (false, None) => Purpose::MaybeWait(bar),
        }
    }

    /// The timer with the bar `timer` may be the wait of `bar`.
    pub(super) fn may_wait(&mut self, bar: usize, timer: usize) {
        self.maybe.insert(bar, timer);
    }

    pub(super) fn attempts_max(&self, bar: usize) -> Option<u32> {
        self.policies.get(&bar).map(|policy| policy.max_attempts)
    }

    fn expect_deadline(&mut self, bar: usize, policy: &RetryPolicy) {
        if let Some(timeout) = policy.timeout {
            self.expected.push_back(Expected { bar, length_ms: Some(as_ms(timeout)), is_deadline: true });
        }
    }
}

/// Whether the timer is a bar that has ended by itself.
pub(super) fn has_fired(bars: &[Bar], timer: usize) -> bool {
    bars[timer].outcome == super::Outcome::Done
}
