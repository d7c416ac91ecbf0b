//! What to do with a fetched item, as a pure decision.

use std::sync::Arc;
use std::time::Duration;

use semver::Version;

use super::closing;
use super::verdict::{Closing, Head, Notice, Reluctance, Rules, Turn, Verdict};
use crate::context::handler::OrchestrationHandler;
use crate::lease::is_poisoned;
use crate::model::error::{AppErrorKind, ErrorDetails};
use crate::model::event::{Event, EventKind};
use crate::model::filter::SemverRange;
use crate::model::ids::INITIAL_EVENT_ID;
use crate::model::item::OrchestrationItem;
use crate::model::work_item::WorkItem;
use crate::mutants::{Bug, is_planted};
use crate::registry::OrchestrationRegistry;
use crate::replay::Parent;
use crate::replay::batch::{Batch, read_batch};

/// How long to leave an item that this process cannot read or replay to others.
const LEAVE_TO_OTHERS: Duration = Duration::from_secs(1);

/// The version of executions that were begun without one.
const NO_VERSION: &str = "0.0.0";

/// How far the fetched execution has come.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    New,
    Running,
    /// It continued as new.
    Continued,
    Ended,
}

impl Phase {
    fn of(history: &[Event]) -> Self {
        let has = |wanted: fn(&EventKind) -> bool| history.iter().rev().any(|event| wanted(&event.kind));
        if history.is_empty() {
            Phase::New
        } else if has(|kind| {
            matches!(kind, EventKind::OrchestrationCompleted { .. } | EventKind::OrchestrationFailed { .. })
        }) {
            // Older runtimes wrote a failure after a continue-as-new: that ended the instance, too.
            Phase::Ended
        } else if has(|kind| matches!(kind, EventKind::OrchestrationContinuedAsNew { .. })) {
            Phase::Continued
        } else {
            Phase::Running
        }
    }
}

/// Decides; `attempt` counts this fetch.
///
/// An instance that has ended stays as it ended, however often its last batch was tried: an execution has one
/// terminal event.
pub(crate) fn triage(item: OrchestrationItem, attempt: u32, rules: &Rules<'_>) -> Verdict {
    if let Some(pinned) = incompatible(&item.history, rules.replayable) {
        return abandon(LEAVE_TO_OTHERS, Reluctance::Incompatible { pinned });
    }
    let poisoned = is_poisoned(attempt, rules.max_attempts);
    if let Some(error) = item.history_error.clone() {
        return if poisoned {
            Verdict::Poison(closing::unreadable(&item, error, attempt, rules))
        } else {
            abandon(LEAVE_TO_OTHERS, Reluctance::Unreadable { error })
        };
    }
    let phase = Phase::of(&item.history);
    if phase == Phase::Ended {
        return Verdict::Terminal(ended(&item));
    }
    if poisoned {
        return Verdict::Poison(poison(item, phase, attempt, rules));
    }
    run(item, phase, attempt, rules)
}

fn abandon(delay: Duration, why: Reluctance) -> Verdict {
    Verdict::Abandon { delay, why }
}

/// The version that began the execution, if this one cannot replay it. The store filters by version, too; a store of
/// others may not.
fn incompatible(history: &[Event], replayable: &SemverRange) -> Option<Version> {
    let started = history.iter().find(|event| matches!(event.kind, EventKind::OrchestrationStarted { .. }))?;
    let pinned = Version::parse(&started.duroxide_version).ok()?;
    (!replayable.contains(&pinned)).then_some(pinned)
}

/// The batch of an instance that has ended: parents that tried to start it as their child are told, even its own. That
/// one has its answer and drops this one, or it was deleted and begun anew, and would wait for ever.
fn ended(item: &OrchestrationItem) -> Closing {
    let starts = item.messages.iter();
    let mut closing = Closing::default();
    closing.commit.execution_id = item.execution_id;
    closing.notices = starts.filter_map(|start| collision(&item.instance, start, None, " and is terminal")).collect();
    closing
}

