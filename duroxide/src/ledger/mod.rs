//! What one execution has asked for and been given: shared by user code and engine.

pub(crate) mod ascending;
pub(crate) mod bindings;
pub(crate) mod joins;
pub(crate) mod kv;
pub(crate) mod mailbox;
pub(crate) mod measures;
pub(crate) mod probe;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::action::Action;
use crate::model::measure::Measure;
use crate::model::retry::RetryPolicy;

use bindings::{Bindings, Class, Found, Reply};
use joins::Joins;
use kv::Overlay;
use mailbox::Mailbox;
use measures::{Kept, Measures};
use probe::Probe;

/// Who writes on a ledger; never changes during an execution.
#[derive(Debug)]
pub(crate) struct Identity {
    pub instance: String,
    pub execution_id: u64,
    pub name: String,
    pub version: String,
}

/// The sheet between user code and engine: code asks and takes, the engine binds and delivers.
///
/// A clone is another handle on the same sheet. The one lock is taken in [`Ledger::with`] and nowhere else, and no
/// user code runs under it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    identity: Identity,
    book: Mutex<Book>,
}

/// One request, until it has met or become its history event.
#[derive(Debug, Clone)]
pub(crate) struct Emitted {
    pub token: u64,
    pub action: Action,
    /// What today's code wants for the call of an activity. What history records for it goes before.
    pub policy: Option<RetryPolicy>,
}

/// The policy in force for a call, and the call itself, to be made again by it.
#[cfg_attr(not(feature = "macros"), expect(dead_code, reason = "only typed calls go by policies"))]
#[derive(Debug, Clone)]
pub(crate) struct Governed {
    pub policy: RetryPolicy,
    pub call: Action,
}

/// What there is for the holder of a token.
#[cfg(feature = "macros")]
#[derive(Debug)]
pub(crate) enum Taken {
    Answer(Reply),
    /// Once, when the request has met or become its event: from here on this policy decides.
    Governed(Box<Governed>),
    Nothing,
}

/// The content of a ledger.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// The time of the turn, milliseconds since the Unix epoch: code sees no other.
    pub now_ms: u64,
    /// Whether events that came from storage are being processed.
    pub replaying: bool,
    /// Requests in the order made.
    pub emitted: VecDeque<Emitted>,
    pub bindings: Bindings,
    pub joins: Joins,
    /// Watches the waker that the code is polled with.
    pub probe: Probe,
    pub mailbox: Mailbox,
    pub kv: Overlay,
    pub custom_status: Option<String>,
    pub measures: Measures,
    /// A misuse of the API that must fail the orchestration, not abort the process.
    pub misuse: Option<String>,
    /// Set when continue-as-new was asked for: the code waits for nothing else then.
    pub continued: bool,
    /// How many answers the code has taken.
    pub taken: u64,
    /// Set before the execution is discarded: nothing that user code still does counts.
    detached: bool,
    last_token: u64,
}

