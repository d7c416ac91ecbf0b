//! A finished turn becomes terminal events, outbox and metadata.

use semver::Version;

use super::{Execution, Outcome, Parent, limits};
use crate::ledger::Book;
use crate::ledger::bindings::Class;
use crate::model::action::Action;
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::error::{AppErrorKind, ErrorDetails};
use crate::model::event::{Event, EventKind};
use crate::model::ids::{self, INITIAL_EXECUTION_ID};
use crate::model::item::ScheduledActivityIdentifier;
use crate::model::limits::MAX_CARRY_FORWARD_EVENTS;
use crate::model::work_item::WorkItem;
use crate::mutants::{Bug, is_planted};

const ORCHESTRATION_TERMINAL: &str = "orchestration_terminal";

/// Whether the requests of the turn still count.
#[derive(Clone, Copy, PartialEq)]
enum Requests {
    Count,
    /// A limit was broken: what was asked for is what broke it.
    Discarded,
    /// A limit was broken that keeps what was asked for out of history, too.
    Withdrawn,
}

/// Messages of a turn.
#[derive(Default)]
struct Outbox {
    to_workers: Vec<WorkItem>,
    to_orchestrations: Vec<WorkItem>,
}

/// How an execution ends: its last event, and why its activities are given up.
struct Ending {
    event: EventKind,
    activities: &'static str,
}

impl Execution {
    /// Ends the turn: everything it changes, in one value. `parent_execution_id` is used when the start event of a
    /// child does not name it.
    ///
    /// The execution stays usable for the next turn if it goes on and the commit succeeds; otherwise drop it.
    pub(crate) fn conclude(&mut self, parent_execution_id: Option<u64>) -> Commit {
        let mut requests = Requests::Count;
        if let Err(exceeded) = self.exceeded() {
            requests = Requests::Withdrawn;
            let details = ErrorDetails::application(AppErrorKind::OrchestrationFailed, exceeded.to_string());
            self.failure = Some(details.clone());
            self.outcome = Outcome::Failed(details);
            self.over_limit = true;
        }
        let mut cancelled = Vec::new();
        if self.counts_drops() {
            match self.cancel_dropped() {
                Ok(dropped) => cancelled = dropped,
                Err(details) => self.outcome = Outcome::Failed(details),
            }
        }
        let kv_keys = self.ledger.with(|book| book.kv.len());
        if let (Requests::Count, Some(text)) = (requests, limits::violation(&self.delta, kv_keys)) {
            requests = Requests::Discarded;
            self.outcome = Outcome::Failed(ErrorDetails::application(AppErrorKind::OrchestrationFailed, text));
            self.over_limit = true;
        }
        let outcome = self.outcome.clone();
        let mut outbox = self.outbox(&outcome, requests);
        outbox.to_orchestrations.extend(self.notice_to_parent(&outcome, parent_execution_id));
        outbox.to_orchestrations.extend(self.cancels_of_dropped_children(&cancelled));
        let mut gone: Vec<u64> = of_class(&cancelled, Class::Activity).collect();
        if let Some(ending) = ending(&outcome) {
            gone.extend(self.end(ending));
        }
        if requests == Requests::Withdrawn {
            self.withdraw_requests();
        }
        self.commit(outbox, gone)
    }

    /// Only what user code decided is followed by dropped-future rows, not what the machine found or others asked for.
    pub(super) fn counts_drops(&self) -> bool {
        match self.outcome {
            Outcome::Continue | Outcome::Completed(_) => true,
            Outcome::Failed(_) => self.failure.is_none(),
            Outcome::ContinueAsNew { .. } | Outcome::Cancelled(_) => false,
        }
    }

    /// Writes the rows that end the execution; returns the activities that are given up.
    fn end(&mut self, ending: Ending) -> Vec<u64> {
        self.history.close_gap();
        let reason = || ORCHESTRATION_TERMINAL.to_owned();
        for id in self.history.open_signals() {
            self.append(Some(id), EventKind::ExternalSubscribedCancelled { reason: reason() });
        }
        for id in self.history.unresolved_dequeues() {
            self.append(Some(id), EventKind::QueueSubscriptionCancelled { reason: reason() });
        }
        self.append(None, ending.event);
        let in_flight: Vec<u64> = self.history.in_flight(Class::Activity).map(|(id, _)| id).collect();
        for id in &in_flight {
            self.append(Some(*id), EventKind::ActivityCancelRequested { reason: ending.activities.to_owned() });
        }
        in_flight
    }

