//! Replay, poll until quiet, drain: the loop of one turn.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Execution, Outcome, matching, nondeterminism};
use crate::ledger::Emitted;
use crate::ledger::bindings::{Class, Reply};
use crate::ledger::probe::Probe;
use crate::model::action::Action;
use crate::model::error::{AppErrorKind, ErrorDetails};
use crate::model::event::{Event, EventKind};

/// Polls in a row that may ask for more without taking an answer: code that still is not quiet never will be.
const IDLE_POLLS_MAX: usize = 100;

/// Whether the code must see that a request became its event.
#[derive(Clone, Copy, PartialEq)]
enum Recorded {
    /// Nothing changed for it.
    Quiet,
    /// A message may wait for its dequeue, or a policy governs its call.
    Polls,
}

/// An event on its way to the code: given away, or lent by whoever has to store it.
pub(super) trait Row {
    fn event(&self) -> &Event;
    /// What it carries: moved when it is given away, copied when it is lent.
    fn payload(self) -> EventKind;
}

impl Row for Event {
    fn event(&self) -> &Event {
        self
    }

    fn payload(self) -> EventKind {
        self.kind
    }
}

impl Row for &Event {
    fn event(&self) -> &Event {
        self
    }

    fn payload(self) -> EventKind {
        self.kind.clone()
    }
}

impl Execution {
    /// Leads the code through the new events, then until it is quiet.
    pub(super) fn run(&mut self, first_new: usize) {
        self.catch_up();
        // Walking appends nothing, so the turn's events can be lent to it.
        let delta = std::mem::take(&mut self.delta);
        self.walk(&delta[first_new..]);
        self.delta = delta;
        self.settle();
    }

    /// Lets the code see what the last stored event led to. The turn that stored it had done so; from here on what the
    /// code does is new.
    fn catch_up(&mut self) {
        if !self.ledger.with(|book| book.measures.counts) {
            self.poll_if_changed();
            self.ledger.with(|book| book.measures.counts = true);
        }
    }

    /// What the turn came to: a failure of the machine first, then cancellation, the next execution, the code's word.
    pub(super) fn verdict(&self) -> Outcome {
        if let Some(details) = &self.failure {
            return Outcome::Failed(details.clone());
        }
        if let Some(reason) = self.history.cancel_reason() {
            return Outcome::Cancelled(reason.to_owned());
        }
        if let Some((input, version)) = self.continued.clone() {
            return Outcome::ContinueAsNew { input, version };
        }
        match &self.output {
            None => Outcome::Continue,
            Some(Ok(output)) => Outcome::Completed(Arc::clone(output)),
            Some(Err(message)) => {
                Outcome::Failed(ErrorDetails::application(AppErrorKind::OrchestrationFailed, message))
            }
        }
    }

    /// Applies events in order, polling before each whatever changed before it. What comes after the code's end is
    /// ignored, but for queue messages: the next execution may read them. Events that are given away need no copies of
    /// their payloads.
    pub(super) fn walk<R: Row>(&mut self, events: impl IntoIterator<Item = R>) {
        let mut events = events.into_iter();
        while let Some(event) = events.next() {
            self.poll_if_changed();
            if self.is_over() {
                return self.keep_messages(std::iter::once(event).chain(events));
            }
            if let Err(details) = self.apply(event) {
                self.failure = Some(details);
                return;
            }
        }
    }

    fn keep_messages<R: Row>(&self, events: impl Iterator<Item = R>) {
        for event in events {
            if let EventKind::QueueEventDelivered { name, data } = &event.event().kind {
                self.ledger.with(|book| book.message(name, data.clone()));
            }
        }
    }

    /// Polls what the last event changed, then turns requests into events one at a time. After a new dequeue, and after
    /// a call under a policy, the code is polled before the next request is turned, as a replay would: the message may
    /// be there already, and the policy may ask for a timer.
    fn settle(&mut self) {
        self.poll_if_changed();
        let mut idle_polls = 0;
        while self.failure.is_none() {
            let Some(emitted) = self.ledger.with(|book| book.emitted.pop_front()) else {
                return;
            };
            let recorded = self.record(emitted);
            if recorded == Recorded::Quiet || self.is_over() {
                continue;
            }
            let (taken, asked) = self.ledger.with(|book| (book.taken, book.emitted.len()));
            self.poll();
            let (took_an_answer, asks_again) =
                self.ledger.with(|book| (book.taken > taken, book.asked_for_a_poll(asked)));
            if took_an_answer {
                idle_polls = 0;
            } else if asks_again {
                // Any number may be asked for at once; only asking for ever more is not quiet.
                idle_polls += 1;
            }
            if idle_polls >= IDLE_POLLS_MAX {
                self.failure = Some(never_quiet());
            }
        }
    }

