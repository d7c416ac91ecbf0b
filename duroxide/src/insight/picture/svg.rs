//! A timeline as one SVG that needs nothing else: light and dark, readable without colour.

use std::fmt::{Display, Write as _};

use super::labels::{self, cut};
use super::scale::{Piece, Scale};
use super::{Layout, SEGMENTS_MAX, STYLE_SHEET, Style, rows};
use crate::insight::is_hidden;
use crate::insight::span::{count, span};
use crate::insight::timeline::{Bar, BarKind, MarkKind, Outcome, Timeline};

const MARGIN: f64 = 18.0;
const NAMES_PX: f64 = 190.0;
const SAID_PX: f64 = 128.0;
const HEAD_PX: f64 = 78.0;
const ROW_PX: f64 = 26.0;
const BAR_PX: f64 = 14.0;
const FOOT_PX: f64 = 40.0;
/// Room for a length of time on the axis.
const SPAN_PX: f64 = 48.0;
/// Characters that fit beside the bars.
const NAME_LETTERS: usize = 22;

/// The timeline as an SVG document. It has no scripts, refers to nothing outside, and all text in it is escaped.
pub fn svg(timeline: &Timeline, layout: &Layout) -> String {
    let (bars, more) = rows::choose(timeline, layout.rows);
    let width = f64::from(layout.width.clamp(480, 4_000));
    let plot = Plot {
        left: MARGIN + NAMES_PX,
        right: width - MARGIN - SAID_PX,
        bottom: HEAD_PX + ROW_PX * bars.len().max(1) as f64,
        scale: Scale::of(times(timeline, &bars), width - 2.0 * MARGIN - NAMES_PX - SAID_PX),
    };
    let height = plot.bottom + FOOT_PX;
    let mut svg = Svg::default();
    let name = format!("Timeline of {} {}", timeline.name, timeline.instance_id);
    svg.add(format_args!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="dx-timeline" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{}">"#,
        Escaped(&format!("{name}, {}", labels::stand(timeline)))
    ));
    svg.add(format_args!("<title>{}</title>", Escaped(&name)));
    if layout.style == Style::Embedded {
        svg.add(format_args!("<style>{STYLE_SHEET}</style>"));
    }
    let (inner_width, inner_height) = (width - 1.0, height - 1.0);
    svg.add(format_args!(
        r#"<rect class="paper" x="0.5" y="0.5" width="{inner_width}" height="{inner_height}" rx="10"/>"#
    ));
    svg.head(timeline);
    svg.axis(&plot);
    for (row, bar) in bars.iter().enumerate() {
        svg.row(&plot, HEAD_PX + ROW_PX * row as f64, bar, width - MARGIN);
    }
    svg.marks(&plot, timeline);
    svg.foot(&bars, more, plot.bottom + 25.0, width - MARGIN);
    svg.add(format_args!("</svg>"));
    svg.text
}

/// Where something begins or ends: only what is drawn, so that it stays bounded.
fn times(timeline: &Timeline, bars: &[&Bar]) -> Vec<u64> {
    let mut times = vec![timeline.from_ms, timeline.to_ms];
    for bar in bars {
        times.extend([bar.from_ms, bar.to_ms]);
        let hidden = bar.attempts.len().saturating_sub(SEGMENTS_MAX);
        times.extend(bar.attempts.iter().skip(hidden).flat_map(|attempt| [attempt.from_ms, attempt.to_ms]));
    }
    times
}

struct Plot {
    left: f64,
    right: f64,
    bottom: f64,
    scale: Scale,
}

impl Plot {
    fn x(&self, ms: u64) -> f64 {
        self.left + self.scale.x(ms)
    }
}

#[derive(Default)]
struct Svg {
    text: String,
}

impl Svg {
    fn add(&mut self, piece: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{piece}").expect("a string takes everything");
    }

