//! One instance: where it stands, what it did, what it waits for, and what can be done about it.

use maud::{Markup, PreEscaped, html};
use serde::Deserialize;

use super::history::history;
use super::queues::{quarantined, queue_rows};
use super::words::{address, ago, badge, coarse, encoded, link, prose, reveal};
use super::{NoView, View};
use crate::client::Client;
use crate::clock;
use crate::insight::picture::{self, Layout, Style};
use crate::insight::span::count;
use crate::insight::timeline::{BarKind, End, Timeline};
use crate::insight::without_inputs;
use crate::model::event::Event;
use crate::model::info::InstanceInfo;
use crate::model::insight::{InstanceQuery, InstanceRow, ParentFilter};
use crate::model::status::OrchestrationStatus;

/// Children that are listed.
const CHILDREN: usize = 20;
/// Executions that are listed, the newest.
const EXECUTIONS: usize = 20;

/// What the address asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
pub(in crate::dashboard) struct Asked {
    id: String,
    /// The newest when absent.
    execution: Option<u64>,
    /// The page of the history that ends before this event.
    before: Option<u64>,
}

/// What the store says of an instance, read once for all parts of the page.
struct Read<'a> {
    client: &'a Client,
    id: &'a str,
    info: InstanceInfo,
    execution: u64,
    events: Vec<Event>,
    timeline: Timeline,
    now_ms: u64,
}

pub(super) async fn view(client: &Client, asked: &Asked, may_act: bool) -> Result<View, NoView> {
    let now_ms = clock::now_ms();
    let status = client.get_orchestration_status(&asked.id).await?;
    if status == OrchestrationStatus::NotFound {
        return not_begun(client, &asked.id, now_ms, may_act).await;
    }
    let info = client.get_instance_info(&asked.id).await?;
    let execution = asked.execution.unwrap_or(info.current_execution_id);
    let events = client.read_execution_history(&asked.id, execution).await?;
    if events.is_empty() {
        return Err(NoView::NotFound(format!("execution {execution} of {}", asked.id)));
    }
    // In whole seconds, so that a page that is watched changes once a second and not more.
    let timeline = Timeline::of(&events, now_ms / 1_000 * 1_000);
    let read = Read { client, id: &asked.id, info, execution, events, timeline, now_ms };
    let mut view = View::new(&asked.id).live("stand", read.stand().await?);
    if may_act {
        view = view.still("actions", read.actions());
    }
    Ok(view
        .live("timeline", read.picture())
        .live("facts", read.facts(&status).await?)
        .live("kept", read.kept().await?)
        .live("waits", read.waits(may_act).await?)
        .live("family", read.family().await?)
        .live("executions", read.executions().await?)
        .live("history", history(&read.events, &asked.id, read.execution, asked.before)))
}

/// It was started and no turn has been made, or nobody knows it.
async fn not_begun(client: &Client, id: &str, now_ms: u64, may_act: bool) -> Result<View, NoView> {
    let not_found = || NoView::NotFound(format!("instance `{id}`"));
    if !client.has_insight_capability() {
        return Err(not_found());
    }
    let rows = client.list_rows_of(id).await?;
    let set_aside = client.list_quarantined(Some(id), None, 20).await?;
    if rows.is_empty() && set_aside.is_empty() {
        return Err(not_found());
    }
    let html = html! {
        div.card {
            h2 { "It has not begun" }
            (explained(client, id).await?)
            @if !rows.is_empty() { (queue_rows(&rows, now_ms, may_act)) }
            @if !set_aside.is_empty() { (quarantined(&set_aside, now_ms, may_act)) }
        }
    };
    Ok(View::new(id).live("waits", html))
}

/// What the instance waits for, in sentences; marked when it does not go on by itself.
async fn explained(client: &Client, id: &str) -> Result<Markup, NoView> {
    let explanation = client.explain(id).await?;
    let sentences = explanation.reasons.iter().zip(explanation.sentences());
    Ok(html! { @for (reason, sentence) in sentences {
        p class=(if reason.needs_help() { "alarm" } else { "explain" }) { (prose(&sentence)) }
    } })
}

