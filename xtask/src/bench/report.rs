//! Medians, spread and ratios of the trials, as a table for people and as lines of JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::cases::{Better, Case, Figure, Target};
use super::programs::{Setting, Subject, Trial};
use crate::failure::Failure;

/// All trials of one case.
pub(super) struct Series<'a> {
    case: &'a Case,
    trials: Vec<(Subject, Setting, Trial)>,
    /// The published crate's trials that did not come to their end.
    unfinished: Vec<Setting>,
}

/// Median, least and greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// `None` when nothing was measured.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) };
        Some(Spread { median, least, most })
    }
}

impl<'a> Series<'a> {
    pub(super) fn new(case: &'a Case) -> Self {
        Series { case, trials: Vec::new(), unfinished: Vec::new() }
    }

    pub(super) fn case(&self) -> &'a Case {
        self.case
    }

    /// A trial of the published crate did not come to its end.
    pub(super) fn unfinished(&mut self, setting: Setting) {
        self.unfinished.push(setting);
    }

    fn times_unfinished(&self, setting: Setting) -> usize {
        self.unfinished.iter().filter(|with| **with == setting).count()
    }

    /// Ours must not fail a single orchestration; what the other one fails is told in the table.
    pub(super) fn add(&mut self, subject: Subject, setting: Setting, trial: Trial) -> Result<(), Failure> {
        let failed = trial.figure("failed").unwrap_or_default();
        if subject == Subject::Ours && failed > 0.0 {
            return Err(Failure::Failed(format!("{}: {failed} orchestrations failed", self.case.name)));
        }
        self.trials.push((subject, setting, trial));
        Ok(())
    }

    fn of(&self, subject: Subject, setting: Setting, key: &str) -> Option<Spread> {
        let own = self.trials.iter().filter(|(who, with, _)| (*who, *with) == (subject, setting));
        Spread::of(own.filter_map(|(_, _, trial)| trial.figure(key)).collect())
    }

    fn flush_ms(&self) -> Option<f64> {
        self.median("fdatasync_ms")
    }

    /// Of what was measured beside the trials.
    fn median(&self, key: &str) -> Option<f64> {
        let all = self.trials.iter().filter_map(|(_, _, trial)| trial.figure(key));
        Spread::of(all.collect()).map(|spread| spread.median)
    }

    /// The better of the published crate's two medians.
    fn published(&self, figure: &Figure) -> Option<f64> {
        let medians = [Setting::Best, Setting::Default]
            .into_iter()
            .filter_map(|setting| self.of(Subject::Published, setting, figure.key))
            .map(|spread| spread.median);
        match figure.better {
            Better::More => medians.max_by(f64::total_cmp),
            Better::Less => medians.min_by(f64::total_cmp),
        }
    }

    fn ours(&self, figure: &Figure) -> Option<f64> {
        self.of(Subject::Ours, Setting::Best, figure.key).map(|spread| spread.median)
    }

    /// How many times as good as the published crate at its best.
    fn ratio(&self, figure: &Figure) -> Option<f64> {
        let (ours, published) = (self.ours(figure)?, self.published(figure)?);
        let ratio = match figure.better {
            Better::More => ours / published,
            Better::Less => published / ours,
        };
        (figure.compares && ratio.is_finite()).then_some(ratio)
    }

    fn failed(&self, subject: Subject) -> f64 {
        let own = self.trials.iter().filter(|(who, _, _)| *who == subject);
        own.filter_map(|(_, _, trial)| trial.figure("failed")).sum()
    }
}

/// Markdown, so that it can be put into the docs as it is.
pub(super) fn table(series: &[Series], machine: &str, sync: &str) -> String {
    let mut text = format!("\n{machine}\n\n");
    let word = |subject| {
        let said = |trial: &Trial| format!("{}, {}", trial.word("version"), trial.word("durability"));
        let mut own = series.iter().flat_map(|series| &series.trials).filter(|(who, _, _)| *who == subject);
        own.find(|(_, _, trial)| !trial.word("durability").is_empty()).map(|(_, _, trial)| said(trial))
    };
    for (name, subject) in [("ours", Subject::Ours), ("published", Subject::Published)] {
        if let Some(said) = word(subject) {
            let _ = writeln!(text, "- {name}: {said}");
        }
    }
    let flushes = series.iter().flat_map(|series| &series.trials).filter_map(|(_, _, t)| t.figure("fdatasync_ms"));
    if let Some(flush) = Spread::of(flushes.collect()) {
        let Spread { median, least, most } = flush;
        let _ = writeln!(text, "- fdatasync of 4 KiB: {median:.3} ms, from {least:.3} to {most:.3}");
    }
    text.push_str(
        "\n| workload | unit | ours, best options | ours, defaults | published, tuned | published, defaults \
         | ratio | flush, ms | target | |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for series in series {
        for (at, figure) in series.case.figures.iter().enumerate() {
            let name = if at == 0 { series.case.name } else { "" };
            let _ = writeln!(text, "| {name} {}", row(series, figure, sync));
        }
        if series.failed(Subject::Published) > 0.0 {
            let _ = writeln!(text, "| | orchestrations failed | | | {} | | | | | |", series.failed(Subject::Published));
        }
        if !series.unfinished.is_empty() {
            let [tuned, default] = [Setting::Best, Setting::Default].map(|setting| series.times_unfinished(setting));
            let _ = writeln!(text, "| | trials that did not finish | | | {tuned} | {default} | | | | |");
        }
    }
    text
}