impl Ledger {
    pub(crate) fn new(identity: Identity, book: Book) -> Self {
        Ledger { shared: Arc::new(Shared { identity, book: Mutex::new(book) }) }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// Reads or changes the book. The closure must not run user code.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Book) -> R) -> R {
        // A panic under the lock would be a bug of ours; the book stays usable for dropping what is left.
        f(&mut self.shared.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what was asked for, while the engine has not taken it. `option` names the call that came too late.
    pub(crate) fn amend(&self, token: u64, option: &str, change: impl FnOnce(&mut Emitted)) {
        self.with(|book| {
            if !book.amend(token, change) {
                book.misuse.get_or_insert_with(|| {
                    format!(
                        "{option} came after an await: what it should change was already scheduled without it; \
                         call it directly on what made the request"
                    )
                });
            }
        });
    }

    /// From now on nothing that user code does or drops is recorded.
    pub(crate) fn detach(&self) {
        self.with(|book| book.detached = true);
    }
}

impl Book {
    /// Records a request that will be answered, and returns the token by which the answer is taken.
    pub(crate) fn ask(&mut self, class: Class, action: impl FnOnce(u64) -> Action) -> u64 {
        let token = self.next_token();
        self.bindings.open(token, class);
        self.emit(token, action(token));
        token
    }

    /// Records a request that nobody waits for, and returns the token by which it can still be amended.
    pub(crate) fn tell(&mut self, action: Action) -> u64 {
        let token = self.next_token();
        self.emit(token, action);
        token
    }

    /// Uses up a token without recording anything, for a request that was refused at once.
    pub(crate) fn next_token(&mut self) -> u64 {
        self.last_token += 1;
        self.last_token
    }

    fn emit(&mut self, token: u64, action: Action) {
        if !self.detached {
            self.emitted.push_back(Emitted { token, action, policy: None });
        }
    }

    /// Keeps a figure that the code measured; what is left of code that was given up measures nothing.
    pub(crate) fn measure(&mut self, measure: Measure) -> Kept {
        if self.detached { Kept::Replayed } else { self.measures.keep(measure) }
    }

    /// The answer to a request, once. Whoever asks in vain is called when it is there.
    pub(crate) fn take(&mut self, token: u64) -> Option<Reply> {
        let reply = match self.bindings.take(token, self.joins.seat()) {
            Found::Answer(reply) => Some(reply),
            Found::Signal(event_id) => self.mailbox.take_signal(event_id).map(Reply::Data),
            Found::Message(event_id) => self.mailbox.take_message(event_id).map(Reply::Data),
            Found::Nothing => None,
        };
        if let Some(Reply::Data(_)) = reply {
            self.bindings.close(token);
        }
        match reply {
            Some(_) => self.taken += 1,
            None => self.joins.sit(),
        }
        reply
    }

    /// Lays an answer down for whoever holds the token.
    pub(crate) fn deliver(&mut self, token: u64, reply: Reply) {
        self.bindings.deliver(token, reply);
        self.call(token);
    }

    /// An external event arrived. Returns whether a wait got it.
    pub(crate) fn signal(&mut self, name: &str, data: String) -> bool {
        let answered = self.mailbox.signal(name, data);
        self.call_any(answered);
        answered.is_some()
    }

    /// A queue message arrived.
    pub(crate) fn message(&mut self, name: &str, data: String) {
        let answered = self.mailbox.message(name, data);
        self.call_any(answered);
    }

    /// A positional wait is given up; a value it had got is discarded.
    pub(crate) fn cancel_signal(&mut self, event_id: u64) {
        self.mailbox.cancel_signal(event_id);
    }

    /// A dequeue is given up; its message goes to the next one.
    pub(crate) fn cancel_message(&mut self, event_id: u64) {
        let answered = self.mailbox.cancel_message(event_id);
        self.call_any(answered);
    }

    /// Something changed for the holder of a token.
    fn call(&mut self, token: u64) {
        self.joins.call(self.bindings.seat(token));
    }

    fn call_any(&mut self, token: Option<u64>) {
        if let Some(token) = token {
            self.call(token);
        }
    }

    /// The policy that governs a request, once; then its answer, once.
    #[cfg(feature = "macros")]
    pub(crate) fn take_governed(&mut self, token: u64) -> Taken {
        if let Some(governed) = self.bindings.governed(token) {
            return Taken::Governed(governed);
        }
        self.take(token).map_or(Taken::Nothing, Taken::Answer)
    }

    /// The future of a request was dropped before it was answered.
    ///
    /// A wait that has its history event gives up its place at once; a positional wait without one keeps it until the
    /// cancellation row is applied (rule of the race semantics since 0.1.31).
    pub(crate) fn abandon(&mut self, token: u64) {
        if self.detached {
            return;
        }
        self.joins.leave();
        let Some((class, event_id)) = self.bindings.abandon(token) else {
            return;
        };
        match (class, event_id) {
            (Class::External, Some(event_id)) => self.cancel_signal(event_id),
            (Class::Queue, Some(event_id)) => self.cancel_message(event_id),
            (Class::External | Class::Queue, None) | (Class::Activity | Class::Timer | Class::Child, _) => {}
        }
    }

    /// A request got its history event.
    pub(crate) fn bind(&mut self, token: u64, event_id: u64) {
        self.bindings.bind(token, event_id);
    }

    /// The call with this token is governed by a policy, which its holder learns on the next poll.
    pub(crate) fn govern(&mut self, token: u64, governed: Governed) {
        self.bindings.govern(token, governed);
        self.call(token);
    }

    /// Whether something was asked for, behind the first `seen` requests, after which the code must be polled again.
    pub(crate) fn asked_for_a_poll(&self, seen: usize) -> bool {
        let leads_to_one =
            |emitted: &Emitted| emitted.policy.is_some() || matches!(emitted.action, Action::DequeueEvent { .. });
        self.emitted.iter().skip(seen).any(leads_to_one)
    }

    /// A positional wait got its history event. One that was dropped meanwhile takes its place all the same.
    pub(crate) fn bind_signal(&mut self, token: u64, event_id: u64, name: &str) {
        self.bindings.bind(token, event_id);
        self.mailbox.subscribe_signal(event_id, token, name);
    }

    /// A dequeue got its history event, and its message may be there; one that was dropped meanwhile takes no place.
    pub(crate) fn bind_message(&mut self, token: u64, event_id: u64, name: &str) {
        if self.bindings.bind(token, event_id) {
            self.mailbox.subscribe_message(event_id, token, name);
            self.call(token);
        }
    }

    /// Gives back the room that only a running turn needs: most executions wait for long.
    pub(crate) fn rest(&mut self) {
        if self.emitted.is_empty() {
            self.emitted = VecDeque::new();
        }
    }

    /// Whether user code still holds the future of a request.
    pub(crate) fn is_awaited(&self, token: u64) -> bool {
        self.bindings.is_open(token)
    }

    /// How many answers user code still waits for.
    pub(crate) fn outstanding(&self) -> usize {
        self.bindings.outstanding() + usize::from(self.continued)
    }

    /// Changes a request of this poll; `false` when the engine has taken it already.
    pub(crate) fn amend(&mut self, token: u64, change: impl FnOnce(&mut Emitted)) -> bool {
        self.emitted.iter_mut().rev().find(|emitted| emitted.token == token).map(change).is_some()
    }

    /// Takes a request of this poll back as if it had not been made; `false` when the engine has taken it already.
    #[cfg(feature = "macros")]
    pub(crate) fn retract(&mut self, token: u64) -> bool {
        let Some(at) = self.emitted.iter().rposition(|emitted| emitted.token == token) else {
            return false;
        };
        self.emitted.remove(at);
        self.bindings.close(token);
        true
    }
}
