//! The pure core: history and messages in, one commit out.
//!
//! There is one machine, [`Execution`]. It is opened by leading its code through recorded events, and advanced by
//! giving it messages and a time. A cold replay and the live continuation of an execution that stayed in memory are
//! the same two calls. Nothing here awaits, reads a clock or draws a random number.

pub(crate) mod absorb;
pub(crate) mod batch;
mod cancel;
mod conclude;
mod history;
mod limits;
mod matching;
mod nondeterminism;
mod policy;
pub(crate) mod step;
mod syscall;
mod turn;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use crate::context::handler::OrchestrationHandler;
use crate::context::orchestration::OrchestrationContext;
use crate::ledger::ascending::Ascending;
use crate::ledger::bindings::Class;
use crate::ledger::kv::Overlay;
use crate::ledger::{Book, Identity, Ledger};
use crate::model::action::Action;
use crate::model::error::ErrorDetails;
use crate::model::event::{Event, EventKind};
use crate::model::item::KvEntry;
use crate::model::limits::Limits;
use crate::model::measure::Measure;
use crate::model::work_item::WorkItem;

use history::History;
pub(crate) use history::Parent;
pub(crate) use policy::read as read_policy;
pub(crate) use syscall::{Call, SystemCall};

/// What an execution is opened with.
pub(crate) struct Opening {
    pub instance: String,
    pub execution_id: u64,
    pub name: String,
    pub version: String,
    pub input: String,
    /// What storage has of this execution; empty on its first turn.
    pub history: Vec<Event>,
    /// Key-values that earlier executions left.
    pub kv_snapshot: HashMap<String, KvEntry>,
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// What an execution is advanced with.
pub(crate) struct TurnInput {
    /// `OrchestrationStarted`, on the first turn.
    pub start: Option<EventKind>,
    /// What arrived, in order.
    pub messages: Vec<WorkItem>,
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// What a turn came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// The code waits.
    Continue,
    /// The code returned `Ok`. Shared, because outputs may be large.
    Completed(Arc<String>),
    /// The code returned an error, panicked, or asked for something else than history records.
    Failed(ErrorDetails),
    /// The code asked for the next execution.
    ContinueAsNew { input: String, version: Option<String> },
    /// Somebody asked to cancel; the code was run once more and its result set aside.
    Cancelled(String),
}

type Code = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// One execution of one instance: its code, the ledger the code writes on, and what history says.
pub(crate) struct Execution {
    ledger: Ledger,
    /// `None` once it returned, panicked or was given up.
    code: Option<Code>,
    defined_at: Option<&'static str>,
    history: History,
    /// Schedule events whose answers the code may still take.
    open: Ascending<(u64, Class)>,
    /// What the code returned.
    output: Option<Result<Arc<String>, String>>,
    /// Why the execution cannot go on, whatever the code returned.
    failure: Option<ErrorDetails>,
    /// Something changed that the code has not seen.
    must_poll: bool,
    /// A future that is not durable was seen beside durable ones, and reported.
    warned: bool,
    /// Begun by a version whose rules were others, or that cannot be told.
    foreign: bool,
    now_ms: u64,
    /// Events of this turn.
    delta: Vec<Event>,
    /// Requests of this turn, with their event ids.
    asked: Vec<Action>,
    continued: Option<(String, Option<String>)>,
    limits: Limits,
    /// The turn failed because it exceeded a limit.
    over_limit: bool,
    outcome: Outcome,
}

impl Execution {
    /// Starts the code and leads it through what storage has.
    pub(crate) fn open(handler: Arc<dyn OrchestrationHandler>, mut opening: Opening) -> Execution {
        let history = std::mem::take(&mut opening.history);
        let mut execution = Execution::begin(handler, opening, &history);
        execution.note(&history);
        execution.replay(history);
        execution
    }

    /// The same for a history that somebody else keeps; that of `opening` is empty.
    pub(crate) fn open_lent(handler: Arc<dyn OrchestrationHandler>, opening: Opening, history: &[Event]) -> Execution {
        let mut execution = Execution::begin(handler, opening, history);
        execution.note(history);
        execution.replay(history);
        execution
    }

