//! Reasons as sentences.

use std::fmt;

use super::{ActivityState, Explanation, FailureKind, Holder, Orchestration, Reason, Standing};
use crate::insight::span::span;
use crate::insight::without_inputs;
use crate::model::insight::HandlerSort;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self, 0, f)
    }
}

fn write(of: &Explanation, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let indent = "  ".repeat(depth);
    write!(f, "{indent}{}", headline(of))?;
    for sentence in of.sentences() {
        write!(f, "\n{indent}- {sentence}")?;
    }
    for child in &of.children {
        f.write_str("\n")?;
        write(child, depth + 1, f)?;
    }
    Ok(())
}

/// The instance, what it runs and where it stands.
fn headline(of: &Explanation) -> String {
    let id = &of.instance_id;
    let stand = match of.stand {
        Standing::Unknown => "is not known",
        Standing::NotStarted => "has not begun",
        Standing::Running => "runs",
        Standing::BetweenExecutions => "is between two executions",
        Standing::Completed => "has completed",
        Standing::Failed => "has failed",
    };
    let Some(Orchestration { name, version, execution_id, defined_at, since_ms }) = &of.orchestration else {
        return format!("`{id}` {stand}");
    };
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let place = defined_at.as_ref().map(|place| format!(", {place}")).unwrap_or_default();
    let execution = if *execution_id > 1 { format!(", execution {execution_id}") } else { String::new() };
    let since = match since_ms {
        Some(since_ms) if of.stand == Standing::Running => format!(" since {}", ago(*since_ms, of.at_ms)),
        Some(_) | None => String::new(),
    };
    format!("`{id}` ({name}{version}{place}{execution}) {stand}{since}")
}

/// How long something has lasted.
fn ago(since_ms: u64, at_ms: u64) -> String {
    span(at_ms.saturating_sub(since_ms))
}

/// When something is due.
fn due(due_ms: u64, at_ms: u64) -> String {
    match due_ms.checked_sub(at_ms) {
        Some(0) => "due now".to_owned(),
        Some(left_ms) => format!("due in {}", span(left_ms)),
        None => format!("due since {}", ago(due_ms, at_ms)),
    }
}

/// Until when something is held.
fn until(until_ms: u64, at_ms: u64) -> String {
    match until_ms.checked_sub(at_ms) {
        Some(left_ms) if left_ms > 0 => format!("for another {} unless that is extended", span(left_ms)),
        _ => "and the lease is over".to_owned(),
    }
}

fn many(count: usize, one: &str, several: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {several}") }
}

/// One reason as of `at_ms`.
pub(super) fn reason(reason: &Reason, at: u64) -> String {
    match reason {
        Reason::NoSuchInstance => "the store knows nothing of this id".to_owned(),
        Reason::MessagesForNobody { count, since_ms } => {
            let waits = many(*count, "message waits", "messages wait");
            format!("{waits} since {} for an instance that nobody has started", ago(*since_ms, at))
        }
        Reason::Completed { at_ms } => format!("completed {} ago", ago(*at_ms, at)),
        Reason::Failed { kind, message, at_ms } => {
            format!("{} {} ago: {}", failed(*kind), ago(*at_ms, at), without_inputs(message))
        }
        Reason::StartWaits { since_ms, .. } if *since_ms > at => format!("its start is {}", due(*since_ms, at)),
        Reason::StartWaits { since_ms, version } => {
            let version = version.as_ref().map(|version| format!(" in version {version}")).unwrap_or_default();
            format!("its start{version} waits for a worker since {}", ago(*since_ms, at))
        }
        Reason::StoreClosed { message } => format!("the store is closed: {message}"),
        Reason::NoWorkers { last_seen_ms } => match last_seen_ms {
            Some(seen_ms) => format!("no worker is alive; the last one was heard of {} ago", ago(*seen_ms, at)),
            None => "no worker is alive, and none was heard of".to_owned(),
        },
        Reason::NoHandler { kind, name, version, found } => no_handler(*kind, name, version.as_deref(), found),
        Reason::NoReplayer { pinned, newest } => format!(
            "it was begun by version {pinned} of this library, and the newest worker that is alive has {newest}: \
             no worker can replay it"
        ),
        Reason::HistoryUnreadable { message } => format!("its history cannot be read: {message}"),
        Reason::Quarantined { id, queue, message, at_ms } => {
            format!("quarantined: row {id} of the {queue} queue could not be read {} ago: {message}", ago(*at_ms, at))
        }
        Reason::CancelWaits { since_ms } => {
            format!("a cancellation waits to be processed since {}", ago(*since_ms, at))
        }
        Reason::Cancelling { message, at_ms } => {
            format!("it was cancelled {} ago ({message}), and its end is not committed yet", ago(*at_ms, at))
        }
        Reason::TurnHeld { holder, until_ms } => turn_held(holder, *until_ms, at),
        Reason::MessagesWait { count, since_ms } => {
            let waits = many(*count, "message waits", "messages wait");
            format!("{waits} for its next turn since {}", ago(*since_ms, at))
        }
        Reason::TurnGivenBack { due_ms, attempts } => format!(
            "its messages were taken {} and given back; the next turn is {}",
            many(*attempts as usize, "time", "times"),
            due(*due_ms, at)
        ),
        Reason::Activity { .. } => activity(reason, at),
        Reason::Event { .. } | Reason::Message { .. } | Reason::Timer { .. } | Reason::Child { .. } => {
            awaited(reason, at)
        }
        Reason::SystemCall { name, since_ms } => {
            format!("waits for the runtime to answer `{name}` since {}", ago(*since_ms, at))
        }
        Reason::Nothing { since_ms } => format!(
            "nothing is queued for it and its history asks for nothing that is open, since {}",
            ago(*since_ms, at)
        ),
    }
}

