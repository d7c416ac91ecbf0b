//! `history`: what happened in one execution, event by event.

pub(crate) mod event;

use clap::Args;
use duroxide::{Client, Event};
use serde::Serialize;
use serde_json::Value;

use super::payload::Payloads;
use super::{Desk, Ended, instance};
use crate::failure::Failure;
use crate::output::{Out, Tone, time};
use crate::store::Access;

/// Show what happened in an instance, event by event
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The instance
    id: String,

    /// Of this execution instead of the newest
    #[arg(long, value_name = "N")]
    execution: Option<u64>,

    /// Only the last so many events
    #[arg(long, value_name = "N")]
    last: Option<usize>,

    #[command(flatten)]
    payloads: Payloads,
}

/// The events of an execution.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    instance_id: String,
    execution_id: u64,
    /// All that there are.
    event_count: usize,
    events: Vec<Value>,
}

impl History {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let (execution_id, events) = read(&store.client, &self.id, self.execution).await?;
        let shown = last(&events, self.last);
        if desk.out.json {
            return Ok(desk.out.document(&document(&self.id, execution_id, &events, shown, self.payloads))?);
        }
        if shown.len() < events.len() {
            desk.out.line(format!("… {} events before", events.len() - shown.len()))?;
        }
        shown.iter().try_for_each(|event| line(&mut desk.out, event, self.payloads))
    }
}

/// The events of an execution, of the newest unless named.
pub(crate) async fn read(client: &Client, id: &str, execution: Option<u64>) -> Result<(u64, Vec<Event>), Failure> {
    instance::known(client, id).await?;
    let executions = client.list_executions(id).await?;
    let newest = executions.last().copied().unwrap_or(1);
    let execution_id = execution.unwrap_or(newest);
    if !executions.contains(&execution_id) {
        let kept = executions.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        return Err(Failure::not_so(format!("instance `{id}` has no execution {execution_id}; kept are {kept}")));
    }
    Ok((execution_id, client.read_execution_history(id, execution_id).await?))
}

/// The last so many.
pub(crate) fn last(events: &[Event], count: Option<usize>) -> &[Event] {
    &events[events.len().saturating_sub(count.unwrap_or(usize::MAX))..]
}

/// The same for a program.
pub(crate) fn document(id: &str, execution_id: u64, events: &[Event], shown: &[Event], payloads: Payloads) -> Told {
    Told {
        instance_id: id.to_owned(),
        execution_id,
        event_count: events.len(),
        events: shown.iter().map(|event| event::document(event, payloads)).collect(),
    }
}

/// `#3  18:43:22.123  activity asked for   charge   input 12 B`.
pub(crate) fn line(out: &mut Out, event: &Event, payloads: Payloads) -> Ended {
    let told = event::tell(&event.kind, payloads);
    let number = format!("{:>4}  ", format!("#{}", event.event_id));
    let at = format!("{}  ", time::exactly(event.timestamp_ms));
    let what = format!("{:<24}", told.what);
    let mut rest = String::new();
    for word in [told.name, told.detail].into_iter().flatten() {
        rest.push_str("  ");
        rest.push_str(&word);
    }
    if let Some(source) = event.source_event_id {
        rest.push_str(&format!("  (of #{source})"));
    }
    if let Some((label, payload)) = told.payload {
        rest.push_str(&format!("  {label} {}", payloads.told(payload)));
    }
    Ok(out.pieces(&[(Tone::Strong, &number), (Tone::Faint, &at), (told.tone, &what), (Tone::Plain, &rest)])?)
}
