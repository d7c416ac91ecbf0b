//! From facts to reasons: trouble first, then what is waited for.

use super::{Explanation, Facts, FailureKind, Holder, Orchestration, Reason, Standing, activity, places};
use crate::insight::timeline::{Bar, BarKind, Timeline};
use crate::model::error::{AppErrorKind, ErrorDetails, PoisonMessageType};
use crate::model::event::EventKind;
use crate::model::insight::{HandlerSort, QueueRow, RowState};

/// Decides.
pub(super) fn explain(facts: &Facts) -> Explanation {
    let stand = standing(facts);
    let orchestration = orchestration(facts);
    let mut reasons: Vec<Reason> =
        facts.closed.iter().map(|message| Reason::StoreClosed { message: message.clone() }).collect();
    match stand {
        Standing::Unknown => unknown(facts, &mut reasons),
        Standing::Completed | Standing::Failed => ended(facts, &mut reasons),
        Standing::NotStarted | Standing::BetweenExecutions | Standing::Running => {
            trouble(facts, orchestration.as_ref(), stand, &mut reasons);
            messages(facts, &mut reasons);
            waits(facts, stand, &mut reasons);
        }
    }
    Explanation {
        instance_id: facts.instance_id.clone(),
        orchestration,
        stand,
        at_ms: facts.now_ms,
        reasons,
        children: Vec::new(),
    }
}

fn standing(facts: &Facts) -> Standing {
    let ended = facts.events().iter().rev().find(|event| event.is_terminal());
    let listed = facts.info.as_ref().map(|info| info.status.as_str());
    match ended.map(|event| &event.kind) {
        Some(EventKind::OrchestrationCompleted { .. }) => Standing::Completed,
        Some(EventKind::OrchestrationFailed { .. }) => Standing::Failed,
        Some(_) => Standing::BetweenExecutions,
        None if facts.started().is_some() => Standing::Running,
        // Without a history that can be read, what is listed counts.
        None => match listed {
            Some("Completed") => Standing::Completed,
            Some("Failed") => Standing::Failed,
            Some("ContinuedAsNew") => Standing::BetweenExecutions,
            Some(_) => Standing::Running,
            None if matches!(facts.history, Some(Err(_))) => Standing::Running,
            None if facts.start().is_some() => Standing::NotStarted,
            None => Standing::Unknown,
        },
    }
}

fn orchestration(facts: &Facts) -> Option<Orchestration> {
    let known = |name: &str, version: Option<&str>, execution_id, since_ms| Orchestration {
        name: name.to_owned(),
        version: version.map(str::to_owned),
        execution_id,
        defined_at: facts.defined_at(name, version),
        since_ms,
    };
    if let Some((event, name, version)) = facts.started() {
        return Some(known(name, Some(version), event.execution_id, Some(event.timestamp_ms)));
    }
    if let Some(info) = &facts.info {
        let version = Some(info.orchestration_version.as_str()).filter(|version| *version != "unknown");
        return Some(known(&info.orchestration_name, version, info.current_execution_id, Some(info.created_at)));
    }
    facts.start().and_then(|row| Some(known(row.name.as_deref()?, None, 1, None)))
}

fn unknown(facts: &Facts, reasons: &mut Vec<Reason>) {
    quarantined(facts, reasons);
    match oldest(facts.messages()) {
        Some((count, since_ms)) => reasons.push(Reason::MessagesForNobody { count, since_ms }),
        None if reasons.is_empty() => reasons.push(Reason::NoSuchInstance),
        None => {}
    }
}

fn ended(facts: &Facts, reasons: &mut Vec<Reason>) {
    let end = facts.events().iter().rev().find(|event| event.is_terminal());
    let reason = end.and_then(|event| match &event.kind {
        EventKind::OrchestrationCompleted { .. } => Some(Reason::Completed { at_ms: event.timestamp_ms }),
        EventKind::OrchestrationFailed { details } => Some(Reason::Failed {
            kind: failure(details),
            message: details.display_message(),
            at_ms: event.timestamp_ms,
        }),
        _ => None,
    });
    match reason {
        Some(reason) => reasons.push(reason),
        // What ended it is in a history that cannot be read.
        None => unreadable(facts, reasons),
    }
    quarantined(facts, reasons);
}

fn failure(details: &ErrorDetails) -> FailureKind {
    match details {
        ErrorDetails::Infrastructure { .. } => FailureKind::Infrastructure,
        ErrorDetails::Configuration { .. } => FailureKind::Nondeterminism,
        ErrorDetails::Application { kind, .. } => match kind {
            AppErrorKind::ActivityFailed | AppErrorKind::OrchestrationFailed => FailureKind::Returned,
            AppErrorKind::Panicked => FailureKind::Panicked,
            AppErrorKind::Cancelled { .. } => FailureKind::Cancelled,
        },
        ErrorDetails::Poison { message_type, .. } => match message_type {
            PoisonMessageType::Orchestration { .. } | PoisonMessageType::Activity { .. } => FailureKind::Poison,
            PoisonMessageType::FailedDeserialization { .. } => FailureKind::Unreadable,
        },
    }
}

