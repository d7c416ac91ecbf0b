//! `tail`: what happens in an instance, as it happens.

use std::time::Duration;

use clap::Args;
use duroxide::Client;

use super::history::{self, event};
use super::payload::Payloads;
use super::{Desk, Ended};
use crate::output::Tone;
use crate::store::Access;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Follow an instance until it ends
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// The instance
    id: String,

    /// Begin with the last so many events
    #[arg(long, value_name = "N", default_value_t = 10)]
    last: usize,

    #[command(flatten)]
    payloads: Payloads,
}

/// How far an instance has been told.
struct Told {
    execution_id: u64,
    event_id: u64,
}

impl Tail {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let (execution_id, events) = history::read(&store.client, &self.id, None).await?;
        let first = history::last(&events, Some(self.last)).first().map_or(1, |event| event.event_id);
        let mut told = Told { execution_id, event_id: first.saturating_sub(1) };
        let mut seen = None;
        loop {
            let info = store.client.get_instance_info(&self.id).await?;
            let now = (info.current_execution_id, info.updated_at);
            // A turn in the same millisecond as the look before it is seen by looking once more.
            if seen.replace(now) != Some(now) || desk.out.now_ms.saturating_sub(info.updated_at) < 1_000 {
                self.catch_up(&store.client, desk, &mut told, info.current_execution_id).await?;
            }
            desk.out.flush()?;
            if matches!(info.status.as_str(), "Completed" | "Failed") {
                self.catch_up(&store.client, desk, &mut told, info.current_execution_id).await?;
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
            desk.out.now_ms = desk.globals.as_of_ms.unwrap_or_else(crate::clock::now_ms);
        }
    }

    /// What was not told yet, of all executions up to this one.
    async fn catch_up(&self, client: &Client, desk: &mut Desk, told: &mut Told, newest: u64) -> Ended {
        loop {
            let events = client.read_execution_history(&self.id, told.execution_id).await?;
            for event in events.iter().filter(|event| event.event_id > told.event_id) {
                match desk.out.json {
                    true => desk.out.document_line(&event::document(event, self.payloads))?,
                    false => history::line(&mut desk.out, event, self.payloads)?,
                }
            }
            told.event_id = events.last().map_or(told.event_id, |event| event.event_id);
            if told.execution_id >= newest {
                return Ok(());
            }
            *told = Told { execution_id: told.execution_id + 1, event_id: 0 };
            if !desk.out.json {
                desk.out.pieces(&[(Tone::Strong, &format!("execution {}", told.execution_id))])?;
            }
        }
    }
}
