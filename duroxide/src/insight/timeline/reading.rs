//! Events become bars: each answer finds what it answers.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::closing::ended;
use super::retries::{Call, Purpose, Retries, has_fired};
use super::{Attempt, Bar, BarKind, End, Mark, MarkKind, Outcome, Timeline, Wait};
use crate::insight::span::span;
use crate::model::error::ErrorDetails;
use crate::model::event::{Event, EventKind};
use crate::model::ids::{SYSCALL_CALL_POLICY, SYSCALL_PREFIX, build_child_instance_id};
use crate::replay::read_policy;

/// Reads the history of one execution.
pub(super) fn read(history: &[Event], now_ms: u64) -> Timeline {
    let mut reading = Reading { bars: Vec::with_capacity(history.len() / 2), ..Reading::default() };
    for event in history {
        reading.event(event);
    }
    reading.into_timeline(history, now_ms)
}

/// What an event that has no answer yet stands for.
pub(super) enum Open<'a> {
    Attempt { bar: usize, attempt: usize, call: Call<'a> },
    Deadline { bar: usize, attempt: usize },
    Wait { bar: usize, wait: usize },
    Bar(usize),
    Policy { bar: usize },
}

/// Dequeues that wait, and messages that nobody has taken.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<u64>,
    unread: usize,
}

#[derive(Default)]
pub(super) struct Reading<'a> {
    pub(super) bars: Vec<Bar>,
    pub(super) marks: Vec<Mark>,
    pub(super) open: HashMap<u64, Open<'a>>,
    signals: HashMap<&'a str, VecDeque<u64>>,
    queues: HashMap<&'a str, Queue>,
    pub(super) retries: Retries<'a>,
    /// Timers that are drawn as waits of a call.
    pub(super) absorbed: BTreeSet<usize>,
    /// Attempts whose limit has passed.
    late: BTreeSet<(usize, usize)>,
    /// The turn has asked for something: the next answer begins another.
    has_asked: bool,
    pub(super) end: Option<(u64, End)>,
}

impl<'a> Reading<'a> {
    fn event(&mut self, event: &'a Event) {
        let (id, at_ms) = (event.event_id, event.timestamp_ms);
        let source = event.source_event_id.unwrap_or_default();
        match &event.kind {
            EventKind::ActivityScheduled { name, input, session_id, tag } => {
                self.asks();
                let call = (name.as_str(), input.as_str(), session_id.as_deref(), tag.as_deref());
                self.activity(event, call);
            }
            EventKind::ActivityCompleted { result } => self.completed(source, at_ms, result),
            EventKind::ActivityFailed { details } => self.ends(source, at_ms, failed(details)),
            EventKind::TimerCreated { fire_at_ms } => {
                self.asks();
                self.timer(event, *fire_at_ms);
            }
            EventKind::TimerFired { .. } => self.ends(source, at_ms, Outcome::Done),
            EventKind::ExternalSubscribed { name } => {
                self.asks();
                self.signals.entry(name).or_default().push_back(id);
                self.bar(event, BarKind::Event, name.clone());
            }
            EventKind::ExternalEvent { name, .. } => self.arrived(id, at_ms, name),
            EventKind::QueueSubscribed { name } => {
                self.asks();
                self.bar(event, BarKind::Queue, name.clone());
                self.dequeue(id, at_ms, name);
            }
            EventKind::QueueEventDelivered { name, .. } => self.delivered(at_ms, name),
            EventKind::OrchestrationChained { name, instance, .. } => {
                self.asks();
                let bar = self.bar(event, BarKind::Detached, name.clone());
                self.bars[bar].child = Some(instance.clone());
                self.ends(id, at_ms, Outcome::Done);
            }
            EventKind::SubOrchestrationScheduled { name, instance, .. } => {
                self.asks();
                let bar = self.bar(event, BarKind::Child, name.clone());
                self.bars[bar].child = Some(build_child_instance_id(&event.instance_id, instance));
            }
            EventKind::SubOrchestrationCompleted { .. } => self.ends(source, at_ms, Outcome::Done),
            EventKind::SubOrchestrationFailed { details } => self.ends(source, at_ms, failed(details)),
            EventKind::ActivityCancelRequested { reason } | EventKind::SubOrchestrationCancelRequested { reason } => {
                self.given_up(source, at_ms, reason);
            }
            EventKind::ExternalSubscribedCancelled { reason } | EventKind::QueueSubscriptionCancelled { reason } => {
                self.unsubscribed(source);
                self.given_up(source, at_ms, reason);
            }
            EventKind::OrchestrationCancelRequested { reason } => {
                self.answers();
                self.mark(id, at_ms, MarkKind::CancelRequested { reason: reason.clone() });
            }
            EventKind::OrchestrationCompleted { .. } => self.end = Some((at_ms, End::Completed)),
            EventKind::OrchestrationFailed { details } => self.end = Some((at_ms, ended(details))),
            EventKind::OrchestrationContinuedAsNew { .. } => self.end = Some((at_ms, End::ContinuedAsNew)),
            EventKind::OrchestrationStarted { .. }
            | EventKind::CustomStatusUpdated { .. }
            | EventKind::KeyValueSet { .. }
            | EventKind::KeyValueCleared { .. }
            | EventKind::KeyValuesCleared => {}
        }
    }