/// What keeps everything of it from going on.
fn trouble(facts: &Facts, of: Option<&Orchestration>, stand: Standing, reasons: &mut Vec<Reason>) {
    unreadable(facts, reasons);
    quarantined(facts, reasons);
    let Some(workers) = &facts.workers else {
        return;
    };
    if facts.live().next().is_none() {
        let last_seen_ms = workers.iter().map(|worker| worker.seen_at).max();
        reasons.push(Reason::NoWorkers { last_seen_ms });
        return;
    }
    if let Some(of) = of {
        // The next execution is free to take a newer version.
        let version = of.version.clone().filter(|_| stand == Standing::Running);
        let found = facts.versions(HandlerSort::Orchestration, &of.name);
        let is_found = version.as_ref().map_or(!found.is_empty(), |version| found.contains(version));
        if !is_found {
            reasons.push(Reason::NoHandler { kind: HandlerSort::Orchestration, name: of.name.clone(), version, found });
        }
    }
    reasons.extend(no_replayer(facts).filter(|_| stand == Standing::Running));
}

fn unreadable(facts: &Facts, reasons: &mut Vec<Reason>) {
    if let Some(Err(message)) = &facts.history {
        reasons.push(Reason::HistoryUnreadable { message: message.clone() });
    }
}

fn quarantined(facts: &Facts, reasons: &mut Vec<Reason>) {
    reasons.extend(facts.quarantined.iter().map(|row| Reason::Quarantined {
        id: row.id,
        queue: row.queue,
        message: row.reason.clone(),
        at_ms: row.at_ms,
    }));
}

/// Workers replay what was begun by their version or an earlier one, unless they are told otherwise.
fn no_replayer(facts: &Facts) -> Option<Reason> {
    let (event, ..) = facts.started()?;
    let pinned = semver::Version::parse(&event.duroxide_version).ok()?;
    let versions = facts.live().filter_map(|worker| semver::Version::parse(&worker.library_version).ok());
    let newest = versions.max()?;
    (newest < pinned).then(|| Reason::NoReplayer { pinned: pinned.to_string(), newest: newest.to_string() })
}

/// How many, and since when the oldest can be taken.
fn oldest<'a>(rows: impl Iterator<Item = &'a QueueRow>) -> Option<(usize, u64)> {
    rows.fold(None, |found, row| match found {
        None => Some((1, row.visible_at)),
        Some((count, since_ms)) => Some((count + 1, row.visible_at.min(since_ms))),
    })
}

/// What waits in its queue, and who works on it.
fn messages(facts: &Facts, reasons: &mut Vec<Reason>) {
    if let Some(row) = facts.messages_that(RowState::Held).find(|row| row.locked_until.is_some()) {
        let holder = Holder::of(row.owner.as_deref(), facts);
        reasons.push(Reason::TurnHeld { holder, until_ms: row.locked_until.unwrap_or(facts.now_ms) });
    }
    if let Some(row) = facts.messages().find(|row| row.kind == "CancelInstance" && row.state != RowState::Held) {
        reasons.push(Reason::CancelWaits { since_ms: row.visible_at });
    } else if let Some((message, at_ms)) = cancelled(facts) {
        reasons.push(Reason::Cancelling { message, at_ms });
    }
    let given_back = facts.messages_that(RowState::Delayed).filter(|row| row.attempts > 0);
    if let Some(row) = given_back.max_by_key(|row| row.attempts) {
        reasons.push(Reason::TurnGivenBack { due_ms: row.visible_at, attempts: row.attempts });
    }
    match facts.start().filter(|row| matches!(row.state, RowState::Ready | RowState::Delayed) && row.attempts == 0) {
        Some(row) => reasons.push(Reason::StartWaits { since_ms: row.visible_at, version: None }),
        None => {
            let ready = oldest(facts.messages_that(RowState::Ready));
            reasons.extend(ready.map(|(count, since_ms)| Reason::MessagesWait { count, since_ms }));
        }
    }
}

fn cancelled(facts: &Facts) -> Option<(String, u64)> {
    facts.events().iter().rev().find_map(|event| match &event.kind {
        EventKind::OrchestrationCancelRequested { reason } => Some((reason.clone(), event.timestamp_ms)),
        _ => None,
    })
}

/// What its code waits for.
fn waits(facts: &Facts, stand: Standing, reasons: &mut Vec<Reason>) {
    if stand == Standing::Running {
        let timeline = Timeline::of(facts.events(), facts.now_ms);
        reasons.extend(timeline.open().map(|bar| wait(bar, facts)));
    }
    let last_ms = facts.events().last().map(|event| event.timestamp_ms);
    if reasons.is_empty() && facts.rows.is_some() {
        let since_ms = last_ms.or_else(|| facts.info.as_ref().map(|info| info.updated_at)).unwrap_or(facts.now_ms);
        reasons.push(Reason::Nothing { since_ms });
    }
}

fn wait(bar: &Bar, facts: &Facts) -> Reason {
    let (name, since_ms, asked_at) = (bar.name.clone(), bar.from_ms, places::of(bar, facts));
    match bar.kind {
        BarKind::Activity => activity::reason(bar, asked_at, facts),
        BarKind::Timer => Reason::Timer {
            since_ms,
            due_ms: bar.due_ms.unwrap_or(since_ms),
            is_lost: facts.has_all_rows() && !facts.is_answered(bar.event_id, &["TimerFired"]),
            asked_at,
        },
        BarKind::Event => Reason::Event { name, since_ms, asked_at },
        BarKind::Queue => Reason::Message { queue: name, since_ms, asked_at },
        BarKind::Child => {
            let instance_id = bar.child.clone().unwrap_or_default();
            let has_ended = facts.is_answered(bar.event_id, &["SubOrchCompleted", "SubOrchFailed"]);
            let is_lost = !has_ended && facts.has_all_rows() && facts.ended_children.contains(&instance_id);
            Reason::Child { instance_id, name, since_ms, has_ended, is_lost, asked_at }
        }
        BarKind::Detached | BarKind::SystemCall => Reason::SystemCall { name, since_ms },
    }
}
