//! What an open activity waits for.

use super::{ActivityState, Facts, Holder, Reason};
use crate::insight::timeline::{Bar, Outcome};
use crate::model::insight::{QueueRow, RowState};
use crate::providers::insight::served::{Lack, Served};

/// The reason that an open activity is.
pub(super) fn reason(bar: &Bar, asked_at: Vec<String>, facts: &Facts) -> Reason {
    let newest = bar.attempts.last();
    let event_id = newest.map_or(bar.event_id, |attempt| attempt.event_id);
    let is_between = bar.is_between_attempts();
    let errors = bar.attempts.iter().rev().filter_map(|attempt| match &attempt.outcome {
        Outcome::Failed { message } => Some(message.clone()),
        _ => None,
    });
    Reason::Activity {
        name: bar.name.clone(),
        event_id,
        since_ms: newest.map_or(bar.from_ms, |attempt| attempt.from_ms),
        attempt: u32::try_from(bar.attempts.len()).unwrap_or(u32::MAX),
        attempts_max: bar.attempts_max,
        error: errors.into_iter().next(),
        deadline_ms: newest.and_then(|attempt| attempt.deadline_ms).filter(|_| !is_between),
        asked_at,
        state: match bar.waits.last().filter(|_| is_between) {
            Some(wait) => ActivityState::BetweenAttempts { due_ms: wait.due_ms },
            None => state(bar, event_id, facts),
        },
    }
}

fn state(bar: &Bar, event_id: u64, facts: &Facts) -> ActivityState {
    if facts.rows.is_none() {
        return ActivityState::Queued;
    }
    match facts.activity(event_id) {
        Some(row) => of_row(bar, row, facts),
        None if facts.is_answered(event_id, &["ActivityCompleted", "ActivityFailed"]) => ActivityState::ResultQueued,
        None if facts.has_all_rows() => ActivityState::Lost,
        None => ActivityState::Queued,
    }
}

fn of_row(bar: &Bar, row: &QueueRow, facts: &Facts) -> ActivityState {
    let holder = || Holder::of(row.owner.as_deref(), facts);
    let until_ms = row.locked_until.unwrap_or(facts.now_ms);
    if row.state == RowState::Held {
        return ActivityState::Held { holder: holder(), until_ms, deliveries: row.attempts };
    }
    if let Some(lack) = lack(bar, facts) {
        return match lack {
            Lack::Handler => ActivityState::NoHandler,
            Lack::Tag => ActivityState::NoWorkerForTag { tag: bar.tag.clone() },
        };
    }
    match (row.state, &row.session_id) {
        (RowState::Delayed, _) => ActivityState::GivenBack { due_ms: row.visible_at, deliveries: row.attempts },
        // Nobody holds the row; whoever is named has its session.
        (_, Some(session_id)) if row.owner.is_some() => {
            ActivityState::SessionHeld { session_id: session_id.clone(), holder: holder(), until_ms }
        }
        _ => ActivityState::Queued,
    }
}

/// Where no worker lives at all, that is said once, and not of every activity.
fn lack(bar: &Bar, facts: &Facts) -> Option<Lack> {
    let workers = facts.workers.as_ref().filter(|_| facts.live().next().is_some())?;
    Served::by(workers).lacks(&bar.name, bar.tag.as_deref())
}
