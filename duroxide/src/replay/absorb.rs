//! Messages become history events; stale and duplicate ones are dropped.

use super::history::History;
use super::{Execution, nondeterminism};
use crate::ledger::bindings::Class;
use crate::model::error::ErrorDetails;
use crate::model::event::{Event, EventKind};
use crate::model::work_item::{WorkItem, kind_of};
use crate::mutants::{Bug, is_planted};

/// What a message is to an execution.
enum Arrival {
    /// It becomes this event, answering the given schedule event if it answers one.
    Event(Option<u64>, EventKind),
    /// It is stale, a duplicate, or not for executions.
    Dropped(&'static str),
    /// It cannot belong to this code.
    Alien(ErrorDetails),
}

impl Execution {
    /// Appends an event for each message that counts. Returns why the turn must fail without running code, if it must.
    pub(super) fn absorb(&mut self, messages: Vec<WorkItem>) -> Option<ErrorDetails> {
        let Absorbed { events, abort } = absorbed(&mut self.history, messages, self.now_ms, None);
        self.delta.extend(events);
        abort
    }
}

/// What messages became.
pub(crate) struct Absorbed {
    /// One for each message that counts.
    pub(crate) events: Vec<Event>,
    /// Why the turn must fail without running code, if it must.
    pub(crate) abort: Option<ErrorDetails>,
}

/// What messages become after `rows`, without any code to lead through them: for programs that drive the engine step
/// by step. `abort` is what earlier messages of the same turn left.
pub(crate) fn absorb_after<'a>(
    rows: impl IntoIterator<Item = &'a Event>,
    (instance, execution_id): (&str, u64),
    messages: Vec<WorkItem>,
    now_ms: u64,
    abort: Option<ErrorDetails>,
) -> Absorbed {
    let mut history = History::new(instance, execution_id);
    rows.into_iter().for_each(|event| history.note(event));
    history.seal();
    absorbed(&mut history, messages, now_ms, abort)
}

fn absorbed(history: &mut History, messages: Vec<WorkItem>, now_ms: u64, mut abort: Option<ErrorDetails>) -> Absorbed {
    let mut events = Vec::with_capacity(messages.len());
    for message in messages {
        let kind = kind_of(&message);
        match arrival(message, history) {
            Arrival::Event(source, event) => {
                if let Some(details) = system_failure(&event) {
                    // System errors fail the awaiting orchestration: its code could not know what to do.
                    abort.get_or_insert_with(|| details.clone());
                }
                events.push(history.row(source, event, now_ms));
            }
            Arrival::Dropped(why) => tracing::warn!(
                target: "duroxide::runtime::replay_engine",
                instance = %history.instance(),
                message = kind,
                "dropped a message: {why}",
            ),
            Arrival::Alien(details) => abort = Some(details),
        }
    }
    Absorbed { events, abort }
}

fn system_failure(event: &EventKind) -> Option<&ErrorDetails> {
    match event {
        EventKind::ActivityFailed { details } | EventKind::SubOrchestrationFailed { details } => {
            details.is_system().then_some(details)
        }
        _ => None,
    }
}

fn arrival(message: WorkItem, history: &History) -> Arrival {
    let answer = |execution_id, id, class, event| answer(history, execution_id, id, class, event);
    match message {
        WorkItem::ActivityCompleted { execution_id, id, result, .. } => {
            answer(execution_id, id, Class::Activity, EventKind::ActivityCompleted { result })
        }
        WorkItem::ActivityFailed { execution_id, id, details, .. } => {
            answer(execution_id, id, Class::Activity, EventKind::ActivityFailed { details })
        }
        WorkItem::TimerFired { execution_id, id, fire_at_ms, .. } => {
            answer(execution_id, id, Class::Timer, EventKind::TimerFired { fire_at_ms })
        }
        WorkItem::SubOrchCompleted { parent_execution_id, parent_id, result, .. } => {
            let event = EventKind::SubOrchestrationCompleted { result };
            answer(parent_execution_id, parent_id, Class::Child, event)
        }
        WorkItem::SubOrchFailed { parent_execution_id, parent_id, details, .. } => {
            let event = EventKind::SubOrchestrationFailed { details };
            answer(parent_execution_id, parent_id, Class::Child, event)
        }
        // Equal payloads may be raised on purpose: arrivals are never taken for duplicates.
        WorkItem::ExternalRaised { name, data, .. } => Arrival::Event(None, EventKind::ExternalEvent { name, data }),
        WorkItem::QueueMessage { name, data, .. } => {
            Arrival::Event(None, EventKind::QueueEventDelivered { name, data })
        }
        WorkItem::CancelInstance { .. } if history.was_closed() => Arrival::Dropped("the execution has ended"),
        WorkItem::CancelInstance { .. }
            if history.cancel_reason().is_some() && !is_planted(Bug::SecondCancelCounts) =>
        {
            Arrival::Dropped("cancellation was already requested; the first reason stays")
        }
        WorkItem::CancelInstance { reason, .. } => {
            Arrival::Event(None, EventKind::OrchestrationCancelRequested { reason })
        }
        WorkItem::StartOrchestration { .. } | WorkItem::ContinueAsNew { .. } => {
            Arrival::Dropped("a start is not for an execution that has begun")
        }
        WorkItem::ActivityExecute { .. } => Arrival::Dropped("activities belong to the worker queue"),
    }
}

/// The answer to a request of this execution: once, and in kind.
fn answer(history: &History, execution_id: u64, id: u64, class: Class, event: EventKind) -> Arrival {
    if execution_id != history.execution_id() && !is_planted(Bug::AnswerOfOtherExecutionCounts) {
        return Arrival::Dropped("it is for another execution");
    }
    // What waits for an event or a message names no schedule of these.
    let asked = history.schedule(id).filter(|schedule| !matches!(schedule.class, Class::External | Class::Queue));
    match asked {
        None if !history.has_persisted() => Arrival::Dropped("it is for an earlier instance of this id"),
        None => Arrival::Alien(nondeterminism::no_schedule(class, id)),
        Some(schedule) if schedule.class != class => {
            Arrival::Alien(nondeterminism::message_in_kind(id, schedule.class, class))
        }
        Some(schedule) if schedule.answered && !is_planted(Bug::DuplicateAnswerCounts) => {
            Arrival::Dropped("it was answered before")
        }
        Some(_) => Arrival::Event(Some(id), event),
    }
}
