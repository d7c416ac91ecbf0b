//! The first page: is all well, and if not, where to look.

use maud::{Markup, html};

use super::View;
use super::words::{ago, coarse, link, nothing, prose};
use crate::client::{Client, ClientError};
use crate::clock;
use crate::dashboard::pulse::{Ended, Pulse, WINDOW_MS};
use crate::insight::span::{count, span};
use crate::model::info::SystemMetrics;
use crate::model::insight::{
    InstancePage, InstanceQuery, InstanceRow, MAX_PAGE, QueueFigures, QueueOverview, Unserved, WorkerInfo,
};

/// Columns of the picture of starts.
const COLUMNS: u64 = 30;

const MINUTE_MS: u64 = 60_000;

pub(super) async fn view(client: &Client, pulse: &Pulse) -> Result<View, ClientError> {
    let now_ms = clock::now_ms();
    let totals = client.get_system_metrics().await?;
    let ended = pulse.beat(now_ms, &totals);
    let view = View::new("Overview");
    if !client.has_insight_capability() {
        let said = "This store keeps no lists for operators: instances can be opened by their id, and that is all.";
        return Ok(view.live("figures", figures(&totals, None, &[], now_ms)).still("said-more", nothing(said)));
    }
    let recent = InstanceQuery {
        created_from_ms: Some(now_ms.saturating_sub(WINDOW_MS)),
        limit: MAX_PAGE,
        ..InstanceQuery::default()
    };
    let recent = client.find_instances(&recent).await?;
    let failed = InstanceQuery { status: Some("Failed".to_owned()), limit: 6, ..InstanceQuery::default() };
    let failed = client.find_instances(&failed).await?;
    let queues = client.queue_overview().await?;
    let workers = client.list_workers().await?;
    let unserved = client.list_unserved(10).await?;
    Ok(view
        .live("alarms", alarms(&unserved, &workers, &queues))
        .live("figures", figures(&totals, Some(&queues), &workers, now_ms))
        .live("throughput", throughput(&recent, ended.as_ref(), now_ms))
        .live("failures", failures(&failed.rows, now_ms))
        .live("waiting", waiting(&queues, now_ms)))
}

/// What somebody must do something about.
fn alarms(unserved: &[Unserved], workers: &[WorkerInfo], queues: &QueueOverview) -> Markup {
    let alive = workers.iter().filter(|worker| worker.is_alive).count();
    html! {
        @if alive == 0 && !workers.is_empty() {
            p.alarm { "No worker is alive: nothing moves until one starts." }
        }
        @for missing in unserved {
            p.alarm { (prose(&sentence(missing))) " Such as " (link(&missing.example)) "." }
        }
        @if queues.quarantined > 0 {
            p.alarm {
                a href="queues" { (unread(queues.quarantined)) } "."
            }
        }
    }
}

/// Messages that were set aside, as a sentence without its end.
pub(super) fn unread(messages: u64) -> String {
    match messages {
        0 => "every message could be read".to_owned(),
        1 => "1 message could not be read and was set aside".to_owned(),
        some => format!("{some} messages could not be read and were set aside"),
    }
}

/// Work that nobody does, as a sentence.
pub(super) fn sentence(missing: &Unserved) -> String {
    let Unserved { kind, name, version, tag, instances, .. } = missing;
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let whom = if *instances == 1 { "1 instance waits".to_owned() } else { format!("{instances} instances wait") };
    match tag {
        Some(tag) => format!("{whom} for {kind} `{name}`, and no live worker serves the tag `{tag}`."),
        None => format!("{whom} for {kind} `{name}`{version}, which no live worker has."),
    }
}

fn figures(totals: &SystemMetrics, queues: Option<&QueueOverview>, workers: &[WorkerInfo], now_ms: u64) -> Markup {
    let number = |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX));
    let alive = workers.iter().filter(|worker| worker.is_alive).count();
    html! {
        h2.unseen { "Figures" }
        dl.figures {
            (figure("Running", &number(totals.running_instances), "instances?status=Running", "running"))
            (figure("Completed", &number(totals.completed_instances), "instances?status=Completed", "completed"))
            (figure("Failed", &number(totals.failed_instances), "instances?status=Failed", "failed"))
            @if let Some(queues) = queues {
                @let ready = queues.orchestrator.ready + queues.worker.ready;
                (figure("Ready in queues", &number(ready), "queues", ""))
                (figure("Oldest of these", &oldest(queues, now_ms), "queues", ""))
                (figure("Workers alive", &alive.to_string(), "workers", ""))
            }
        }
    }
}