impl Read<'_> {
    async fn stand(&self) -> Result<Markup, NoView> {
        let Read { info, timeline, .. } = self;
        let is_newest = self.execution == info.current_execution_id;
        // How an execution ended is told below.
        let explained = match is_newest && timeline.end.is_none() {
            true => explained(self.client, self.id).await?,
            false => html! {},
        };
        Ok(html! {
            p.lead {
                (badge(&info.status)) " "
                strong { (info.orchestration_name) } " " span.quiet { (info.orchestration_version) }
                " · created " (ago(info.created_at, self.now_ms))
                " · last turn " (ago(info.updated_at, self.now_ms))
                @if let Some(parent) = &info.parent_instance_id { " · child of " (link(parent)) }
            }
            @if !is_newest {
                p.notice { "This is execution " (self.execution) ". " a href=(super::address_of(self.id)) { "To the newest, " (info.current_execution_id) } }
            }
            (explained)
            @match &timeline.end {
                Some(End::Failed { message }) => { (self.failure("Failed: ", message)) }
                Some(End::Cancelled { reason }) => { (self.failure("Cancelled: ", reason)) }
                Some(End::Completed | End::ContinuedAsNew) | None => {}
            }
        })
    }

    /// The text of an error may hold what a payload holds: the first words are shown, the rest on demand.
    fn failure(&self, what: &str, text: &str) -> Markup {
        let ended = self.events.iter().rev().find(|event| event.is_terminal());
        let told = without_inputs(text);
        let short: String = told.chars().take(160).collect();
        html! {
            p.alarm { strong { (what) } (short) @if short.len() < told.len() { "…" } }
            @if let Some(event) = ended.filter(|_| short != text) {
                (reveal("the whole text", &self.payload(event.event_id)))
            }
        }
    }

    fn payload(&self, event: u64) -> String {
        format!("payload?id={}&execution={}&event={event}", encoded(self.id), self.execution)
    }

    /// What can be done. Names for which the instance waits are offered.
    fn actions(&self) -> Markup {
        let waits = |kind: BarKind| {
            let mut names: Vec<&str> =
                self.timeline.open().filter(|bar| bar.kind == kind).map(|bar| bar.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let is_running = self.info.status == "Running" || self.info.status == "ContinuedAsNew";
        html! {
            h2.unseen { "Actions" }
            div.actions {
                @if is_running {
                    (self.signal("Raise an event", "raise", "Event", &waits(BarKind::Event)))
                    (self.signal("Send to a queue", "enqueue", "Queue", &waits(BarKind::Queue)))
                    details.act { summary { "Cancel" }
                        form.sheet method="post" action="cancel" data-act data-sure={ "Cancel " (self.id) ", its children and activities?" } {
                            input type="hidden" name="id" value=(self.id);
                            label { span { "Reason" } input name="reason" autocomplete="off"; }
                            button.danger { "Cancel the instance" }
                        }
                    }
                }
                @if self.info.parent_instance_id.is_none() {
                    details.act { summary { "Delete" }
                        form.sheet method="post" action="delete" data-act data-sure={ "Delete " (self.id) " and its descendants for good?" } {
                            input type="hidden" name="id" value=(self.id);
                            label.check { input type="checkbox" name="force" value="1"; span { "even while it runs" } }
                            button.danger { "Delete with all descendants" }
                        }
                    }
                }
            }
        }
    }

    fn signal(&self, title: &str, action: &str, of: &str, names: &[&str]) -> Markup {
        let list = format!("{action}-names");
        html! {
            details.act { summary { (title) }
                form.sheet method="post" action=(action) data-act {
                    input type="hidden" name="id" value=(self.id);
                    label { span { (of) } input name="name" required autocomplete="off" list=(list) value=[names.first()]; }
                    datalist id=(list) { @for name in names { option value=(name) {} } }
                    label { span { "Data " span.quiet { "(JSON, if the code expects a type)" } } textarea name="data" rows="4" spellcheck="false" {} }
                    button.main { "Send" }
                }
            }
        }
    }

    fn picture(&self) -> Markup {
        let svg = picture::svg(&self.timeline, &Layout { style: Style::Page, ..Layout::default() });
        let query = [("id", self.id), ("execution", &self.execution.to_string())];
        html! {
            h2.unseen { "Timeline" }
            div.wide.picture tabindex="0" role="region" aria-label="Timeline" { (PreEscaped(svg)) }
            p.quiet.right { a href=(address("timeline.svg", &query)) download={ (self.info.orchestration_name) ".svg" } { "Picture as SVG" } }
        }
    }

    async fn facts(&self, status: &OrchestrationStatus) -> Result<Markup, NoView> {
        let stats = self.client.get_orchestration_stats(self.id).await?;
        let custom = match status {
            OrchestrationStatus::NotFound => None,
            OrchestrationStatus::Running { custom_status, .. }
            | OrchestrationStatus::Completed { custom_status, .. }
            | OrchestrationStatus::Failed { custom_status, .. } => custom_status.as_deref(),
        };
        let length_ms = self.timeline.to_ms.saturating_sub(self.timeline.from_ms);
        Ok(html! {
            div.card {
                h2 { "Facts" }
                dl.facts {
                    dt { "Custom status" } dd { @if let Some(said) = custom { (said) } @else { "none" } }
                    dt { "Execution" } dd { (self.execution) ", " (coarse(length_ms)) }
                    dt { "History" } dd {
                        (count(self.events.len())) " events"
                        @if let Some(stats) = &stats { ", " (bytes(stats.history_size_bytes)) }
                    }
                    @if let Some(first) = self.events.first() {
                        dt { "Input" } dd { (reveal("show", &self.payload(first.event_id))) }
                    }
                    @if let Some(last) = self.events.iter().rev().find(|event| event.is_terminal()) {
                        dt { "Result" } dd { (reveal("show", &self.payload(last.event_id))) }
                    }
                }
            }
        })
    }

    /// Key-values, and what activities said of their progress.
    async fn kept(&self) -> Result<Markup, NoView> {
        let values = self.client.get_kv_all_values(self.id).await?;
        let mut values: Vec<(String, usize)> = values.into_iter().map(|(key, value)| (key, value.len())).collect();
        values.sort_unstable();
        let progress = self.client.get_activity_progress(self.id).await?;
        let id = encoded(self.id);
        Ok(html! {
            @if !values.is_empty() {
                div.card {
                    h2 { "Key-values" }
                    ul.plain { @for (key, length) in &values {
                        li { (reveal(&format!("{key} ({length} bytes)"), &format!("payload?id={id}&key={}", encoded(key)))) }
                    } }
                }
            }
            @if !progress.is_empty() {
                div.card {
                    h2 { "Progress of activities" }
                    ul.plain { @for said in &progress {
                        @let address = format!("payload?id={id}&execution={}&activity={}", said.execution_id, said.activity_id);
                        @let label = format!("{} (event {}), attempt {}", said.activity_name, said.activity_id, said.attempt);
                        li { (reveal(&label, &address)) " " span.quiet { (ago(said.at_ms, self.now_ms)) } }
                    } }
                }
            }
        })
    }

    async fn waits(&self, may_act: bool) -> Result<Markup, NoView> {
        if !self.client.has_insight_capability() {
            return Ok(html! {});
        }
        let rows = self.client.list_rows_of(self.id).await?;
        let set_aside = self.client.list_quarantined(Some(self.id), None, 20).await?;
        Ok(html! {
            @if !rows.is_empty() { div.card { h2 { "In the queues" } (queue_rows(&rows, self.now_ms, may_act)) } }
            @if !set_aside.is_empty() {
                div.card { h2 { "Could not be read" } (quarantined(&set_aside, self.now_ms, may_act)) }
            }
        })
    }

    /// Parent, children and their children.
    async fn family(&self) -> Result<Markup, NoView> {
        if !self.client.has_insight_capability() {
            return Ok(html! {});
        }
        let children = self.children_of(self.id).await?;
        if children.is_empty() {
            return Ok(html! {});
        }
        let mut branches = Vec::new();
        for child in &children {
            branches.push((child, self.children_of(&child.instance_id).await?));
        }
        let all = address("instances", &[("parent", self.id)]);
        Ok(html! {
            div.card {
                h2 { "Children" }
                ul.tree { @for (child, theirs) in &branches {
                    li { (branch(child)) @if !theirs.is_empty() { ul { @for child in theirs { li { (branch(child)) } } } } }
                } }
                @if children.len() == CHILDREN { p { a href=(all) { "All children" } } }
            }
        })
    }

    async fn children_of(&self, parent: &str) -> Result<Vec<InstanceRow>, NoView> {
        let parent = Some(ParentFilter::Of(parent.to_owned()));
        let query = InstanceQuery { parent, limit: CHILDREN, ..InstanceQuery::default() };
        Ok(self.client.find_instances(&query).await?.rows)
    }

    async fn executions(&self) -> Result<Markup, NoView> {
        let executions = self.client.list_executions(self.id).await?;
        if executions.len() < 2 {
            return Ok(html! {});
        }
        let id = encoded(self.id);
        let left_out = executions.len().saturating_sub(EXECUTIONS);
        Ok(html! {
            div.card {
                h2 { "Executions" }
                p { (count(executions.len())) " kept: it continued as new." }
                p.pages { @for execution in executions.iter().skip(left_out).rev() {
                    a.button href={ "instance?id=" (id) "&execution=" (execution) }
                        aria-current=[(*execution == self.execution).then_some("true")] { (execution) } " "
                } }
                @if left_out > 0 {
                    form.open method="get" action="instance" {
                        input type="hidden" name="id" value=(self.id);
                        label { "Execution " input name="execution" inputmode="numeric" pattern="[0-9]+" required; } " " button { "Open" }
                    }
                }
            }
        })
    }
}

fn branch(child: &InstanceRow) -> Markup {
    html! { (link(&child.instance_id)) " " span.quiet { (child.orchestration_name) } " " (badge(&child.status)) }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// The picture alone, to keep or to send.
pub(in crate::dashboard) async fn alone(client: &Client, asked: &Asked) -> Result<String, NoView> {
    let info = client.get_instance_info(&asked.id).await?;
    let events = client.read_execution_history(&asked.id, asked.execution.unwrap_or(info.current_execution_id)).await?;
    Ok(picture::svg(&Timeline::of(&events, clock::now_ms()), &Layout::default()))
}