    fn head(&mut self, timeline: &Timeline) {
        let version = if timeline.version.is_empty() { String::new() } else { format!(" {}", timeline.version) };
        let title = format!("{}{version} · {}", timeline.name, timeline.instance_id);
        let execution = match timeline.execution_id {
            0 | 1 => String::new(),
            later => format!(" · execution {later}"),
        };
        let events = count(timeline.event_count);
        let stand = format!("{}{execution} · {events} events", labels::stand(timeline));
        self.add(format_args!(r#"<text class="title" x="{MARGIN}" y="27">{}</text>"#, Escaped(&cut(&title, 70))));
        self.add(format_args!(r#"<text class="muted small" x="{MARGIN}" y="45">{}</text>"#, Escaped(&stand)));
    }

    /// Figures, lines down to the foot, and the broken stretches.
    fn axis(&mut self, plot: &Plot) {
        let (top, bottom) = (HEAD_PX - 8.0, plot.bottom);
        for piece in plot.scale.pieces.iter().filter(|piece| piece.is_broken) {
            let (left, width) = (plot.left + piece.left, piece.right - piece.left);
            let height = bottom - top;
            self.add(format_args!(
                r#"<rect class="gap" x="{left:.1}" y="{top}" width="{width:.1}" height="{height}"/>"#
            ));
            let middle = left + width / 2.0;
            let from = middle - 9.0;
            self.add(format_args!(r#"<path class="break" d="M{from:.1} {top}l3 -4 4 8 4 -8 4 8 3 -4"/>"#));
            if width >= SPAN_PX {
                let said = span(piece.to_ms - piece.from_ms);
                let y = top - 10.0;
                self.add(format_args!(
                    r#"<text class="tick" x="{middle:.1}" y="{y}" text-anchor="middle">{said}</text>"#
                ));
            }
        }
        let broken = |piece: &Piece| piece.is_broken && piece.right - piece.left >= SPAN_PX;
        let said: Vec<f64> = plot
            .scale
            .pieces
            .iter()
            .filter(|piece| broken(piece))
            .map(|piece| (piece.left + piece.right) / 2.0)
            .collect();
        for tick in plot.scale.ticks() {
            let x = plot.left + tick.x;
            self.add(format_args!(r#"<path class="grid" d="M{x:.1} {top}V{bottom}"/>"#));
            // A figure that runs into that of a break, or into the margin, would not be read.
            let is_free = |middle: &f64| tick.x + SPAN_PX < middle - SPAN_PX / 2.0 || tick.x > middle + SPAN_PX / 2.0;
            if tick.x <= plot.right - plot.left - 30.0 && said.iter().all(is_free) {
                let y = top - 10.0;
                self.add(format_args!(r#"<text class="tick" x="{x:.1}" y="{y}">{}</text>"#, tick.text));
            }
        }
    }

    fn row(&mut self, plot: &Plot, top: f64, bar: &Bar, right: f64) {
        let middle = top + ROW_PX / 2.0;
        let kind = class(bar.kind);
        let outcome = bar.outcome.label().replace(' ', "-").replace("not-needed", "left");
        self.add(format_args!(r#"<g class="{kind} {outcome}">"#));
        self.add(format_args!("<title>{}</title>", Escaped(&labels::sentence(bar))));
        self.add(format_args!(r#"<path class="k" transform="translate({MARGIN} {middle})" d="{}"/>"#, sign(bar.kind)));
        let (x, y) = (MARGIN + 20.0, middle + 4.5);
        self.add(format_args!(r#"<text x="{x}" y="{y}">{}</text>"#, Escaped(&cut(&bar.name, NAME_LETTERS))));
        self.segments(plot, middle, bar);
        self.add(format_args!(
            r#"<text class="said" x="{right}" y="{y}" text-anchor="end">{}</text>"#,
            Escaped(&labels::outcome(bar))
        ));
        self.add(format_args!("</g>"));
    }

    /// The bar itself: one box, or one for each attempt with the waits between.
    fn segments(&mut self, plot: &Plot, middle: f64, bar: &Bar) {
        if bar.attempts.is_empty() {
            self.segment(plot, middle, bar.from_ms, bar.to_ms, &bar.outcome, true);
            return;
        }
        let hidden = bar.attempts.len().saturating_sub(SEGMENTS_MAX);
        let shown = &bar.attempts[hidden..];
        // What lies between two attempts, before the first that is shown, and behind the last while another is due.
        let begins = (hidden > 0).then_some(bar.from_ms);
        let ends = bar.is_between_attempts().then_some(bar.to_ms);
        let from = begins.into_iter().chain(shown.iter().map(|attempt| attempt.to_ms));
        let to = shown.iter().map(|attempt| attempt.from_ms).skip(usize::from(begins.is_none())).chain(ends);
        for (from_ms, to_ms) in from.zip(to) {
            let (from, to) = (plot.x(from_ms), plot.x(to_ms));
            self.add(format_args!(r#"<path class="wait" d="M{from:.1} {middle}H{to:.1}"/>"#));
        }
        for (at, attempt) in shown.iter().enumerate() {
            let is_last = at + 1 == shown.len();
            self.segment(plot, middle, attempt.from_ms, attempt.to_ms, &attempt.outcome, is_last);
        }
    }

    fn segment(&mut self, plot: &Plot, middle: f64, from_ms: u64, to_ms: u64, outcome: &Outcome, is_last: bool) {
        let left = plot.x(from_ms);
        let width = (plot.x(to_ms) - left).max(3.0);
        let y = middle - BAR_PX / 2.0;
        let failed = matches!(outcome, Outcome::Failed { .. } | Outcome::TimedOut);
        let class = match (failed, is_last) {
            (true, true) => "bar failed last",
            (true, false) => "bar failed",
            (false, true) => "bar last",
            (false, false) => "bar",
        };
        self.add(format_args!(
            r#"<rect class="{class}" x="{left:.1}" y="{y}" width="{width:.1}" height="{BAR_PX}" rx="3"/>"#
        ));
        if failed {
            // A cross at its end: whoever sees no red sees that.
            let (x, y) = (left + width - 3.5, middle - 3.5);
            self.add(format_args!(r#"<path class="cross" d="M{x:.1} {y}l7 7m0 -7l-7 7"/>"#));
        }
    }

    fn marks(&mut self, plot: &Plot, timeline: &Timeline) {
        let cancelled = timeline.marks.iter().find(|mark| matches!(mark.kind, MarkKind::CancelRequested { .. }));
        if let Some(mark) = cancelled {
            let (x, top, bottom) = (plot.x(mark.at_ms), HEAD_PX - 8.0, plot.bottom);
            self.add(format_args!(
                r#"<g><title>cancel requested</title><path class="mark" d="M{x:.1} {top}V{bottom}"/></g>"#
            ));
        }
    }

    /// What the signs mean, and what is not drawn.
    fn foot(&mut self, bars: &[&Bar], more: usize, y: f64, right: f64) {
        let mut x = MARGIN;
        let mut kinds: Vec<BarKind> = bars.iter().map(|bar| bar.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let (label, middle) = (kind.label(), y - 4.0);
            self.add(format_args!(
                r#"<g class="{}"><path class="k" transform="translate({x} {middle})" d="{}"/><text class="muted small" x="{}" y="{y}">{label}</text></g>"#,
                class(kind),
                sign(kind),
                x + 18.0
            ));
            x += 36.0 + 6.4 * label.len() as f64;
        }
        if more > 0 {
            self.add(format_args!(
                r#"<text class="small" x="{right}" y="{y}" text-anchor="end">and {} more</text>"#,
                count(more)
            ));
        }
        if bars.is_empty() {
            let (x, y) = (MARGIN + NAMES_PX, HEAD_PX + ROW_PX / 2.0 + 4.0);
            self.add(format_args!(r#"<text class="muted" x="{x}" y="{y}">nothing was asked for</text>"#));
        }
    }
}

/// The class of a kind, and a part of the style sheet.
fn class(kind: BarKind) -> &'static str {
    match kind {
        BarKind::Activity => "activity",
        BarKind::Timer => "timer",
        BarKind::Event => "event",
        BarKind::Queue => "queue",
        BarKind::Child => "child",
        BarKind::Detached => "detached",
        BarKind::SystemCall => "system-call",
    }
}

/// A sign of twelve pixels for each kind, around the middle of the line.
fn sign(kind: BarKind) -> &'static str {
    match kind {
        BarKind::Activity => "M1 -4.5h10v9h-10zM4 0l1.6 1.8 2.8 -3.4",
        BarKind::Timer => "M6 -5a5 5 0 1 0 .01 0zM6 -2.5v2.5l2 1.4",
        BarKind::Event => "M6.8 -5.5l-4 6h3.2l-.8 5 4 -6h-3.2z",
        BarKind::Queue => "M1 -4h10M1 0h10M1 4h6",
        BarKind::Child => "M1.5 -5v7.5h4M5.5 -.5h5v6h-5z",
        BarKind::Detached => "M2 4l7.5 -7.5M5 -4h5v5",
        BarKind::SystemCall => "M6 -1.5a1.5 1.5 0 1 0 .01 0z",
    }
}

/// Text inside XML: signs are escaped, and letters that XML cannot hold are replaced.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}')?,
                letter if is_hidden(letter) => f.write_char('\u{fffd}')?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}
