//! Who works, on what, and what can be started.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::View;
use super::overview::sentence;
use super::words::{address, ago, nothing, prose};
use crate::client::{Client, ClientError};
use crate::clock;
use crate::model::insight::{HandlerInfo, HandlerSort, TagsServed, WorkerInfo};

pub(super) async fn view(client: &Client, may_act: bool) -> Result<View, ClientError> {
    let view = View::new("Workers and handlers");
    if !client.has_insight_capability() {
        return Ok(view.still("workers", nothing("This store does not keep what workers say of themselves.")));
    }
    let now_ms = clock::now_ms();
    let workers = client.list_workers().await?;
    let unserved = client.list_unserved(20).await?;
    let alarms = html! { @for missing in &unserved { p.alarm { (prose(&sentence(missing))) } } };
    Ok(view
        .live("alarms", alarms)
        .live("workers", table(&workers, now_ms))
        .live("orchestrations", handlers(&workers, HandlerSort::Orchestration, may_act))
        .live("activities", handlers(&workers, HandlerSort::Activity, false)))
}

fn table(workers: &[WorkerInfo], now_ms: u64) -> Markup {
    html! {
        div.card {
            h2 { "Workers" }
            @if workers.is_empty() { (nothing("No worker has told this store of itself.")) } @else {
                div.wide tabindex="0" role="region" aria-label="Workers" {
                    table.stack {
                        thead { tr {
                            th scope="col" { "Node" } th scope="col" { "State" } th scope="col" { "Program" }
                            th scope="col" { "Takes" } th.number scope="col" { "Turns" } th.number scope="col" { "Activities" }
                            th scope="col" { "Started" } th scope="col" { "Heard of" }
                        } }
                        tbody { @for worker in workers { (row(worker, now_ms)) } }
                    }
                }
            }
        }
    }
}

fn row(worker: &WorkerInfo, now_ms: u64) -> Markup {
    html! {
        tr {
            th scope="row" { (worker.node) " " span.quiet { "pid " (worker.pid) } }
            td data-label="State" {
                @if worker.is_alive { span.badge.completed { span aria-hidden="true" { "✓" } " Alive" } }
                @else { span.badge.failed { span aria-hidden="true" { "✗" } " Silent" } }
            }
            td data-label="Program" { (worker.program) " " span.quiet { "duroxide " (worker.library_version) } }
            td data-label="Takes" { (takes(&worker.tags)) }
            td.number data-label="Turns" { (worker.orchestration_slots) }
            td.number data-label="Activities" { (worker.activity_slots) }
            td data-label="Started" { (ago(worker.started_at, now_ms)) }
            td data-label="Heard of" { (ago(worker.seen_at, now_ms)) }
        }
    }
}

fn takes(tags: &TagsServed) -> String {
    let mut said = Vec::new();
    if tags.any {
        said.push("any tag".to_owned());
    } else if !tags.tags.is_empty() {
        said.push(format!("tags {}", tags.tags.join(", ")));
    }
    if tags.untagged {
        said.push("untagged".to_owned());
    }
    if said.is_empty() { "no activities".to_owned() } else { said.join(", ") }
}

/// Handlers of all workers that are alive, each with the number of workers that have it.
pub(super) fn known(workers: &[WorkerInfo], kind: HandlerSort) -> BTreeMap<&HandlerInfo, usize> {
    let mut known = BTreeMap::new();
    for worker in workers.iter().filter(|worker| worker.is_alive) {
        for handler in worker.handlers.iter().filter(|handler| handler.kind == kind) {
            *known.entry(handler).or_default() += 1;
        }
    }
    known
}

fn handlers(workers: &[WorkerInfo], kind: HandlerSort, may_start: bool) -> Markup {
    let known = known(workers, kind);
    let title = match kind {
        HandlerSort::Activity => "Activities",
        HandlerSort::Orchestration => "Orchestrations",
    };
    html! {
        div.card {
            h2 { (title) }
            @if known.is_empty() { (nothing("No live worker has one.")) } @else {
                div.wide tabindex="0" role="region" aria-label=(title) {
                    table.stack {
                        thead { tr {
                            th scope="col" { "Name" } th scope="col" { "Version" } th scope="col" { "Signature" }
                            th scope="col" { "Defined at" } th.number scope="col" { "Workers" }
                            @if may_start { th scope="col" { span.unseen { "Start" } } }
                        } }
                        tbody { @for (handler, workers) in &known {
                            tr {
                                th scope="row" { code { (handler.name) } }
                                td data-label="Version" { (handler.version) }
                                td data-label="Signature" { (signature(handler)) }
                                td data-label="Defined at" { (place(handler)) }
                                td.number data-label="Workers" { (workers) }
                                @if may_start { td { a.button href=(start(handler)) { "Start" } } }
                            }
                        } }
                    }
                }
            }
        }
    }
}

fn start(handler: &HandlerInfo) -> String {
    address("start", &[("name", &handler.name), ("version", &handler.version)])
}

fn signature(handler: &HandlerInfo) -> Markup {
    html! {
        @if let Some(source) = &handler.source {
            code.signature {
                "(" @for (at, (name, of)) in source.arguments.iter().enumerate() {
                    @if at > 0 { ", " } (name) ": " (short(of))
                } ") → " (short(&source.ok))
            }
        } @else { span.quiet { "by strings" } }
    }
}

fn place(handler: &HandlerInfo) -> Markup {
    html! {
        @if let Some(source) = &handler.source { span.quiet { (source.file) ":" (source.line) } } @else { "–" }
    }
}

/// A Rust type without the paths in it: `alloc::vec::Vec<shop::Item>` becomes `Vec<Item>`.
pub(super) fn short(of: &str) -> String {
    let mut text = String::with_capacity(of.len());
    let mut word = String::new();
    let mut letters = of.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_alphanumeric() || letter == '_' {
            word.push(letter);
        } else if letter == ':' && letters.peek() == Some(&':') {
            letters.next();
            word.clear();
        } else {
            text.push_str(&word);
            word.clear();
            text.push(letter);
        }
    }
    text + &word
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn types_are_said_without_their_paths() {
        let table = [
            ("u64", "u64"),
            ("()", "()"),
            ("alloc::string::String", "String"),
            ("alloc::vec::Vec<shop::Item>", "Vec<Item>"),
            ("core::option::Option<(u64, a::b::C)>", "Option<(u64, C)>"),
        ];
        for (of, said) in table {
            assert_eq!(short(of), said);
        }
    }
}