fn poison(item: OrchestrationItem, phase: Phase, attempt: u32, rules: &Rules<'_>) -> Closing {
    let text = serde_json::to_string(&item.messages).unwrap_or_default();
    let name = item.orchestration_name.clone();
    let version = item.version.clone();
    let history_parent = parent_of(&item.history);
    let batch = read_batch(item.messages, item.history.is_empty(), &item.instance);
    let begins = phase != Phase::Running;
    // Between executions only a continue-as-new says how the next one begins.
    let opening = batch.start.as_ref().filter(|_| phase == Phase::New || batch.is_continue_as_new);
    let own_parent = match opening {
        Some(start) => parent_in(start),
        None => history_parent.clone(),
    };
    let start = begins.then(|| match opening {
        Some(start) => started_by(start, version.clone()),
        None => started_blindly(name.clone(), version.clone(), own_parent.as_ref()),
    });
    let collisions = collisions(&item.instance, &batch, own_parent.as_ref());
    let is_next = phase == Phase::Continued || (phase == Phase::New && batch.is_continue_as_new);
    let head = Head {
        execution_id: item.execution_id + u64::from(is_next),
        next_event_id: if begins { INITIAL_EVENT_ID } else { next_event_id(&item.history) },
        instance: item.instance,
        start,
        name,
        version,
        parent: own_parent,
    };
    closing::poison(&head, text, attempt, collisions, rules)
}

fn run(item: OrchestrationItem, phase: Phase, attempt: u32, rules: &Rules<'_>) -> Verdict {
    let history_is_empty = item.history.is_empty();
    let history_parent = parent_of(&item.history);
    let Batch { start, messages, ignored_starts, is_continue_as_new } =
        read_batch(item.messages, history_is_empty, &item.instance);
    if phase == Phase::Continued && !is_continue_as_new {
        if is_planted(Bug::GapDropsTheBatch) {
            return Verdict::Drop;
        }
        return abandon(rules.unregistered.delay(attempt), Reluctance::BetweenExecutions);
    }
    let Some((name, wanted, input)) = asked_for(start.as_ref(), &item.history) else {
        return Verdict::Drop;
    };
    let Some((version, handler)) = resolve(rules.registry, &name, wanted.as_deref()) else {
        let why = Reluctance::Unregistered { name, version: wanted };
        return abandon(rules.unregistered.delay(attempt), why);
    };
    let version = wanted.unwrap_or_else(|| version.to_string());
    let parent = match &start {
        Some(start) => parent_in(start),
        None => history_parent,
    };
    let collisions =
        ignored_starts.iter().filter_map(|late| collision(&item.instance, late, parent.as_ref(), "")).collect();
    let begins = start.is_some();
    let next_event_id = if begins { INITIAL_EVENT_ID } else { next_event_id(&item.history) };
    Verdict::Run(Box::new(Turn {
        head: Head {
            instance: item.instance,
            execution_id: item.execution_id + u64::from(is_continue_as_new),
            next_event_id,
            start: start.as_ref().map(|start| started_by(start, version.clone())),
            name,
            version,
            parent,
        },
        handler,
        input,
        history: if begins { Vec::new() } else { item.history },
        messages,
        kv_snapshot: item.kv_snapshot,
        collisions,
        is_continue_as_new,
    }))
}

/// Name, version if one is named, and input: of the start if the turn begins an execution, else of its history.
fn asked_for(start: Option<&WorkItem>, history: &[Event]) -> Option<(String, Option<String>, String)> {
    match start {
        Some(
            WorkItem::StartOrchestration { orchestration, version, input, .. }
            | WorkItem::ContinueAsNew { orchestration, version, input, .. },
        ) => Some((orchestration.clone(), version.clone(), input.clone())),
        _ => match &last_start(history)?.kind {
            EventKind::OrchestrationStarted { name, version, input, .. } => {
                let version = Some(version.clone()).filter(|version| version != NO_VERSION);
                Some((name.clone(), version, input.clone()))
            }
            _ => None,
        },
    }
}

/// Exactly the version that is named, or what the policy selects.
fn resolve(
    registry: &OrchestrationRegistry,
    name: &str,
    version: Option<&str>,
) -> Option<(Version, Arc<dyn OrchestrationHandler>)> {
    match version {
        None => registry.resolve_handler(name),
        Some(text) => {
            let version = Version::parse(text).ok()?;
            let handler = registry.resolve_handler_exact(name, &version)?;
            Some((version, handler))
        }
    }
}

