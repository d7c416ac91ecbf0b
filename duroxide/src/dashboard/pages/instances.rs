//! Instances by filters that stand in the address, so that they can be kept and sent.

use maud::{Markup, html};
use serde::Deserialize;

use super::View;
use super::words::{address, ago, badge, link, nothing};
use crate::client::{Client, ClientError};
use crate::clock;
use crate::model::insight::{InstancePage, InstanceQuery, InstanceRow, ParentFilter};

const STATUSES: [(&str, &str); 5] = [
    ("", "any status"),
    ("Running", "running"),
    ("Completed", "completed"),
    ("Failed", "failed"),
    ("ContinuedAsNew", "continued as new"),
];

/// Stretches of time that can be chosen, in minutes.
const WITHIN: [(&str, &str); 6] = [
    ("", "any time"),
    ("15", "last 15 min"),
    ("60", "last hour"),
    ("1440", "last day"),
    ("10080", "last week"),
    ("43200", "last 30 days"),
];

/// What the address asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(in crate::dashboard) struct Asked {
    status: String,
    name: String,
    version: String,
    prefix: String,
    /// `roots`, or the id of a parent.
    parent: String,
    /// Created in the last so many minutes.
    within: String,
    after: String,
}

impl Asked {
    /// What it asks a store for.
    fn query(&self, now_ms: u64) -> InstanceQuery {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let minutes: Option<u64> = self.within.parse().ok();
        InstanceQuery {
            status: text(&self.status),
            name: text(self.name.trim()),
            version: text(self.version.trim()),
            parent: match self.parent.as_str() {
                "" => None,
                "roots" => Some(ParentFilter::Roots),
                parent => Some(ParentFilter::Of(parent.to_owned())),
            },
            id_prefix: text(self.prefix.trim()),
            created_from_ms: minutes.map(|minutes| now_ms.saturating_sub(minutes.saturating_mul(60_000))),
            created_before_ms: None,
            after: self.after.parse().ok(),
            limit: 0,
        }
    }

    fn address(&self, after: &str) -> String {
        address(
            "instances",
            &[
                ("status", &self.status),
                ("name", &self.name),
                ("version", &self.version),
                ("prefix", &self.prefix),
                ("parent", &self.parent),
                ("within", &self.within),
                ("after", after),
            ],
        )
    }
}

pub(super) async fn view(client: &Client, asked: &Asked) -> Result<View, ClientError> {
    let now_ms = clock::now_ms();
    let view = View::new("Instances").still("filters", filters(asked));
    if !client.has_insight_capability() {
        let said = nothing("This store keeps no lists for operators. Open an instance by its id.");
        return Ok(view.still("list", said));
    }
    let page = client.find_instances(&asked.query(now_ms)).await?;
    let list = list(&page, asked, now_ms);
    // A later page would slide under the reader's eyes.
    Ok(if asked.after.is_empty() { view.live("list", list) } else { view.still("list", list) })
}

fn filters(asked: &Asked) -> Markup {
    let choice = |name: &str, label: &str, options: &[(&str, &str)], chosen: &str| {
        html! {
            label { span { (label) } select name=(name) {
                @for (value, said) in options { option value=(value) selected[*value == chosen] { (said) } }
            } }
        }
    };
    let field = |name: &str, label: &str, value: &str| {
        html! { label { span { (label) } input type="search" name=(name) value=(value) autocomplete="off"; } }
    };
    html! {
        form.filters method="get" action="instances" role="search" aria-label="Filters" {
            (choice("status", "Status", &STATUSES, &asked.status))
            (field("name", "Name", &asked.name))
            (field("version", "Version", &asked.version))
            (field("prefix", "Id begins with", &asked.prefix))
            (choice("within", "Created", &WITHIN, &asked.within))
            @if asked.parent.is_empty() || asked.parent == "roots" {
                label.check { input type="checkbox" name="parent" value="roots" checked[asked.parent == "roots"]; span { "roots only" } }
            } @else {
                (field("parent", "Children of", &asked.parent))
            }
            button.main { "Filter" }
            " " a.button href="instances" { "Clear" }
        }
        div.tools {
            div #saved hidden {
                form { label { span.unseen { "Name for this filter" } input name="label" placeholder="name for this filter" maxlength="40" required; } " " button { "Keep" } }
                ul {}
            }
            form.open method="get" action="instance" {
                label { span.unseen { "Instance id" } input name="id" placeholder="open an instance by its id" required autocomplete="off"; } " " button { "Open" }
            }
        }
    }
}

fn list(page: &InstancePage, asked: &Asked, now_ms: u64) -> Markup {
    html! {
        h2.unseen { "List" }
        @if page.rows.is_empty() { (nothing("No instance matches.")) } @else { (rows(&page.rows, now_ms)) }
        p.pages {
            @if !asked.after.is_empty() { a.button href=(asked.address("")) { "Newest" } " " }
            @if let Some(next) = &page.next { a.button href=(asked.address(&next.to_string())) { "Older" } }
        }
    }
}

/// A table of instances.
pub(super) fn rows(rows: &[InstanceRow], now_ms: u64) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Instances" {
            table.stack {
                thead { tr {
                    th scope="col" { "Instance" } th scope="col" { "Orchestration" } th scope="col" { "Status" }
                    th scope="col" { "Created" } th scope="col" { "Last turn" }
                } }
                tbody { @for row in rows {
                    tr {
                        th scope="row" { (link(&row.instance_id)) }
                        td data-label="Orchestration" {
                            (row.orchestration_name) " "
                            span.quiet { (row.orchestration_version.as_deref().unwrap_or("")) }
                            @if row.execution_id > 1 { " " span.quiet { "execution " (row.execution_id) } }
                        }
                        td data-label="Status" { (badge(&row.status)) }
                        td data-label="Created" { (ago(row.created_at, now_ms)) }
                        td data-label="Last turn" { (ago(row.updated_at, now_ms)) }
                    }
                } }
            }
        }
    }
}
