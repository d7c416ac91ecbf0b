//! Whether all that should be there is there; and, when asked for, whether the store is whole.

use maud::{Markup, html};
use serde::Deserialize;

use super::View;
use super::overview::{sentence, unread};
use super::words::{ago, coarse};
use crate::client::{Client, ClientError};
use crate::clock;
use crate::dashboard::checkup::{Checkup, Stand};

/// A message that waits longer than this for somebody to take it is a sign of too few workers.
const LONG_MS: u64 = 60_000;

/// What the address asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(in crate::dashboard) struct Asked {
    /// Any text: look through the whole store.
    check: String,
}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    is_well: bool,
    said: String,
}

pub(super) async fn view(client: &Client, checkup: &Checkup, asked: &Asked) -> Result<View, ClientError> {
    let mut findings = vec![Finding {
        what: "Administration",
        is_well: client.has_management_capability(),
        said: if client.has_management_capability() { "lists, reads, deletes" } else { "the store cannot do it" }
            .to_owned(),
    }];
    if client.has_insight_capability() {
        findings.extend(observed(client).await?);
    }
    let view = View::new("Health").live("findings", table(&findings));
    if !client.has_insight_capability() {
        return Ok(view);
    }
    let stand = if asked.check.is_empty() { checkup.stand() } else { checkup.ask(client).await };
    Ok(view.live("integrity", integrity(&stand, clock::now_ms())))
}

async fn observed(client: &Client) -> Result<Vec<Finding>, ClientError> {
    let now_ms = clock::now_ms();
    let workers = client.list_workers().await?;
    let queues = client.queue_overview().await?;
    let unserved = client.list_unserved(20).await?;
    let alive = workers.iter().filter(|worker| worker.is_alive).count();
    let silent = workers.len() - alive;
    let oldest = queues.oldest_ready_at();
    let waits_ms = oldest.map_or(0, |at| now_ms.saturating_sub(at));
    let unserved: Vec<String> = unserved.iter().map(sentence).collect();
    Ok(vec![
        Finding {
            what: "Workers",
            is_well: alive > 0,
            said: match silent {
                0 => format!("{alive} alive"),
                silent => format!("{alive} alive, {silent} silent in the last day"),
            },
        },
        Finding {
            what: "Handlers",
            is_well: unserved.is_empty(),
            said: if unserved.is_empty() { "all work has a worker".to_owned() } else { unserved.join(" ") },
        },
        Finding {
            what: "Waiting time",
            is_well: waits_ms < LONG_MS,
            said: match oldest {
                None => "nothing is ready to be taken".to_owned(),
                Some(_) => format!("the oldest message that could be taken waits since {}", coarse(waits_ms)),
            },
        },
        Finding { what: "Quarantine", is_well: queues.quarantined == 0, said: unread(queues.quarantined) },
    ])
}

fn table(findings: &[Finding]) -> Markup {
    html! {
        div.card {
            h2 { "What was looked at" }
            ul.findings {
                @for finding in findings {
                    li {
                        @if finding.is_well { span.badge.completed { span aria-hidden="true" { "✓" } " Well" } }
                        @else { span.badge.failed { span aria-hidden="true" { "✗" } " Look" } }
                        " " strong { (finding.what) } ": " (finding.said)
                    }
                }
            }
            p.quiet { "duroxide " (crate::model::VERSION) }
        }
    }
}

fn integrity(stand: &Stand, now_ms: u64) -> Markup {
    html! {
        div.card {
            h2 { "Integrity" }
            @match stand {
                Stand::Never => {
                    p { "Looks through the whole store for what must not be: damage, gaps in histories, rows that belong to nothing. May take long on a large one." }
                    (ask("Check now"))
                }
                Stand::Running { since_ms } => {
                    p { "The store is being looked through since " (coarse(now_ms.saturating_sub(*since_ms))) ". What is found will be told here." }
                }
                Stand::Ended { at_ms, found } => {
                    (told(found))
                    p.quiet { "Looked through " (ago(*at_ms, now_ms)) "." }
                    (ask("Check again"))
                }
            }
        }
    }
}

fn ask(label: &str) -> Markup {
    html! { form method="get" action="health" { button #check name="check" value="1" { (label) } } }
}

fn told(found: &Result<Vec<String>, String>) -> Markup {
    html! {
        @match found {
            Ok(findings) if findings.is_empty() => {
                p { span.badge.completed { span aria-hidden="true" { "✓" } " Whole" } " Nothing was found that must not be." }
            }
            Ok(findings) => { ul { @for finding in findings { li { (finding) } } } }
            Err(error) => { p.alarm { (error) } }
        }
    }
}
