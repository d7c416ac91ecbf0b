//! What the rows of an execution say, kept up row by row.

use std::collections::{BTreeSet, HashMap};

use crate::ledger::ascending::Ascending;
use crate::ledger::bindings::Class;
use crate::model::VERSION;
use crate::model::event::{Event, EventKind};
use crate::model::ids::{self, INITIAL_EVENT_ID};

/// Reason of rows written because a future was dropped.
pub(super) const DROPPED_FUTURE: &str = "dropped_future";

/// Who waits for an orchestration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parent {
    pub instance: String,
    /// The parent's schedule event.
    pub id: u64,
    /// Absent in histories of older runtimes.
    pub execution_id: Option<u64>,
}

/// One schedule event and what became of it.
#[derive(Debug)]
pub(super) struct Schedule {
    pub class: Class,
    /// The full instance id of a child, the name of a wait.
    pub target: Option<Box<str>>,
    pub answered: bool,
    pub cancel_requested: bool,
}

/// The dequeues of one queue that were not cancelled, and how many messages came.
#[derive(Debug, Default)]
struct Dequeues {
    waiting: BTreeSet<u64>,
    arrivals: usize,
}

/// Facts about the rows of one execution, those of the running turn included. Never looks at a row twice.
#[derive(Debug)]
pub(super) struct History {
    instance: String,
    execution_id: u64,
    next_event_id: u64,
    /// The greatest id of a row.
    last_event_id: u64,
    count: usize,
    /// Rows up to this id came from storage.
    persisted: u64,
    ended: bool,
    /// Ended for good: no other execution follows.
    closed: bool,
    parent: Option<Parent>,
    cancel_reason: Option<String>,
    custom_status: Option<String>,
    schedules: Ascending<Schedule>,
    /// Open positional waits by name.
    signals: HashMap<String, BTreeSet<u64>>,
    /// What the rows say of each queue.
    queues: HashMap<String, Dequeues>,
    /// Schedules that rows of reason `dropped_future` cancelled, until they were compared with what the code dropped.
    dropped: BTreeSet<(Class, u64)>,
    policies: Policies,
}

/// The policies that rows record for activity calls.
#[derive(Debug, Default)]
struct Policies {
    /// The row that asks for a policy, and the call whose it is.
    asked: HashMap<u64, u64>,
    /// The recorded text, by call.
    by_call: HashMap<u64, String>,
}

impl History {
    pub(super) fn new(instance: &str, execution_id: u64) -> Self {
        History {
            instance: instance.to_owned(),
            execution_id,
            next_event_id: INITIAL_EVENT_ID,
            last_event_id: 0,
            count: 0,
            persisted: 0,
            ended: false,
            closed: false,
            parent: None,
            cancel_reason: None,
            custom_status: None,
            schedules: Ascending::default(),
            signals: HashMap::new(),
            queues: HashMap::new(),
            dropped: BTreeSet::new(),
            policies: Policies::default(),
        }
    }

    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Rows of the execution, those of the running turn included.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn next_event_id(&self) -> u64 {
        self.next_event_id
    }

    /// Uses up an id without a row: continue-as-new leaves this gap before what is asked for later in the turn.
    pub(super) fn skip_event_id(&mut self) {
        self.next_event_id = self.next_event_id.saturating_add(1);
    }

    /// Takes back the ids that were used up since the last row: those that end the execution follow it.
    pub(super) fn close_gap(&mut self) {
        self.next_event_id = self.last_event_id.saturating_add(1);
    }

    /// Everything noted so far is in storage.
    pub(super) fn seal(&mut self) {
        self.persisted = self.next_event_id - 1;
    }

    pub(super) fn is_persisted(&self, event_id: u64) -> bool {
        event_id <= self.persisted
    }

    /// Whether storage has anything of this execution.
    pub(super) fn has_persisted(&self) -> bool {
        self.persisted > 0
    }

    /// Whether an event that ends the execution was noted.
    pub(super) fn was_ended(&self) -> bool {
        self.ended
    }