    fn asks(&mut self) {
        self.has_asked = true;
    }

    fn answers(&mut self) {
        if std::mem::take(&mut self.has_asked) {
            self.retries.turn_ended();
        }
    }

    fn bar(&mut self, event: &Event, kind: BarKind, name: String) -> usize {
        self.bars.push(Bar {
            event_id: event.event_id,
            kind,
            name,
            child: None,
            tag: None,
            session_id: None,
            from_ms: event.timestamp_ms,
            to_ms: event.timestamp_ms,
            due_ms: None,
            outcome: Outcome::Open,
            attempts: Vec::new(),
            attempts_max: None,
            waits: Vec::new(),
        });
        let bar = self.bars.len() - 1;
        self.open.insert(event.event_id, Open::Bar(bar));
        bar
    }

    fn mark(&mut self, event_id: u64, at_ms: u64, kind: MarkKind) {
        self.marks.push(Mark { event_id, at_ms, kind });
    }

    /// An activity was asked for: a call, another attempt of one, the policy of one, or a system call.
    fn activity(&mut self, event: &'a Event, call: Call<'a>) {
        let (name, _, session_id, tag) = call;
        if name == SYSCALL_CALL_POLICY {
            if let Some(Open::Attempt { bar, .. }) = event.source_event_id.and_then(|source| self.open.get(&source)) {
                let bar = *bar;
                self.open.insert(event.event_id, Open::Policy { bar });
            }
            return;
        }
        if let Some(system_call) = name.strip_prefix(SYSCALL_PREFIX) {
            self.bar(event, BarKind::SystemCall, system_call.to_owned());
            return;
        }
        let bar = match self.retries.next_attempt(&call) {
            Some(bar) => {
                self.absorb_wait(bar);
                bar
            }
            None => {
                let bar = self.bar(event, BarKind::Activity, name.to_owned());
                self.bars[bar].tag = tag.map(str::to_owned);
                self.bars[bar].session_id = session_id.map(str::to_owned);
                bar
            }
        };
        self.bars[bar].outcome = Outcome::Open;
        self.bars[bar].attempts.push(Attempt {
            event_id: event.event_id,
            from_ms: event.timestamp_ms,
            to_ms: event.timestamp_ms,
            deadline_ms: None,
            outcome: Outcome::Open,
        });
        let attempt = self.bars[bar].attempts.len() - 1;
        self.open.insert(event.event_id, Open::Attempt { bar, attempt, call });
    }

    /// The timer before an attempt that was made by hand belongs to the call, now that the attempt is there.
    fn absorb_wait(&mut self, bar: usize) {
        let Some(timer) = self.retries.take_wait(bar).filter(|timer| has_fired(&self.bars, *timer)) else {
            return;
        };
        let Bar { event_id, from_ms, to_ms, due_ms, .. } = self.bars[timer];
        self.bars[bar].waits.push(Wait { event_id, from_ms, to_ms, due_ms: due_ms.unwrap_or(to_ms) });
        self.absorbed.insert(timer);
    }

    fn timer(&mut self, event: &Event, due_ms: u64) {
        let (id, from_ms) = (event.event_id, event.timestamp_ms);
        match self.retries.purpose(from_ms, due_ms) {
            Purpose::Own => drop(self.own_timer(event, due_ms)),
            Purpose::MaybeWait(bar) => {
                let timer = self.own_timer(event, due_ms);
                self.retries.may_wait(bar, timer);
            }
            Purpose::Deadline(bar) => {
                let attempt = self.bars[bar].attempts.len() - 1;
                self.bars[bar].attempts[attempt].deadline_ms = Some(due_ms);
                self.open.insert(id, Open::Deadline { bar, attempt });
            }
            Purpose::Wait(bar) => {
                self.bars[bar].waits.push(Wait { event_id: id, from_ms, to_ms: from_ms, due_ms });
                let wait = self.bars[bar].waits.len() - 1;
                self.open.insert(id, Open::Wait { bar, wait });
            }
        }
    }

    fn own_timer(&mut self, event: &Event, due_ms: u64) -> usize {
        let length = span(due_ms.saturating_sub(event.timestamp_ms));
        let bar = self.bar(event, BarKind::Timer, length);
        self.bars[bar].due_ms = Some(due_ms);
        bar
    }