fn figure(label: &str, value: &str, address: &str, class: &str) -> Markup {
    html! {
        div class={ "figure " (class) } { dt { (label) } dd { a href=(address) { (value) } } }
    }
}

fn oldest(queues: &QueueOverview, now_ms: u64) -> String {
    queues.oldest_ready_at().map_or_else(|| "–".to_owned(), |at| coarse(now_ms.saturating_sub(at)))
}

/// Starts of the last minutes and what became of them.
fn throughput(recent: &InstancePage, ended: Option<&Ended>, now_ms: u64) -> Markup {
    let cut = recent.next.is_some();
    let oldest = recent.rows.last().map_or(now_ms, |row| row.created_at);
    let window_ms = if cut { now_ms.saturating_sub(oldest).max(COLUMNS) } else { WINDOW_MS };
    let columns = columns(&recent.rows, now_ms, window_ms);
    let sum = |of: fn(&Column) -> u32| columns.iter().map(of).sum::<u32>();
    let (done, failed, open) = (sum(|at| at.done), sum(|at| at.failed), sum(|at| at.open));
    let started = done + failed + open;
    let per_minute = f64::from(started) * 60_000.0 / window_ms as f64;
    let window = coarse(window_ms);
    html! {
        div.card {
            h2 { "Started in the last " (window) }
            p.lead {
                strong { (count(started as usize)) } " instances, "
                strong { (format!("{per_minute:.1}")) } " a minute: "
                (count(done as usize)) " completed, " (count(failed as usize)) " failed, "
                (count(open as usize)) " running"
            }
            (ends(ended))
            (chart(&columns, &window))
            p.legend {
                span.completed { "completed" } span.running { "running" } span.failed { "failed" }
            }
        }
    }
}

/// What ended meanwhile, whenever it was started.
fn ends(ended: Option<&Ended>) -> Markup {
    // In whole minutes, so that a page that is watched does not flicker.
    match ended.filter(|ended| ended.window_ms >= MINUTE_MS) {
        None => html! { p.quiet { "Ends are counted from now on." } },
        Some(Ended { window_ms, completed, failed }) => {
            let per_minute = (completed + failed) as f64 * MINUTE_MS as f64 / *window_ms as f64;
            html! {
                p title="by the totals of the store: what was deleted meanwhile is missing" {
                    "Ended in the last " (coarse(window_ms / MINUTE_MS * MINUTE_MS)) ": "
                    strong { (completed + failed) } " instances, "
                    strong { (format!("{per_minute:.1}")) } " a minute: "
                    (completed) " completed, " (failed) " failed"
                }
            }
        }
    }
}

/// Instances that were started in one stretch of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Column {
    done: u32,
    failed: u32,
    open: u32,
}

/// Counts by the time of the start, oldest first.
fn columns(rows: &[InstanceRow], now_ms: u64, window_ms: u64) -> Vec<Column> {
    let mut columns = vec![Column::default(); COLUMNS as usize];
    for row in rows {
        let age_ms = now_ms.saturating_sub(row.created_at);
        let back = usize::try_from(age_ms * COLUMNS / window_ms).unwrap_or(usize::MAX);
        // The oldest is on the edge.
        let at = columns.len() - 1 - back.min(columns.len() - 1);
        match row.status.as_str() {
            "Completed" => columns[at].done += 1,
            "Failed" => columns[at].failed += 1,
            _ => columns[at].open += 1,
        }
    }
    columns
}