/// What comes from elsewhere.
fn awaited(reason: &Reason, at: u64) -> String {
    match reason {
        Reason::Event { name, since_ms, asked_at } => {
            format!("waits for event `{name}`{} since {}", bound(asked_at), ago(*since_ms, at))
        }
        Reason::Message { queue, since_ms, asked_at } => {
            format!("waits for a message of queue `{queue}`{} since {}", bound(asked_at), ago(*since_ms, at))
        }
        Reason::Timer { since_ms, due_ms, is_lost, asked_at } => {
            let length = span(due_ms.saturating_sub(*since_ms));
            let timer = format!("timer `{length}`{} {}", bound(asked_at), due(*due_ms, at));
            if *is_lost { format!("{timer}, but its row in the queue is gone: it will not fire") } else { timer }
        }
        Reason::Child { instance_id, name, has_ended: true, .. } => {
            format!("child `{instance_id}` ({name}) has ended, and that waits to be delivered")
        }
        Reason::Child { instance_id, name, is_lost: true, .. } => format!(
            "child `{instance_id}` ({name}) has ended, but the message that says so is gone: this will not hear of it"
        ),
        Reason::Child { instance_id, name, since_ms, asked_at, .. } => {
            let (place, since) = (places("called", asked_at), ago(*since_ms, at));
            let place = if place.is_empty() { place } else { format!(", {place}") };
            format!("waits for child `{instance_id}` ({name}{place}) since {since}")
        }
        _ => String::new(),
    }
}

/// How many places are named before the rest is counted.
const PLACES_NAMED: usize = 3;

/// ` (bound at src/checkout.rs:41)`, with a space in front, if a place is known.
fn bound(at: &[String]) -> String {
    in_parentheses(places("bound", at))
}

fn in_parentheses(text: String) -> String {
    if text.is_empty() { text } else { format!(" ({text})") }
}

/// `bound at a.rs:1 or b.rs:2`: which of several it was, nobody knows.
fn places(verb: &str, at: &[String]) -> String {
    match at {
        [] => String::new(),
        [one] => format!("{verb} at {one}"),
        [first @ .., last] if at.len() <= PLACES_NAMED => format!("{verb} at {} or {last}", first.join(", ")),
        many => format!("{verb} at one of {} places: {}, …", many.len(), many[..PLACES_NAMED].join(", ")),
    }
}

fn failed(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Returned => "its code returned an error",
        FailureKind::Panicked => "its code panicked",
        FailureKind::Cancelled => "it was cancelled",
        FailureKind::Nondeterminism => "its code asked for something else than its history records",
        FailureKind::Poison => "it was tried too often",
        FailureKind::Unreadable => "its history could not be read",
        FailureKind::Infrastructure => "the store or the runtime failed",
    }
}