    /// Whether an event was noted after which no other execution follows.
    pub(super) fn was_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn parent(&self) -> Option<&Parent> {
        self.parent.as_ref()
    }

    pub(super) fn cancel_reason(&self) -> Option<&str> {
        self.cancel_reason.as_deref()
    }

    pub(super) fn custom_status(&self) -> Option<&str> {
        self.custom_status.as_deref()
    }

    pub(super) fn schedule(&self, event_id: u64) -> Option<&Schedule> {
        self.schedules.get(event_id)
    }

    /// Schedules of a class nobody answered and nobody cancelled, ascending.
    pub(super) fn in_flight(&self, class: Class) -> impl Iterator<Item = (u64, &Schedule)> {
        self.schedules.iter().filter_map(move |(event_id, schedule)| {
            let open = schedule.class == class && !schedule.answered && !schedule.cancel_requested;
            open.then_some((event_id, schedule))
        })
    }

    /// Positional waits that no arrival closed, ascending; judged from the rows, whether or not code read the value.
    pub(super) fn open_signals(&self) -> Vec<u64> {
        sorted(self.signals.values().flatten().copied())
    }

    /// Dequeues without an arrival, ascending; judged from the rows.
    pub(super) fn unresolved_dequeues(&self) -> Vec<u64> {
        sorted(self.queues.values().flat_map(|queue| queue.waiting.iter().skip(queue.arrivals).copied()))
    }

    /// The recorded cancellations of dropped futures that nobody has taken yet.
    pub(super) fn take_dropped(&mut self) -> BTreeSet<(Class, u64)> {
        std::mem::take(&mut self.dropped)
    }

    /// The text of the policy recorded for a call, wherever its row stands.
    pub(super) fn policy(&self, call: u64) -> Option<&str> {
        self.policies.by_call.get(&call).map(String::as_str)
    }

    /// Whether the row is, or answers, the record of a policy: no code asked for it.
    pub(super) fn is_of_policy(&self, event: &Event) -> bool {
        match &event.kind {
            EventKind::ActivityScheduled { .. } => self.policies.asked.contains_key(&event.event_id),
            _ => event.source_event_id.is_some_and(|source| self.policies.asked.contains_key(&source)),
        }
    }

    /// A new row, noted.
    pub(super) fn row(&mut self, source_event_id: Option<u64>, kind: EventKind, now_ms: u64) -> Event {
        let event = Event {
            event_id: self.next_event_id,
            source_event_id,
            instance_id: self.instance.clone(),
            execution_id: self.execution_id,
            timestamp_ms: now_ms,
            duroxide_version: VERSION.to_owned(),
            kind,
        };
        self.note(&event);
        event
    }