    /// An execution whose code has not run yet.
    fn begin(handler: Arc<dyn OrchestrationHandler>, opening: Opening, history: &[Event]) -> Execution {
        let Opening { instance, execution_id, name, version, input, history: _, kv_snapshot, now_ms } = opening;
        let identity = Identity { instance, execution_id, name, version };
        let mut book = Book::default();
        book.now_ms = now_ms;
        book.replaying = !history.is_empty();
        book.measures.counts = history.is_empty();
        book.kv = Overlay::new(kv_snapshot, history.iter().filter_map(recorded_set_ms));
        let ledger = Ledger::new(identity, book);
        let defined_at = handler.defined_at();
        let context = OrchestrationContext::of(ledger.clone());
        Execution {
            history: History::new(&ledger.identity().instance, execution_id),
            ledger,
            code: Some(Box::pin(async move { handler.invoke(context, input).await })),
            defined_at,
            open: Ascending::default(),
            output: None,
            failure: None,
            must_poll: true,
            warned: false,
            foreign: false,
            now_ms,
            delta: Vec::new(),
            asked: Vec::new(),
            continued: None,
            limits: Limits::default(),
            over_limit: false,
            outcome: Outcome::Continue,
        }
    }

    /// Sets what the code may ask for.
    pub(crate) fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Messages become events, events reach the code, and the code runs until it is quiet.
    pub(crate) fn advance(&mut self, input: TurnInput) {
        let TurnInput { start, messages, now_ms } = input;
        self.now_ms = now_ms;
        self.ledger.with(|book| {
            book.now_ms = now_ms;
            book.replaying = false;
        });
        let first_new = self.delta.len();
        match start {
            Some(started) if self.history.is_empty() => {
                self.begin_with(&started);
                self.append(None, started);
            }
            None if self.history.is_empty() => self.failure = Some(nondeterminism::empty()),
            Some(_) | None => {}
        }
        let abort = self.absorb(messages);
        if abort.is_some() {
            self.failure = abort;
        }
        if self.history.was_ended() {
            return;
        }
        self.run(first_new);
        self.outcome = self.verdict();
    }

    /// What the turn came to; final after [`conclude`](Self::conclude).
    pub(crate) fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Who runs.
    pub(crate) fn identity(&self) -> &Identity {
        self.ledger.identity()
    }

    /// Whether each of its replays tells that it was begun under other rules, or ones that cannot be told.
    pub(crate) fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Bytes of the code's own state, without what it points to.
    pub(crate) fn code_bytes(&self) -> usize {
        self.code.as_ref().map_or(0, |code| size_of_val(&**code))
    }

    /// Whether it failed because it exceeded a limit; final after [`conclude`](Self::conclude).
    pub(crate) fn is_over_limit(&self) -> bool {
        self.over_limit
    }

    /// What the code measured in this turn, once: to be recorded when the turn is committed.
    pub(crate) fn take_measures(&mut self) -> Vec<Measure> {
        self.ledger.with(|book| book.measures.take())
    }

    /// Who waits for this orchestration.
    pub(crate) fn parent(&self) -> Option<&Parent> {
        self.history.parent()
    }

    /// Learns what the rows of storage say, before the code is led through them.
    fn note(&mut self, events: &[Event]) {
        let Some(first) = events.first() else { return };
        self.foreign = nondeterminism::warn_of_foreign_stamp(self.ledger.identity(), &first.duroxide_version);
        match &first.kind {
            started @ EventKind::OrchestrationStarted { .. } => self.begin_with(started),
            _ => self.failure = Some(nondeterminism::no_start()),
        }
        events.iter().for_each(|event| self.history.note(event));
        self.history.seal();
    }

    fn replay<R: turn::Row>(&mut self, events: impl IntoIterator<Item = R>) {
        if !self.history.was_ended() {
            self.walk(events);
        }
    }

    /// What the start event tells the code before its first poll.
    fn begin_with(&mut self, started: &EventKind) {
        if let EventKind::OrchestrationStarted { initial_custom_status: Some(status), .. } = started {
            self.ledger.with(|book| book.custom_status = Some(status.clone()));
        }
    }

    /// A new event of this turn.
    fn append(&mut self, source_event_id: Option<u64>, kind: EventKind) -> u64 {
        let event = self.history.row(source_event_id, kind, self.now_ms);
        let event_id = event.event_id;
        self.delta.push(event);
        event_id
    }
}

impl Drop for Execution {
    /// The code is given up wherever it stands: what its destructors do counts for nothing, and a panic in one of
    /// them is contained.
    fn drop(&mut self) {
        self.ledger.detach();
        let code = self.code.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(code)));
    }
}

fn recorded_set_ms(event: &Event) -> Option<u64> {
    match event.kind {
        EventKind::KeyValueSet { last_updated_at_ms, .. } => Some(last_updated_at_ms),
        _ => None,
    }
}
