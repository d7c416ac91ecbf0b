//! What a history may look like, checked commit by commit.

use std::collections::{BTreeMap, BTreeSet};

use duroxide::providers::{Event, EventKind};
use duroxide::{AppErrorKind, ErrorDetails};

/// What was committed of each execution, as the commits that were accepted tell.
#[derive(Default)]
pub(crate) struct Histories {
    executions: BTreeMap<String, BTreeMap<u64, Execution>>,
    /// Detached starts that were sent: a turn that is cancelled or continues as new sends none.
    sent_off: BTreeSet<String>,
}

#[derive(Default)]
struct Execution {
    events: Vec<Event>,
    asked: BTreeMap<u64, &'static str>,
    answered: BTreeSet<u64>,
    cancel_requested: bool,
    ended: Option<Ended>,
}

#[derive(Clone, Copy, PartialEq)]
enum Ended {
    ForGood,
    AsNew,
}

impl Histories {
    /// A commit was accepted.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(crate) fn committed(&mut self, instance: &str, execution_id: u64, delta: &[Event]) -> Result<(), String> {
        if delta.is_empty() {
            return Ok(());
        }
        let executions = self.executions.entry(instance.to_owned()).or_default();
        let newest = executions.last_key_value().map(|(id, execution)| (*id, execution.ended));
        let fits = match newest {
            None => execution_id == 1,
            Some((id, _)) if id == execution_id => true,
            Some((id, ended)) => ended == Some(Ended::AsNew) && execution_id == id + 1,
        };
        let execution = executions.entry(execution_id).or_default();
        let place = |why: String| format!("{instance} execution {execution_id}: {why}");
        if !fits {
            return Err(place(format!("it cannot follow {:?}", newest.map(|(id, _)| id))));
        }
        delta.iter().try_for_each(|event| execution.add(event)).map_err(place)?;
        let keeps_to_itself = execution.cancel_requested || execution.ended == Some(Ended::AsNew);
        let chained = delta.iter().filter(|_| !keeps_to_itself).filter_map(|event| match &event.kind {
            EventKind::OrchestrationChained { instance, .. } => Some(instance.clone()),
            _ => None,
        });
        self.sent_off.extend(chained);
        Ok(())
    }

    /// Whether an orchestration that nobody waits for was started.
    pub(crate) fn was_sent_off(&self, instance: &str) -> bool {
        self.sent_off.contains(instance)
    }

    /// Events of one execution.
    pub(crate) fn events(&self, instance: &str, execution_id: u64) -> &[Event] {
        let execution = self.executions.get(instance).and_then(|executions| executions.get(&execution_id));
        execution.map_or(&[], |execution| &execution.events)
    }

    pub(crate) fn instances(&self) -> impl Iterator<Item = (&String, Vec<u64>)> {
        self.executions.iter().map(|(instance, executions)| (instance, executions.keys().copied().collect()))
    }

    /// How the instance ended for good, as a client sees it.
    pub(crate) fn ended(&self, instance: &str) -> Option<Result<String, String>> {
        let execution = self.executions.get(instance)?.last_key_value()?.1;
        execution.events.iter().find_map(|event| match &event.kind {
            EventKind::OrchestrationCompleted { output } => Some(Ok(output.clone())),
            EventKind::OrchestrationFailed { details } => Some(Err(details.display_message())),
            _ => None,
        })
    }

    /// Whether somebody asked to cancel it.
    pub(crate) fn was_cancelled(&self, instance: &str) -> bool {
        let executions = self.executions.get(instance).into_iter().flat_map(BTreeMap::values);
        executions.into_iter().any(|execution| execution.cancel_requested)
    }

    /// Messages of all executions in the order of arrival, each once: what an execution carried over is not an arrival.
    pub(crate) fn arrivals(&self, instance: &str, queue: &str) -> Vec<String> {
        let mut arrivals = Vec::new();
        for execution in self.executions.get(instance).into_iter().flat_map(BTreeMap::values) {
            let carried = execution.events.first().map_or(0, |event| match &event.kind {
                EventKind::OrchestrationStarted { carry_forward_events: Some(carried), .. } => carried.len(),
                _ => 0,
            });
            let delivered = execution.events.iter().filter_map(|event| match &event.kind {
                EventKind::QueueEventDelivered { name, data } => Some((name, data)),
                _ => None,
            });
            let new = delivered.skip(carried).filter(|(name, _)| *name == queue);
            arrivals.extend(new.map(|(_, data)| data.clone()));
        }
        arrivals
    }
}

impl Execution {
    fn add(&mut self, event: &Event) -> Result<(), String> {
        let id = event.event_id;
        if let Some(last) = self.events.last()
            && id <= last.event_id
        {
            return Err(format!("event {id} follows event {}", last.event_id));
        }
        let is_start = matches!(event.kind, EventKind::OrchestrationStarted { .. });
        if is_start != self.events.is_empty() {
            return Err(format!("event {id} is {:?}", event.kind));
        }
        if self.ended.is_some() && !matches!(event.kind, EventKind::ActivityCancelRequested { .. }) {
            return Err(format!("event {id} follows the end: {:?}", event.kind));
        }
        self.note(event)?;
        self.events.push(event.clone());
        Ok(())
    }

    fn note(&mut self, event: &Event) -> Result<(), String> {
        let id = event.event_id;
        match &event.kind {
            EventKind::ActivityScheduled { .. } => drop(self.asked.insert(id, "activity")),
            EventKind::TimerCreated { .. } => drop(self.asked.insert(id, "timer")),
            EventKind::SubOrchestrationScheduled { .. } => drop(self.asked.insert(id, "child")),
            EventKind::ActivityCompleted { .. } | EventKind::ActivityFailed { .. } => self.answer(event, "activity")?,
            EventKind::TimerFired { .. } => self.answer(event, "timer")?,
            EventKind::SubOrchestrationCompleted { .. } | EventKind::SubOrchestrationFailed { .. } => {
                self.answer(event, "child")?;
            }
            EventKind::OrchestrationCancelRequested { .. } if self.cancel_requested => {
                return Err(format!("event {id} is the second request to cancel"));
            }
            EventKind::OrchestrationCancelRequested { .. } => self.cancel_requested = true,
            EventKind::OrchestrationCompleted { .. } => self.ended = Some(Ended::ForGood),
            EventKind::OrchestrationFailed { details } => {
                self.ended = Some(Ended::ForGood);
                by_user_code(details)?;
            }
            EventKind::OrchestrationContinuedAsNew { .. } => self.ended = Some(Ended::AsNew),
            _ => {}
        }
        Ok(())
    }

    fn answer(&mut self, event: &Event, kind: &str) -> Result<(), String> {
        let source = event.source_event_id.unwrap_or_default();
        if self.asked.get(&source) != Some(&kind) {
            return Err(format!("event {} answers {source}, which is no {kind}", event.event_id));
        }
        if !self.answered.insert(source) {
            return Err(format!("event {} answers {source} once more", event.event_id));
        }
        Ok(())
    }
}

/// Trouble of the store or of the machine ends no orchestration: only user code, and those who cancel.
fn by_user_code(details: &ErrorDetails) -> Result<(), String> {
    match details {
        ErrorDetails::Application {
            kind: AppErrorKind::OrchestrationFailed | AppErrorKind::Panicked | AppErrorKind::Cancelled { .. },
            ..
        } => Ok(()),
        other => Err(format!("it ended with {}", other.display_message())),
    }
}
