//! What is written beside the bars.

use crate::insight::span::span;
use crate::insight::timeline::{Bar, BarKind, End, Outcome, Timeline};

/// How a bar went, in a few words.
pub(super) fn outcome(bar: &Bar) -> String {
    let length = span(bar.to_ms - bar.from_ms);
    let attempts = bar.attempts.len();
    let said = match (&bar.outcome, bar.kind) {
        (Outcome::Done, BarKind::Detached) => "started".to_owned(),
        (Outcome::Done, BarKind::SystemCall) => "answered".to_owned(),
        (Outcome::Done, _) => length,
        (Outcome::Open, _) if bar.is_between_attempts() => format!("retries, {length}"),
        (Outcome::Open, _) => format!("open, {length}"),
        (Outcome::Failed { .. } | Outcome::TimedOut | Outcome::Cancelled { .. } | Outcome::Left, _) => {
            bar.outcome.label().to_owned()
        }
    };
    match (attempts, bar.attempts_max) {
        (0 | 1, _) => said,
        (attempts, Some(most)) => format!("{said} · {attempts} of {most}"),
        (attempts, None) => format!("{said} · {attempts}×"),
    }
}

/// The same as a sentence, for the title of a bar.
pub(super) fn sentence(bar: &Bar) -> String {
    let Bar { kind, name, event_id, outcome, .. } = bar;
    let length = span(bar.to_ms - bar.from_ms);
    let mut text = format!("{} {name} (event {event_id}): {} after {length}", kind.label(), outcome.label());
    if bar.attempts.len() > 1 {
        text.push_str(&format!(", {} attempts", bar.attempts.len()));
    }
    if let Some(child) = &bar.child {
        text.push_str(&format!(", instance {child}"));
    }
    if let Some(tag) = &bar.tag {
        text.push_str(&format!(", tag {tag}"));
    }
    text
}

/// How the execution stands, for the line under the title.
pub(super) fn stand(timeline: &Timeline) -> String {
    let length = span(timeline.to_ms - timeline.from_ms);
    match &timeline.end {
        None => format!("running for {length}"),
        Some(End::Completed) => format!("completed in {length}"),
        Some(End::Failed { .. }) => format!("failed after {length}"),
        Some(End::Cancelled { .. }) => format!("cancelled after {length}"),
        Some(End::ContinuedAsNew) => format!("continued as new after {length}"),
    }
}

/// `text`, cut after `most` characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}