fn row(series: &Series, figure: &Figure, sync: &str) -> String {
    let cell = |subject, setting| series.of(subject, setting, figure.key).map(shown).unwrap_or_default();
    let ratio = series.ratio(figure).map(|ratio| format!("{} ×", short(ratio))).unwrap_or_default();
    let flush = series.flush_ms().map(|flush| format!("{flush:.3}")).unwrap_or_default();
    let target = figure.targets[usize::from(sync == "normal")];
    let (wanted, verdict) = judge(series, figure, target);
    format!(
        "| {} | {} | {} | {} | {} | {ratio} | {flush} | {wanted} | {verdict} |",
        figure.unit,
        cell(Subject::Ours, Setting::Best),
        cell(Subject::Ours, Setting::Default),
        cell(Subject::Published, Setting::Best),
        cell(Subject::Published, Setting::Default),
    )
}

/// The target in words, and whether it was met.
fn judge(series: &Series, figure: &Figure, target: Target) -> (String, &'static str) {
    let at_most = |most: f64| series.ours(figure).map(|ours| ours <= most);
    let (wanted, met) = match target {
        Target::None => return (String::new(), ""),
        Target::Times(times) => (format!("≥ {times} ×"), series.ratio(figure).map(|ratio| ratio >= times)),
        Target::AtLeast(least) => (format!("≥ {}", short(least)), series.ours(figure).map(|ours| ours >= least)),
        Target::AtMost(most) => (format!("≤ {}", short(most)), at_most(most)),
        Target::OfInserts(part) => {
            let inserts = series.median("inserts_per_s");
            let least = inserts.map(|inserts| inserts * part);
            let wanted = format!("≥ {part} of {} inserts/s = {}", said(inserts), said(least));
            (wanted, least.and_then(|least| series.ours(figure).map(|ours| ours >= least)))
        }
        Target::Commits(commits) => {
            let most = series.median("commit_ms").map(|ms| ms * commits);
            let wanted = format!("≤ {commits} commits of the server's own = {}", said(most));
            (wanted, most.and_then(at_most))
        }
        Target::Flushes(flushes, ms) => {
            let most = series.flush_ms().map(|flush| flush * flushes + ms);
            let wanted = format!("≤ {flushes} flushes + {ms} = {}", said(most));
            (wanted, most.and_then(at_most))
        }
    };
    let verdict = match met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "",
    };
    (wanted, verdict)
}

/// What was not measured is told as nothing.
fn said(value: Option<f64>) -> String {
    value.map(short).unwrap_or_default()
}

fn shown(spread: Spread) -> String {
    let Spread { median, least, most } = spread;
    if least == most {
        return short(median);
    }
    format!("{} ({}–{})", short(median), short(least), short(most))
}

/// Three significant digits or the whole number.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// One object for each figure of each case; what was not measured is `null`.
pub(super) fn json_lines(series: &[Series], sync: &str) -> String {
    let mut text = String::new();
    for series in series {
        for figure in series.case.figures {
            text.push_str(&json_line(series, figure, sync));
            text.push('\n');
        }
    }
    text
}

fn json_line(series: &Series, figure: &Figure, sync: &str) -> String {
    let median = |subject, setting| series.of(subject, setting, figure.key).map(|spread| spread.median);
    let fields: [(&str, Value); 13] = [
        ("workload", json!(series.case.workload)),
        ("in_flight", json!(series.case.in_flight)),
        ("sync", json!(sync)),
        ("unit", json!(figure.unit)),
        ("ours", json!(series.ours(figure))),
        ("published", json!(series.published(figure))),
        ("ratio", json!(series.ratio(figure))),
        ("fdatasync_ms", json!(series.flush_ms())),
        ("case", json!(series.case.name)),
        ("ours_default", json!(median(Subject::Ours, Setting::Default))),
        ("published_default", json!(median(Subject::Published, Setting::Default))),
        ("inserts_per_s", json!(series.median("inserts_per_s"))),
        ("commit_ms", json!(series.median("commit_ms"))),
    ];
    // By hand, because a map would be sorted: the order is part of what readers expect.
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}
