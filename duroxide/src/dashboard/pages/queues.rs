//! What waits, for what, and what could not be read.

use maud::{Markup, html};
use serde::Deserialize;

use super::View;
use super::overview::table;
use super::words::{address, ago, link, nothing, reveal};
use crate::client::{Client, ClientError};
use crate::clock;
use crate::model::insight::{QuarantinedRow, Queue, QueueRow, RowState};

const PAGE: usize = 50;

/// What the address asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(in crate::dashboard) struct Asked {
    /// `worker`, or the other one.
    queue: String,
    after: Option<u64>,
    /// Where the list of what could not be read goes on.
    quarantined_after: Option<u64>,
}

pub(super) async fn view(client: &Client, asked: &Asked, may_act: bool) -> Result<View, ClientError> {
    let view = View::new("Queues");
    if !client.has_insight_capability() {
        let depths = client.get_queue_depths().await?;
        let said = html! {
            p { (depths.orchestrator_queue) " messages for orchestrations and " (depths.worker_queue) " activities wait." }
        };
        return Ok(view.live("figures", said));
    }
    let now_ms = clock::now_ms();
    let queue = if asked.queue == "worker" { Queue::Worker } else { Queue::Orchestrator };
    let overview = client.queue_overview().await?;
    let quarantined = client.list_quarantined(None, asked.quarantined_after, PAGE).await?;
    let rows = client.list_queue(queue, asked.after, PAGE).await?;
    Ok(view
        .live("figures", html! { div.card { h2 { "Figures" } (table(&overview, now_ms)) } })
        .live("quarantine", quarantine(&quarantined, overview.quarantined, now_ms, may_act))
        .live("rows", waiting(&rows, queue, asked, now_ms, may_act)))
}

fn quarantine(rows: &[QuarantinedRow], all: u64, now_ms: u64, may_act: bool) -> Markup {
    html! {
        div.card {
            h2 { "Set aside, because they could not be read" @if all > 0 { " (" (all) ")" } }
            (quarantined(rows, now_ms, may_act))
            @if let Some(last) = rows.last().filter(|_| rows.len() == PAGE) {
                p.pages { a.button href={ "queues?quarantined_after=" (last.id) } { "More" } }
            }
        }
    }
}

/// Messages that could not be read.
pub(super) fn quarantined(rows: &[QuarantinedRow], now_ms: u64, may_act: bool) -> Markup {
    html! {
        @if rows.is_empty() { (nothing("None. All messages can be read.")) }
        @for row in rows {
            div.item {
                p {
                    strong { "Message " (row.id) } " of the " (row.queue) " queue"
                    @if let Some(instance) = &row.instance_id { " for " (link(instance)) }
                    ", set aside " (ago(row.at_ms, now_ms)) ": " (row.reason)
                }
                (reveal("what stands in it", &format!("payload?row={}", row.id)))
                @if may_act {
                    div.actions {
                        form method="post" action="retry" data-act {
                            input type="hidden" name="row" value=(row.id);
                            button { "Put back" }
                        }
                        form method="post" action="drop" data-act data-sure={ "Delete message " (row.id) " for good?" } {
                            input type="hidden" name="row" value=(row.id);
                            button.danger { "Drop" }
                        }
                    }
                }
            }
        }
    }
}

fn waiting(rows: &[QueueRow], queue: Queue, asked: &Asked, now_ms: u64, may_act: bool) -> Markup {
    let tab = |name: Queue, label: &str| {
        html! {
            a.button href={ "queues?queue=" (name) } aria-current=[(name == queue).then_some("true")] { (label) }
        }
    };
    html! {
        div.card {
            h2 { "What waits" }
            p.pages { (tab(Queue::Orchestrator, "for orchestrations")) " " (tab(Queue::Worker, "activities")) }
            @if rows.is_empty() { (nothing("Nothing waits.")) } @else { (queue_rows(rows, now_ms, may_act)) }
            p.pages {
                @if asked.after.is_some() { a.button href={ "queues?queue=" (queue) } { "First" } " " }
                @if let Some(last) = rows.last().filter(|_| rows.len() == PAGE) {
                    a.button href=(address("queues", &[("queue", &queue.to_string()), ("after", &last.id.to_string())])) { "More" }
                }
            }
        }
    }
}

/// A table of messages and activities.
pub(super) fn queue_rows(rows: &[QueueRow], now_ms: u64, may_act: bool) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="What waits" {
            table.stack {
                thead { tr {
                    th scope="col" { "What" } th scope="col" { "Instance" } th scope="col" { "Waits for" }
                    th.number scope="col" { "Attempts" }
                } }
                tbody { @for row in rows {
                    tr {
                        th scope="row" {
                            (row.kind) @if let Some(name) = &row.name { " " code { (name) } }
                            @if let Some(tag) = &row.tag { " " span.quiet { "tag " (tag) } }
                            @if let Some(session) = &row.session_id { " " span.quiet { "session " (session) } }
                        }
                        td data-label="Instance" { @if let Some(instance) = &row.instance_id { (link(instance)) } @else { "–" } }
                        td data-label="Waits for" {
                            (state(row, now_ms))
                            @if may_act && row.state == RowState::Parked { (drop_parked(row.id)) }
                        }
                        td.number data-label="Attempts" { (row.attempts) }
                    }
                } }
            }
        }
    }
}

/// Nobody waits for it: that it goes harms nobody.
fn drop_parked(row: u64) -> Markup {
    html! {
        form method="post" action="drop-parked" data-act data-sure={ "Delete message " (row) " for good?" } {
            input type="hidden" name="row" value=(row);
            button.danger { "Drop" }
        }
    }
}

fn state(row: &QueueRow, now_ms: u64) -> Markup {
    html! {
        @match row.state {
            RowState::Ready => { "somebody to take it, since " (ago(row.visible_at, now_ms)) }
            RowState::Delayed => { "its time, " (ago(row.visible_at, now_ms)) }
            RowState::Held => {
                "the end of its lease" @if let Some(until) = row.locked_until { ", " (ago(until, now_ms)) }
                @if let Some(owner) = &row.owner { ", held by " code { (owner) } }
            }
            RowState::Parked => { "its instance, which does not exist" }
        }
    }
}