    /// Packs the turn up and leaves the execution ready for the next one.
    fn commit(&mut self, outbox: Outbox, gone: Vec<u64>) -> Commit {
        let identity = self.ledger.identity();
        let identify = |activity_id| ScheduledActivityIdentifier {
            instance: identity.instance.clone(),
            execution_id: identity.execution_id,
            activity_id,
        };
        let commit = Commit {
            execution_id: identity.execution_id,
            worker_items: outbox.to_workers,
            orchestrator_items: outbox.to_orchestrations,
            metadata: metadata(&self.delta),
            cancelled_activities: gone
                .into_iter()
                .filter(|_| !is_planted(Bug::DroppedActivityStays))
                .map(identify)
                .collect(),
            delta: std::mem::take(&mut self.delta),
        };
        self.history.seal();
        for event in &commit.delta {
            self.give_up_wait(event);
        }
        self.ledger.with(Book::rest);
        commit
    }

    /// Messages that follow from the requests of the turn, by how it ended.
    fn outbox(&mut self, outcome: &Outcome, requests: Requests) -> Outbox {
        let asked = std::mem::take(&mut self.asked);
        let mut outbox = Outbox::default();
        match outcome {
            Outcome::Continue => asked.into_iter().for_each(|action| self.send(action, &mut outbox)),
            Outcome::Completed(_) | Outcome::Failed(_) => {
                if requests == Requests::Count && !is_planted(Bug::LastDetachedIsLost) {
                    outbox.to_orchestrations.extend(asked.into_iter().filter_map(detached_start));
                }
            }
            Outcome::ContinueAsNew { input, version } => {
                outbox.to_orchestrations.push(self.next_execution(input, version.as_deref()));
            }
            Outcome::Cancelled(_) if is_planted(Bug::ChildOutlivesCancel) => {}
            Outcome::Cancelled(_) => {
                let started = self.history.in_flight(Class::Child).filter(|(id, _)| self.history.is_persisted(*id));
                let children = started.filter_map(|(_, schedule)| schedule.target.as_deref());
                outbox.to_orchestrations.extend(cancels(children, "parent canceled"));
            }
        }
        outbox
    }

    /// What a request sends while the orchestration goes on. A system call was answered inside the turn and has nothing
    /// left to run.
    fn send(&self, action: Action, outbox: &mut Outbox) {
        let identity = self.ledger.identity();
        let (instance, execution_id) = (|| identity.instance.clone(), identity.execution_id);
        match action {
            Action::CallActivity { scheduling_event_id: id, name, input, session_id, tag } => {
                if !self.history.schedule(id).is_some_and(|schedule| schedule.answered) {
                    let instance = instance();
                    let work = WorkItem::ActivityExecute { instance, execution_id, id, name, input, session_id, tag };
                    outbox.to_workers.push(work);
                }
            }
            Action::CreateTimer { scheduling_event_id: id, fire_at_ms } => {
                let timer = WorkItem::TimerFired { instance: instance(), execution_id, id, fire_at_ms };
                outbox.to_orchestrations.push(timer);
            }
            Action::StartSubOrchestration { scheduling_event_id, name, version, instance: child, input } => {
                outbox.to_orchestrations.push(WorkItem::StartOrchestration {
                    instance: ids::build_child_instance_id(&identity.instance, &child),
                    orchestration: name,
                    input,
                    version,
                    parent_instance: Some(instance()),
                    parent_id: Some(scheduling_event_id),
                    parent_execution_id: Some(execution_id),
                    execution_id: INITIAL_EXECUTION_ID,
                });
            }
            Action::StartOrchestrationDetached { .. } => outbox.to_orchestrations.extend(detached_start(action)),
            Action::WaitExternal { .. }
            | Action::ContinueAsNew { .. }
            | Action::UpdateCustomStatus { .. }
            | Action::DequeueEvent { .. }
            | Action::SetKeyValue { .. }
            | Action::ClearKeyValue { .. }
            | Action::ClearKeyValues => {}
        }
    }

    fn next_execution(&self, input: &str, version: Option<&str>) -> WorkItem {
        let identity = self.ledger.identity();
        let parent = self.history.parent().filter(|_| !is_planted(Bug::ParentLinkIsLost));
        let custom_status = self.history.custom_status().filter(|_| !is_planted(Bug::StatusIsNotCarried));
        WorkItem::ContinueAsNew {
            instance: identity.instance.clone(),
            orchestration: identity.name.clone(),
            input: input.to_owned(),
            version: version.map(str::to_owned),
            parent_instance: parent.map(|parent| parent.instance.clone()),
            parent_id: parent.map(|parent| parent.id),
            parent_execution_id: parent.and_then(|parent| parent.execution_id),
            carry_forward_events: self.carry_forward(),
            initial_custom_status: custom_status.map(str::to_owned),
        }
    }

    /// What nobody read, oldest first; what exceeds the limit is dropped, newest first to go.
    pub(super) fn carry_forward(&self) -> Vec<(String, String)> {
        let mut carried = self.ledger.with(|book| book.mailbox.unread());
        let lost = usize::from(is_planted(Bug::NewestIsNotCarried));
        let kept = carried.len().saturating_sub(lost).min(MAX_CARRY_FORWARD_EVENTS);
        for (name, data) in carried.drain(kept..) {
            tracing::warn!(
                target: "duroxide::runtime::execution",
                instance = %self.ledger.identity().instance,
                name = %name,
                data = %data,
                "Dropping carry-forward event beyond limit of {MAX_CARRY_FORWARD_EVENTS}",
            );
        }
        carried
    }