fn chart(columns: &[Column], window: &str) -> Markup {
    const HEIGHT: f64 = 96.0;
    const STEP: f64 = 20.0;
    let most = columns.iter().map(|at| at.done + at.failed + at.open).max().unwrap_or_default().max(1);
    let px = |number: u32| HEIGHT * f64::from(number) / f64::from(most);
    let width = STEP * columns.len() as f64;
    let bar = |class: &str, left: f64, bottom: f64, number: u32| {
        let height = px(number);
        let top = HEIGHT - bottom - height;
        html! {
            @if number > 0 {
                rect class=(class) x=(format!("{left:.1}")) y=(format!("{top:.1}")) width="16"
                    height=(format!("{height:.1}")) {}
            }
        }
    };
    html! {
        svg.chart viewBox={ "0 0 " (width) " " (HEIGHT + 18.0) } role="img" aria-label="Starts over time" {
            path.base d={ "M0 " (HEIGHT) "H" (width) } {}
            @for (at, column) in columns.iter().enumerate() {
                @let left = STEP * at as f64 + 2.0;
                (bar("completed", left, 0.0, column.done))
                (bar("running", left, px(column.done), column.open))
                (bar("failed", left, px(column.done) + px(column.open), column.failed))
            }
            text x="0" y=(HEIGHT + 14.0) { (window) " ago" }
            text x=(width) y=(HEIGHT + 14.0) text-anchor="end" { "now" }
            text x="0" y="10" { (most) }
        }
    }
}

fn failures(rows: &[InstanceRow], now_ms: u64) -> Markup {
    html! {
        div.card {
            h2 { "Failed last" }
            @if rows.is_empty() { (nothing("Nothing has failed.")) } @else {
                ul.plain {
                    @for row in rows {
                        li { (link(&row.instance_id)) " " span.quiet { (row.orchestration_name) ", " (ago(row.updated_at, now_ms)) } }
                    }
                }
                p { a href="instances?status=Failed" { "All that failed" } }
            }
        }
    }
}

fn waiting(queues: &QueueOverview, now_ms: u64) -> Markup {
    html! {
        div.card {
            h2 { "Queues" }
            (table(queues, now_ms))
        }
    }
}

/// Figures of both queues.
pub(super) fn table(queues: &QueueOverview, now_ms: u64) -> Markup {
    let row = |name: &str, figures: &QueueFigures| {
        html! {
            tr {
                th scope="row" { (name) }
                td.number { (figures.ready) }
                td.number { (figures.held) }
                td.number { (figures.delayed) }
                td.number { (figures.parked) }
                td { @if let Some(at) = figures.oldest_ready_at { (span(now_ms.saturating_sub(at) / 1_000 * 1_000)) } @else { "–" } }
            }
        }
    };
    html! {
        div.wide tabindex="0" role="region" aria-label="Figures of the queues" {
            table {
                thead { tr {
                    th scope="col" { "Queue" }
                    th.number scope="col" title="can be taken now" { "Ready" }
                    th.number scope="col" title="somebody works on it" { "Held" }
                    th.number scope="col" title="their time has not come" { "Delayed" }
                    th.number scope="col" title="for instances that do not exist" { "Parked" }
                    th scope="col" { "Oldest ready" }
                } }
                tbody {
                    (row("orchestrator", &queues.orchestrator))
                    (row("worker", &queues.worker))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(created_at: u64, status: &str) -> InstanceRow {
        InstanceRow {
            instance_id: "i".to_owned(),
            orchestration_name: "o".to_owned(),
            orchestration_version: None,
            execution_id: 1,
            status: status.to_owned(),
            parent_instance_id: None,
            created_at,
            updated_at: created_at,
        }
    }

    #[test]
    fn starts_are_counted_where_they_were() {
        let now_ms = 10_000_000;
        let rows =
            [row(now_ms, "Running"), row(now_ms - WINDOW_MS + 1, "Failed"), row(now_ms - WINDOW_MS, "Completed")];
        let columns = columns(&rows, now_ms, WINDOW_MS);
        assert_eq!(columns[29], Column { open: 1, ..Column::default() });
        assert_eq!(columns[0], Column { failed: 1, done: 1, open: 0 });
        assert_eq!(columns[1..29].iter().filter(|at| **at != Column::default()).count(), 0);
    }
}