    fn completed(&mut self, source: u64, at_ms: u64, result: &str) {
        let Some(Open::Policy { bar }) = self.open.get(&source) else {
            return self.ends(source, at_ms, Outcome::Done);
        };
        let bar = *bar;
        self.open.remove(&source);
        // One that cannot be read stops the orchestration, which says so; the picture goes without it.
        if let Ok(policy) = read_policy(result) {
            self.retries.governed(bar, policy);
        }
    }

    /// What `source` asked for has ended. Answers to nothing are passed over: a picture is no place to complain.
    fn ends(&mut self, source: u64, at_ms: u64, outcome: Outcome) {
        let Some(open) = self.open.remove(&source) else {
            return;
        };
        match open {
            Open::Attempt { bar, attempt, call } => {
                self.answers();
                let is_failed = matches!(outcome, Outcome::Failed { .. });
                let attempts = self.bars[bar].attempts.len();
                let goes_on = is_failed && self.retries.failed(bar, call, attempts);
                let bar = &mut self.bars[bar];
                bar.attempts[attempt].to_ms = at_ms.max(bar.attempts[attempt].from_ms);
                bar.to_ms = bar.attempts[attempt].to_ms;
                bar.attempts[attempt].outcome = outcome.clone();
                bar.outcome = if goes_on { Outcome::Open } else { outcome };
            }
            Open::Deadline { bar, attempt } => {
                self.answers();
                self.late.insert((bar, attempt));
            }
            Open::Wait { bar, wait } => {
                self.answers();
                let wait = &mut self.bars[bar].waits[wait];
                wait.to_ms = at_ms.max(wait.from_ms);
            }
            Open::Bar(bar) => {
                // System calls and independent starts are answered inside the turn that asks.
                if !matches!(self.bars[bar].kind, BarKind::SystemCall | BarKind::Detached) {
                    self.answers();
                }
                self.bars[bar].to_ms = at_ms.max(self.bars[bar].from_ms);
                self.bars[bar].outcome = outcome;
            }
            Open::Policy { .. } => {}
        }
    }

    /// What `source` asked for is no longer wanted; that is decided inside the turn.
    fn given_up(&mut self, source: u64, at_ms: u64, reason: &str) {
        let cancelled = Outcome::Cancelled { reason: reason.to_owned() };
        let (bar, attempt) = match self.open.remove(&source) {
            Some(Open::Attempt { bar, attempt, .. }) => (bar, Some(attempt)),
            Some(Open::Bar(bar)) => (bar, None),
            Some(Open::Deadline { .. } | Open::Wait { .. } | Open::Policy { .. }) | None => return,
        };
        let is_late = attempt.is_some_and(|attempt| self.late.contains(&(bar, attempt)));
        let bar = &mut self.bars[bar];
        bar.outcome = if is_late { Outcome::TimedOut } else { cancelled };
        bar.to_ms = at_ms.max(bar.from_ms);
        if let Some(attempt) = attempt {
            bar.attempts[attempt].outcome = bar.outcome.clone();
            bar.attempts[attempt].to_ms = bar.to_ms;
        }
    }

    /// An event arrived: it is for the wait of its name that has waited longest.
    fn arrived(&mut self, id: u64, at_ms: u64, name: &'a str) {
        self.answers();
        match self.signals.get_mut(name).and_then(VecDeque::pop_front) {
            Some(wait) => self.ends(wait, at_ms, Outcome::Done),
            None => self.mark(id, at_ms, MarkKind::Unheard { name: name.to_owned() }),
        }
    }

    /// The n-th dequeue is for the n-th message, whichever comes first.
    fn dequeue(&mut self, id: u64, at_ms: u64, name: &'a str) {
        let queue = self.queues.entry(name).or_default();
        if queue.unread == 0 {
            queue.waiting.push_back(id);
            return;
        }
        queue.unread -= 1;
        let asked = self.has_asked;
        self.ends(id, at_ms, Outcome::Done);
        self.has_asked = asked;
    }

    fn delivered(&mut self, at_ms: u64, name: &'a str) {
        self.answers();
        let queue = self.queues.entry(name).or_default();
        match queue.waiting.pop_front() {
            Some(wait) => self.ends(wait, at_ms, Outcome::Done),
            None => queue.unread += 1,
        }
    }

    fn unsubscribed(&mut self, source: u64) {
        let Some(Open::Bar(bar)) = self.open.get(&source) else {
            return;
        };
        let name = self.bars[*bar].name.as_str();
        if let Some(waiting) = self.signals.get_mut(name) {
            waiting.retain(|wait| *wait != source);
        }
        if let Some(queue) = self.queues.get_mut(name) {
            queue.waiting.retain(|wait| *wait != source);
        }
    }
}

fn failed(details: &ErrorDetails) -> Outcome {
    Outcome::Failed { message: details.display_message() }
}