fn no_handler(kind: HandlerSort, name: &str, version: Option<&str>, found: &[String]) -> String {
    match (version, found) {
        (Some(version), [_, ..]) => {
            format!("no live worker has {kind} `{name}` in version {version}; there is {}", found.join(", "))
        }
        _ => format!("no live worker has {kind} `{name}`"),
    }
}

fn turn_held(holder: &Holder, until_ms: u64, at: u64) -> String {
    let who = who(holder);
    match holder.is_alive {
        Some(false) => format!("its turn was taken by {who}, which is dead; others take it {}", free(until_ms, at)),
        Some(true) | None => format!("its turn is being computed by {who} {}", until(until_ms, at)),
    }
}

/// When the lease of a dead worker lets go.
fn free(until_ms: u64, at: u64) -> String {
    match until_ms.checked_sub(at) {
        Some(left_ms) if left_ms > 0 => format!("in {}", span(left_ms)),
        _ => "now".to_owned(),
    }
}

fn who(holder: &Holder) -> String {
    match (&holder.worker, &holder.owner) {
        (Some(worker), _) => format!("worker {worker}"),
        (None, Some(owner)) => format!("somebody who signs as `{owner}`"),
        (None, None) => "somebody".to_owned(),
    }
}

fn activity(reason: &Reason, at: u64) -> String {
    let Reason::Activity { name, since_ms, attempt, attempts_max, error, deadline_ms, asked_at, state, .. } = reason
    else {
        return String::new();
    };
    let since = ago(*since_ms, at);
    let state = match state {
        ActivityState::Queued => format!("waits for a worker since {since}"),
        ActivityState::Held { holder, until_ms, deliveries } => held(holder, *until_ms, *deliveries, &since, at),
        ActivityState::BetweenAttempts { due_ms } => match due_ms.checked_sub(at) {
            Some(left_ms) => format!("next in {}", span(left_ms)),
            None => "the next attempt is due".to_owned(),
        },
        ActivityState::GivenBack { due_ms, deliveries } => format!(
            "was taken {} and given back, and can be taken again {}",
            many(*deliveries as usize, "time", "times"),
            free(*due_ms, at)
        ),
        ActivityState::NoHandler => format!("waits since {since}: no live worker has it registered"),
        ActivityState::NoWorkerForTag { tag: Some(tag) } => {
            format!("waits since {since}: no live worker serves tag `{tag}`")
        }
        ActivityState::NoWorkerForTag { tag: None } => {
            format!("waits since {since}: no live worker that has it takes activities without a tag")
        }
        ActivityState::SessionHeld { session_id, holder, until_ms } => {
            let who = who(holder);
            format!("waits since {since}: session `{session_id}` is held by {who} {}", until(*until_ms, at))
        }
        ActivityState::ResultQueued => "has ended, and its result waits to be processed".to_owned(),
        ActivityState::Lost => {
            format!("was asked for {since} ago, but its row in the queue is gone and no result came")
        }
    };
    let deadline = deadline_ms.map(|deadline_ms| format!("; its time limit is {}", due(deadline_ms, at)));
    format!(
        "activity `{name}`{} {}{state}{}",
        in_parentheses(places("called", asked_at)),
        attempts(*attempt, *attempts_max, error.as_deref().map(without_inputs).as_deref(), reason),
        deadline.unwrap_or_default()
    )
}

/// Which attempt it is, and what became of the one before.
fn attempts(attempt: u32, attempts_max: Option<u32>, error: Option<&str>, of: &Reason) -> String {
    let max = attempts_max.map(|max| format!(" of {max}")).unwrap_or_default();
    let is_between = matches!(of, Reason::Activity { state: ActivityState::BetweenAttempts { .. }, .. });
    match error {
        None => String::new(),
        Some(error) if is_between => format!("failed {attempt}{max} attempts: {error}; "),
        Some(error) => format!("(attempt {attempt}{max}; the one before failed: {error}) "),
    }
}

fn held(holder: &Holder, until_ms: u64, deliveries: u32, since: &str, at: u64) -> String {
    let who = who(holder);
    let again = if deliveries > 1 { format!(", handed out {deliveries} times") } else { String::new() };
    match holder.is_alive {
        Some(false) => {
            format!("was taken by {who}, which is dead; others take it {}{again}", free(until_ms, at))
        }
        Some(true) | None => format!("runs on {who}, asked for {since} ago{again}"),
    }
}