/// The start event that a start or continue-as-new asks for.
fn started_by(start: &WorkItem, resolved_version: String) -> EventKind {
    let parent = parent_in(start);
    let (name, input, carried, custom_status) = match start {
        WorkItem::ContinueAsNew { orchestration, input, carry_forward_events, initial_custom_status, .. } => {
            (orchestration, input.clone(), carry_forward_events.clone(), initial_custom_status.clone())
        }
        WorkItem::StartOrchestration { orchestration, input, .. } => (orchestration, input.clone(), Vec::new(), None),
        _ => unreachable!("a batch has no other starts"),
    };
    EventKind::OrchestrationStarted {
        name: name.clone(),
        version: resolved_version,
        input,
        parent_instance: parent.as_ref().map(|parent| parent.instance.clone()),
        parent_id: parent.as_ref().map(|parent| parent.id),
        parent_execution_id: parent.and_then(|parent| parent.execution_id),
        carry_forward_events: Some(carried).filter(|carried| !carried.is_empty()),
        initial_custom_status: custom_status,
    }
}

/// The start event of an execution whose start nobody has seen.
fn started_blindly(name: String, version: String, parent: Option<&Parent>) -> EventKind {
    EventKind::OrchestrationStarted {
        name,
        version,
        input: String::new(),
        parent_instance: parent.map(|parent| parent.instance.clone()),
        parent_id: parent.map(|parent| parent.id),
        parent_execution_id: parent.and_then(|parent| parent.execution_id),
        carry_forward_events: None,
        initial_custom_status: None,
    }
}

fn collisions(instance: &str, batch: &Batch, own_parent: Option<&Parent>) -> Vec<Notice> {
    let late = batch.ignored_starts.iter();
    late.filter_map(|late| collision(instance, late, own_parent, "")).collect()
}

/// Tells the parent of a start that came to an instance that exists, unless it is the one that started it and the
/// start was merely sent again.
fn collision(instance: &str, start: &WorkItem, own_parent: Option<&Parent>, how: &str) -> Option<Notice> {
    let WorkItem::StartOrchestration { .. } = start else {
        return None;
    };
    let parent = parent_in(start).filter(|_| !is_planted(Bug::CollisionIsNotTold))?;
    if parent.execution_id.is_some() && own_parent == Some(&parent) {
        return None;
    }
    let text = format!("sub-orchestration instance id '{instance}' already exists{how}");
    Some(Notice { parent, details: ErrorDetails::application(AppErrorKind::OrchestrationFailed, text) })
}

/// Who waits for the orchestration that this message starts.
fn parent_in(start: &WorkItem) -> Option<Parent> {
    match start {
        WorkItem::StartOrchestration { parent_instance, parent_id, parent_execution_id, .. }
        | WorkItem::ContinueAsNew { parent_instance, parent_id, parent_execution_id, .. } => {
            parent(parent_instance.as_ref(), *parent_id, *parent_execution_id)
        }
        _ => None,
    }
}

/// Who waits for the orchestration with this history.
fn parent_of(history: &[Event]) -> Option<Parent> {
    match &last_start(history)?.kind {
        EventKind::OrchestrationStarted { parent_instance, parent_id, parent_execution_id, .. } => {
            parent(parent_instance.as_ref(), *parent_id, *parent_execution_id)
        }
        _ => None,
    }
}

fn parent(instance: Option<&String>, id: Option<u64>, execution_id: Option<u64>) -> Option<Parent> {
    Some(Parent { instance: instance?.clone(), id: id?, execution_id })
}

fn last_start(history: &[Event]) -> Option<&Event> {
    let mut starts = history.iter().rev();
    starts.find(|event| matches!(event.kind, EventKind::OrchestrationStarted { .. }))
}

fn next_event_id(history: &[Event]) -> u64 {
    history.last().map_or(INITIAL_EVENT_ID, |last| last.event_id.saturating_add(1))
}