    fn notice_to_parent(&self, outcome: &Outcome, parent_execution_id: Option<u64>) -> Option<WorkItem> {
        let Parent { instance, id, execution_id } = self.history.parent()?.clone();
        let parent_execution_id = execution_id.or(parent_execution_id).unwrap_or(INITIAL_EXECUTION_ID);
        let failed = |details| WorkItem::SubOrchFailed {
            parent_instance: instance.clone(),
            parent_execution_id,
            parent_id: id,
            details,
        };
        match outcome {
            Outcome::Continue | Outcome::ContinueAsNew { .. } => None,
            Outcome::Completed(result) => Some(WorkItem::SubOrchCompleted {
                parent_instance: instance,
                parent_execution_id,
                parent_id: id,
                result: String::clone(result),
            }),
            Outcome::Failed(_) if is_planted(Bug::FailureIsNotTold) => None,
            Outcome::Cancelled(_) if is_planted(Bug::CancelIsNotTold) => None,
            Outcome::Failed(details) => Some(failed(details.clone())),
            Outcome::Cancelled(reason) => Some(failed(ErrorDetails::cancelled(reason.as_str()))),
        }
    }

    /// Children whose futures were dropped. One that was asked for in the turn that ends the orchestration was never
    /// started, and nobody is sent a cancel for it.
    fn cancels_of_dropped_children(&self, cancelled: &[(Class, u64)]) -> Vec<WorkItem> {
        if is_planted(Bug::DroppedChildRunsOn) {
            return Vec::new();
        }
        let is_started = |id: &u64| self.outcome == Outcome::Continue || self.history.is_persisted(*id);
        let children = of_class(cancelled, Class::Child)
            .filter(is_started)
            .filter_map(|id| self.history.schedule(id).and_then(|schedule| schedule.target.as_deref()));
        cancels(children, "parent dropped sub-orchestration future")
    }
}

fn detached_start(action: Action) -> Option<WorkItem> {
    let Action::StartOrchestrationDetached { name, version, instance, input, .. } = action else {
        return None;
    };
    Some(WorkItem::StartOrchestration {
        instance,
        orchestration: name,
        input,
        version,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: INITIAL_EXECUTION_ID,
    })
}

fn of_class(cancelled: &[(Class, u64)], wanted: Class) -> impl Iterator<Item = u64> {
    cancelled.iter().filter(move |(class, _)| *class == wanted).map(|(_, id)| *id)
}

fn cancels<'a>(children: impl Iterator<Item = &'a str>, reason: &str) -> Vec<WorkItem> {
    let cancel = |child: &str| WorkItem::CancelInstance { instance: child.to_owned(), reason: reason.to_owned() };
    children.map(cancel).collect()
}

fn ending(outcome: &Outcome) -> Option<Ending> {
    let failed = |details: ErrorDetails| Ending {
        event: EventKind::OrchestrationFailed { details },
        activities: "orchestration_terminal_failed",
    };
    match outcome {
        Outcome::Continue => None,
        Outcome::Completed(output) => Some(Ending {
            event: EventKind::OrchestrationCompleted { output: String::clone(output) },
            activities: "orchestration_terminal_completed",
        }),
        Outcome::Failed(details) => Some(failed(details.clone())),
        Outcome::Cancelled(reason) => Some(failed(ErrorDetails::cancelled(reason.as_str()))),
        Outcome::ContinueAsNew { input, .. } => Some(Ending {
            event: EventKind::OrchestrationContinuedAsNew { input: input.clone() },
            activities: "orchestration_terminal_continued_as_new",
        }),
    }
}

/// What the instance and execution rows learn from the events of a turn.
pub(crate) fn metadata(delta: &[Event]) -> ExecutionMetadata {
    let mut metadata = ExecutionMetadata::default();
    for event in delta {
        let end = match &event.kind {
            EventKind::OrchestrationStarted { name, version, parent_instance, .. } => {
                metadata.orchestration_name = Some(name.clone());
                metadata.orchestration_version = Some(version.clone());
                metadata.parent_instance_id.clone_from(parent_instance);
                metadata.pinned_duroxide_version = Version::parse(&event.duroxide_version).ok();
                continue;
            }
            EventKind::OrchestrationCompleted { output } => ("Completed", output.clone()),
            EventKind::OrchestrationFailed { details } => ("Failed", details.display_message()),
            EventKind::OrchestrationContinuedAsNew { input } => ("ContinuedAsNew", input.clone()),
            _ => continue,
        };
        if metadata.status.is_none() {
            metadata.status = Some(end.0.to_owned());
            metadata.output = Some(end.1);
        }
    }
    metadata
}