    /// A request becomes its event.
    fn record(&mut self, emitted: Emitted) -> Recorded {
        let Emitted { token, mut action, policy } = emitted;
        matching::number(&mut action, self.history.next_event_id(), self.history.execution_id());
        let Some(event) = matching::recorded(&action) else {
            self.history.skip_event_id();
            if let Action::ContinueAsNew { input, version } = &action {
                self.continued.get_or_insert_with(|| (input.clone(), version.clone()));
            }
            self.asked.push(action);
            return Recorded::Quiet;
        };
        let event_id = self.append(None, event);
        let class = self.bind(token, event_id, &action);
        let mut recorded = if class == Some(Class::Queue) { Recorded::Polls } else { Recorded::Quiet };
        if let Some(policy) = &policy {
            self.record_policy(event_id, policy);
            match self.govern(token, event_id, &action) {
                Ok(_) => recorded = Recorded::Polls,
                Err(details) => self.failure = Some(details),
            }
        }
        self.asked.push(action);
        recorded
    }

    /// Ties a request to its event. Returns what it waits for.
    fn bind(&mut self, token: u64, event_id: u64, action: &Action) -> Option<Class> {
        let class = match action {
            Action::CallActivity { .. } => Class::Activity,
            Action::CreateTimer { .. } => Class::Timer,
            Action::StartSubOrchestration { .. } => Class::Child,
            Action::WaitExternal { name, .. } => {
                self.ledger.with(|book| book.bind_signal(token, event_id, name));
                return Some(Class::External);
            }
            Action::DequeueEvent { name, .. } => {
                self.ledger.with(|book| book.bind_message(token, event_id, name));
                return Some(Class::Queue);
            }
            Action::StartOrchestrationDetached { .. }
            | Action::ContinueAsNew { .. }
            | Action::UpdateCustomStatus { .. }
            | Action::SetKeyValue { .. }
            | Action::ClearKeyValue { .. }
            | Action::ClearKeyValues => return None,
        };
        self.ledger.with(|book| book.bind(token, event_id));
        self.open.insert(event_id, (token, class));
        Some(class)
    }

    /// One event of history reaches the code, or is matched with what the code asked for.
    fn apply<R: Row>(&mut self, row: R) -> Result<(), ErrorDetails> {
        let event = row.event();
        match &event.kind {
            EventKind::ActivityScheduled { .. } | EventKind::ActivityCompleted { .. }
                if self.history.is_of_policy(event) => {}
            EventKind::ActivityScheduled { .. }
            | EventKind::TimerCreated { .. }
            | EventKind::ExternalSubscribed { .. }
            | EventKind::SubOrchestrationScheduled { .. } => self.meet(event, "schedule")?,
            EventKind::QueueSubscribed { .. } => {
                self.meet(event, "schedule")?;
                self.must_poll = true;
            }
            EventKind::OrchestrationChained { .. } => self.meet(event, "OrchestrationChained")?,
            EventKind::CustomStatusUpdated { .. } => self.meet_if_asked(&event.kind, "custom status")?,
            EventKind::KeyValueSet { .. } => self.meet_if_asked(&event.kind, "kv set")?,
            EventKind::KeyValuesCleared => self.meet_if_asked(&event.kind, "kv clear_all")?,
            EventKind::KeyValueCleared { key } => {
                let met = self.ledger.with(|book| {
                    let at = matching::position_of_clear(&book.emitted, key)?;
                    book.emitted.remove(at)
                });
                if met.is_none() {
                    self.meet_if_asked(&event.kind, "kv clear")?;
                }
            }
            EventKind::ActivityCompleted { .. }
            | EventKind::ActivityFailed { .. }
            | EventKind::TimerFired { .. }
            | EventKind::SubOrchestrationCompleted { .. }
            | EventKind::SubOrchestrationFailed { .. }
            | EventKind::ExternalEvent { .. }
            | EventKind::QueueEventDelivered { .. } => self.arrive(event.source_event_id, row.payload())?,
            EventKind::ExternalSubscribedCancelled { .. } | EventKind::QueueSubscriptionCancelled { .. } => {
                self.give_up_wait(event);
            }
            EventKind::OrchestrationStarted { .. }
            | EventKind::OrchestrationCompleted { .. }
            | EventKind::OrchestrationFailed { .. }
            | EventKind::OrchestrationContinuedAsNew { .. }
            | EventKind::OrchestrationCancelRequested { .. }
            | EventKind::ActivityCancelRequested { .. }
            | EventKind::SubOrchestrationCancelRequested { .. } => {}
        }
        Ok(())
    }

    /// What came from outside goes to whoever waits for it.
    fn arrive(&mut self, source: Option<u64>, kind: EventKind) -> Result<(), ErrorDetails> {
        match kind {
            EventKind::ActivityCompleted { result } => self.answer(source, Class::Activity, Reply::Ended(Ok(result))),
            EventKind::ActivityFailed { details } => {
                self.answer(source, Class::Activity, Reply::Ended(Err(Box::new(details))))
            }
            EventKind::TimerFired { .. } => self.answer(source, Class::Timer, Reply::Fired),
            EventKind::SubOrchestrationCompleted { result } => {
                self.answer(source, Class::Child, Reply::Ended(Ok(result)))
            }
            EventKind::SubOrchestrationFailed { details } => {
                self.answer(source, Class::Child, Reply::Ended(Err(Box::new(details))))
            }
            EventKind::ExternalEvent { name, data } => {
                self.signal(&name, data);
                Ok(())
            }
            EventKind::QueueEventDelivered { name, data } => {
                self.ledger.with(|book| book.message(&name, data));
                self.must_poll = true;
                Ok(())
            }
            _ => unreachable!("`apply` sends only arrivals here"),
        }
    }