    pub(super) fn note(&mut self, event: &Event) {
        self.count += 1;
        // A damaged row may have any id; one beyond the last is refused by the store, as a duplicate.
        self.last_event_id = self.last_event_id.max(event.event_id);
        self.next_event_id = self.next_event_id.max(event.event_id.saturating_add(1));
        self.ended |= event.is_terminal();
        let id = event.event_id;
        let source = event.source_event_id;
        match &event.kind {
            EventKind::OrchestrationStarted {
                parent_instance,
                parent_id,
                parent_execution_id,
                initial_custom_status,
                ..
            } => {
                self.parent = parent_instance.as_ref().zip(*parent_id).map(|(instance, id)| Parent {
                    instance: instance.clone(),
                    id,
                    execution_id: *parent_execution_id,
                });
                self.custom_status.clone_from(initial_custom_status);
            }
            EventKind::OrchestrationCancelRequested { reason } => {
                self.cancel_reason.get_or_insert_with(|| reason.clone());
            }
            EventKind::CustomStatusUpdated { status } => self.custom_status.clone_from(status),
            EventKind::ActivityScheduled { name, .. } => self.activity_scheduled(id, source, name),
            EventKind::TimerCreated { .. } => self.scheduled(id, Class::Timer, None),
            EventKind::SubOrchestrationScheduled { instance, .. } => {
                let child = ids::build_child_instance_id(&self.instance, instance);
                self.scheduled(id, Class::Child, Some(child.into()));
            }
            EventKind::ExternalSubscribed { name } => {
                self.scheduled(id, Class::External, Some(name.as_str().into()));
                self.signals.entry(name.clone()).or_default().insert(id);
            }
            EventKind::QueueSubscribed { name } => {
                self.scheduled(id, Class::Queue, Some(name.as_str().into()));
                self.queues.entry(name.clone()).or_default().waiting.insert(id);
            }
            EventKind::ExternalEvent { name, .. } => {
                self.close_signal(name, |open| open.pop_first().is_some());
            }
            EventKind::QueueEventDelivered { name, .. } => {
                self.queues.entry(name.clone()).or_default().arrivals += 1;
            }
            EventKind::ActivityCompleted { result } => self.activity_completed(source, result),
            EventKind::ActivityFailed { .. }
            | EventKind::TimerFired { .. }
            | EventKind::SubOrchestrationCompleted { .. }
            | EventKind::SubOrchestrationFailed { .. } => self.answered(source),
            EventKind::ActivityCancelRequested { reason } => self.cancelled(Class::Activity, source, reason),
            EventKind::SubOrchestrationCancelRequested { reason } => self.cancelled(Class::Child, source, reason),
            EventKind::ExternalSubscribedCancelled { reason } => self.cancelled(Class::External, source, reason),
            EventKind::QueueSubscriptionCancelled { reason } => self.cancelled(Class::Queue, source, reason),
            EventKind::OrchestrationCompleted { .. } | EventKind::OrchestrationFailed { .. } => self.closed = true,
            EventKind::OrchestrationContinuedAsNew { .. }
            | EventKind::OrchestrationChained { .. }
            | EventKind::KeyValueSet { .. }
            | EventKind::KeyValueCleared { .. }
            | EventKind::KeyValuesCleared => {}
        }
    }

    fn scheduled(&mut self, event_id: u64, class: Class, target: Option<Box<str>>) {
        let schedule = Schedule { class, target, answered: false, cancel_requested: false };
        self.schedules.insert(event_id, schedule);
    }

    fn activity_scheduled(&mut self, event_id: u64, source: Option<u64>, name: &str) {
        match source {
            Some(call) if name == ids::SYSCALL_CALL_POLICY => {
                self.policies.asked.insert(event_id, call);
            }
            Some(_) | None => self.scheduled(event_id, Class::Activity, None),
        }
    }

    fn activity_completed(&mut self, source: Option<u64>, result: &str) {
        match source.and_then(|row| self.policies.asked.get(&row)) {
            Some(call) => {
                self.policies.by_call.insert(*call, result.to_owned());
            }
            None => self.answered(source),
        }
    }

    fn answered(&mut self, source: Option<u64>) {
        if let Some(schedule) = source.and_then(|id| self.schedules.get_mut(id)) {
            schedule.answered = true;
        }
    }

    fn cancelled(&mut self, class: Class, source: Option<u64>, reason: &str) {
        let Some(event_id) = source else { return };
        if reason == DROPPED_FUTURE {
            self.dropped.insert((class, event_id));
        }
        let Some(schedule) = self.schedules.get_mut(event_id) else {
            return;
        };
        schedule.cancel_requested = true;
        let name = schedule.target.as_deref().unwrap_or_default();
        match class {
            Class::External => {
                let name = name.to_owned();
                self.close_signal(&name, |open| open.remove(&event_id));
            }
            Class::Queue => {
                if let Some(queue) = self.queues.get_mut(name) {
                    queue.waiting.remove(&event_id);
                }
            }
            Class::Activity | Class::Timer | Class::Child => {}
        }
    }

    /// Closes one of the open waits of a name; a name without any is forgotten.
    fn close_signal(&mut self, name: &str, close: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        if let Some(open) = self.signals.get_mut(name)
            && close(open)
            && open.is_empty()
        {
            self.signals.remove(name);
        }
    }

    pub(super) fn execution_id(&self) -> u64 {
        self.execution_id
    }
}

fn sorted(ids: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut ids: Vec<u64> = ids.collect();
    ids.sort_unstable();
    ids
}
