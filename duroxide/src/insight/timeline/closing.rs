//! A history that was read to its end becomes a timeline: what has no answer lasts until now, or until the end.

use super::reading::{Open, Reading};
use super::{End, Outcome, Timeline};
use crate::model::error::{AppErrorKind, ErrorDetails};
use crate::model::event::{Event, EventKind};

impl Reading<'_> {
    pub(super) fn into_timeline(mut self, history: &[Event], now_ms: u64) -> Timeline {
        let newest = history.iter().map(|event| event.timestamp_ms).max().unwrap_or(now_ms);
        let from_ms = history.first().map_or(now_ms, |event| event.timestamp_ms);
        // Workers' clocks differ: what is written has happened.
        let to_ms = self.end.as_ref().map_or(now_ms.max(newest), |(at_ms, _)| (*at_ms).max(newest));
        let last = if self.end.is_some() { Outcome::Left } else { Outcome::Open };
        self.close(to_ms, &last);
        for bar in 0..self.bars.len() {
            self.bars[bar].attempts_max = self.retries.attempts_max(bar);
        }
        let (name, version) = history.iter().find_map(started).unwrap_or_default();
        let first = history.first();
        let absorbed = self.absorbed;
        let kept = self.bars.into_iter().enumerate().filter(|(at, _)| !absorbed.contains(at)).map(|(_, bar)| bar);
        Timeline {
            instance_id: first.map(|event| event.instance_id.clone()).unwrap_or_default(),
            execution_id: first.map(|event| event.execution_id).unwrap_or_default(),
            name,
            version,
            from_ms,
            to_ms,
            end: self.end.map(|(_, end)| end),
            bars: kept.collect(),
            marks: self.marks,
            event_count: history.len(),
        }
    }

    /// What has no answer lasts until `to_ms`.
    fn close(&mut self, to_ms: u64, last: &Outcome) {
        for open in self.open.values() {
            match open {
                Open::Attempt { bar, attempt, .. } => {
                    let attempt = &mut self.bars[*bar].attempts[*attempt];
                    attempt.to_ms = to_ms.max(attempt.from_ms);
                    attempt.outcome = last.clone();
                }
                Open::Wait { bar, wait } => {
                    let wait = &mut self.bars[*bar].waits[*wait];
                    wait.to_ms = to_ms.max(wait.from_ms);
                }
                Open::Bar(_) | Open::Deadline { .. } | Open::Policy { .. } => {}
            }
        }
        for bar in self.bars.iter_mut().filter(|bar| bar.outcome == Outcome::Open) {
            bar.to_ms = to_ms.max(bar.from_ms);
            bar.outcome = last.clone();
        }
    }
}

/// How the execution ended that failed so.
pub(super) fn ended(details: &ErrorDetails) -> End {
    match details {
        ErrorDetails::Application { kind: AppErrorKind::Cancelled { reason }, .. } => {
            End::Cancelled { reason: reason.clone() }
        }
        ErrorDetails::Application {
            kind: AppErrorKind::ActivityFailed | AppErrorKind::OrchestrationFailed | AppErrorKind::Panicked,
            ..
        }
        | ErrorDetails::Infrastructure { .. }
        | ErrorDetails::Configuration { .. }
        | ErrorDetails::Poison { .. } => End::Failed { message: details.display_message() },
    }
}

fn started(event: &Event) -> Option<(String, String)> {
    match &event.kind {
        EventKind::OrchestrationStarted { name, version, .. } => Some((name.clone(), version.clone())),
        // A search for one kind; all others are passed over.
        _ => None,
    }
}