    /// The next request of the code must be the one that this event records.
    fn meet(&mut self, event: &Event, what: &str) -> Result<(), ErrorDetails> {
        let Some(emitted) = self.ledger.with(|book| book.emitted.pop_front()) else {
            return Err(nondeterminism::nothing_emitted(what));
        };
        if !matching::is_recorded_as(&emitted.action, &event.kind) {
            return Err(nondeterminism::mismatch("schedule", &emitted.action, &event.kind));
        }
        self.bind(emitted.token, event.event_id, &emitted.action);
        if self.govern(emitted.token, event.event_id, &emitted.action)? {
            self.must_poll = true;
        }
        Ok(())
    }

    /// The same for requests without an answer: a row that the code no longer asks for is let pass at the end.
    fn meet_if_asked(&mut self, event: &EventKind, what: &str) -> Result<(), ErrorDetails> {
        match self.ledger.with(|book| book.emitted.pop_front()) {
            Some(emitted) if !matching::is_recorded_as(&emitted.action, event) => {
                Err(nondeterminism::mismatch(what, &emitted.action, event))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn answer(&mut self, source: Option<u64>, class: Class, reply: Reply) -> Result<(), ErrorDetails> {
        let Some(source) = source else { return Ok(()) };
        match self.open.get(source) {
            None => return Err(nondeterminism::not_open()),
            Some((_, asked)) if *asked != class => return Err(nondeterminism::answered_in_kind(class)),
            Some((token, _)) => self.ledger.with(|book| book.deliver(*token, reply)),
        }
        self.open.remove(source);
        self.must_poll = true;
        Ok(())
    }

    fn signal(&mut self, name: &str, data: String) {
        if self.ledger.with(|book| book.signal(name, data)) {
            self.must_poll = true;
        } else if !self.ledger.with(|book| book.replaying) {
            tracing::warn!(
                target: "duroxide::runtime::replay_engine",
                instance = %self.ledger.identity().instance,
                event = name,
                "skipped an external event: nothing waits for it",
            );
        }
    }

    /// A recorded cancellation of a wait takes effect, in replay as after the commit that recorded it.
    pub(super) fn give_up_wait(&mut self, event: &Event) {
        let Some(source) = event.source_event_id else { return };
        self.ledger.with(|book| match event.kind {
            EventKind::ExternalSubscribedCancelled { .. } => book.cancel_signal(source),
            EventKind::QueueSubscriptionCancelled { .. } => book.cancel_message(source),
            _ => {}
        });
    }

    /// Whether the code returned or the execution cannot go on.
    fn is_over(&self) -> bool {
        self.output.is_some() || self.failure.is_some()
    }

    fn poll_if_changed(&mut self) {
        if self.must_poll && !self.is_over() {
            self.poll();
        }
    }

    /// Lets the code see what changed. Panics and foreign futures become failures.
    fn poll(&mut self) {
        self.must_poll = false;
        let Some(code) = self.code.as_mut() else { return };
        let (waker, before) = self.ledger.with(|book| {
            let waker = book.probe.waker().clone();
            (waker, book.probe.traces())
        });
        let mut cx = Context::from_waker(&waker);
        let taken = match catch_unwind(AssertUnwindSafe(|| code.as_mut().poll(&mut cx))) {
            Ok(Poll::Ready(output)) => {
                self.output = Some(output.map(Arc::new));
                self.retire();
                false
            }
            Ok(Poll::Pending) => self.ledger.with(|book| book.probe.traces().grew_since(before)),
            Err(panic) => {
                self.failure = Some(ErrorDetails::application(AppErrorKind::Panicked, panic_text(panic.as_ref())));
                return self.retire();
            }
        };
        if let Some(misuse) = self.ledger.with(|book| book.misuse.take()) {
            self.failure = Some(ErrorDetails::application(AppErrorKind::OrchestrationFailed, misuse));
        } else if taken {
            // Who kept this waker need not take it again; a new one shows who still waits.
            self.ledger.with(|book| book.probe = Probe::default());
            self.found_foreign_future();
        }
    }

    fn found_foreign_future(&mut self) {
        let identity = self.ledger.identity();
        if self.ledger.with(|book| book.outstanding()) == 0 {
            self.failure = Some(nondeterminism::not_durable(identity, self.defined_at));
        } else if !self.warned {
            self.warned = true;
            nondeterminism::warn_not_durable(identity, self.defined_at);
        }
    }

    /// The code has ended; a panic in what it leaves behind changes nothing any more.
    fn retire(&mut self) {
        let code = self.code.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(code)));
    }
}

fn never_quiet() -> ErrorDetails {
    ErrorDetails::Infrastructure {
        operation: "quiescence_loop".to_owned(),
        message: format!(
            "quiescence loop exceeded {IDLE_POLLS_MAX} iterations: the orchestration asks for more on every poll"
        ),
        retryable: false,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("orchestration panicked").to_owned()
}
