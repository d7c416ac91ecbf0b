//! A timeline as a Gantt chart in Mermaid's text.

use std::fmt::Write as _;

use super::labels;
use super::{Layout, SEGMENTS_MAX, rows};
use crate::insight::is_hidden;
use crate::insight::span::count;
use crate::insight::timeline::{Attempt, Bar, BarKind, Outcome, Timeline};

/// The timeline in the language of [Mermaid](https://mermaid.js.org), which draws it in Markdown. Of `layout`, only
/// [`rows`](Layout::rows) counts.
pub fn mermaid(timeline: &Timeline, layout: &Layout) -> String {
    let (bars, more) = rows::choose(timeline, layout.rows);
    let mut text = String::from("gantt\n");
    let title =
        format!("{} {}, {}, {}", timeline.name, timeline.version, timeline.instance_id, labels::stand(timeline));
    line(&mut text, format_args!("    title {}", plain(&title)));
    line(&mut text, format_args!("    dateFormat x"));
    line(&mut text, format_args!("    axisFormat %H:%M:%S"));
    let mut section = None;
    for kind in KINDS {
        for bar in bars.iter().filter(|bar| bar.kind == kind) {
            if section.replace(kind) != Some(kind) {
                line(&mut text, format_args!("    section {}", kind.label()));
            }
            tasks(&mut text, bar);
        }
    }
    if more > 0 {
        line(&mut text, format_args!("    section and {} more", count(more)));
    }
    text
}

/// Sections, in this order.
const KINDS: [BarKind; 7] = [
    BarKind::Activity,
    BarKind::Child,
    BarKind::Event,
    BarKind::Queue,
    BarKind::Timer,
    BarKind::Detached,
    BarKind::SystemCall,
];

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes everything");
}

fn tasks(text: &mut String, bar: &Bar) {
    let name = plain(&bar.name);
    if bar.attempts.len() < 2 {
        task(text, &name, bar.event_id, &bar.outcome, bar.from_ms, bar.to_ms);
        return;
    }
    let hidden = bar.attempts.len().saturating_sub(SEGMENTS_MAX);
    for (number, attempt) in (1..).zip(&bar.attempts).skip(hidden) {
        let Attempt { event_id, from_ms, to_ms, outcome, .. } = attempt;
        task(text, &format!("{name}, attempt {number}"), *event_id, outcome, *from_ms, *to_ms);
    }
}

fn task(text: &mut String, name: &str, event_id: u64, outcome: &Outcome, from_ms: u64, to_ms: u64) {
    let tag = match outcome {
        Outcome::Done => "done, ",
        Outcome::Open => "active, ",
        Outcome::Failed { .. } | Outcome::TimedOut => "crit, ",
        Outcome::Cancelled { .. } | Outcome::Left => "",
    };
    let said = match outcome {
        Outcome::Done => String::new(),
        other => format!(" ({})", other.label()),
    };
    // A task of no length is not drawn.
    let to_ms = to_ms.max(from_ms + 1);
    line(text, format_args!("    {name}{said} :{tag}e{event_id}, {from_ms}, {to_ms}"));
}

/// What Mermaid reads as its own signs becomes a space.
fn plain(name: &str) -> String {
    let sign = |letter: char| is_hidden(letter) || ":;#%,\"<>`{}|\\".contains(letter);
    name.chars().map(|letter| if sign(letter) { ' ' } else { letter }).collect()
}
