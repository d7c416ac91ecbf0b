//! `get`: one instance.

use clap::Args;
use duroxide::{Client, OrchestrationStatus, SystemStats};
use serde::Serialize;

use super::instance;
use super::payload::Payloads;
use super::{Desk, Ended};
use crate::failure::Failure;
use crate::output::{Out, Tone, text};
use crate::store::Access;

/// Show one instance: where it stands, and what it last said of itself
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The instance
    id: String,

    #[command(flatten)]
    payloads: Payloads,
}

/// What is told of an instance.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    pub(crate) instance_id: String,
    orchestration: String,
    version: String,
    pub(crate) status: String,
    execution_id: u64,
    executions: usize,
    created_at: u64,
    updated_at: u64,
    parent_instance_id: Option<String>,
    custom_status: Option<String>,
    failure: Option<String>,
    failure_category: Option<&'static str>,
    history_events: u64,
    history_bytes: u64,
    kv_keys: u64,
    unread_messages: u64,
    progress: Vec<Progress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

/// What an activity that runs said of itself.
#[derive(Debug, Serialize)]
struct Progress {
    activity: String,
    event_id: u64,
    attempt: u32,
    said: String,
    at: u64,
}

impl Get {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let view = View::of(&store.client, &self.id, self.payloads).await?;
        match desk.out.json {
            true => Ok(desk.out.document(&view)?),
            false => view.tell(&mut desk.out, self.payloads),
        }
    }
}

impl View {
    pub(crate) async fn of(client: &Client, id: &str, payloads: Payloads) -> Result<Self, Failure> {
        instance::known(client, id).await?;
        let info = client.get_instance_info(id).await?;
        let stats = client.get_orchestration_stats(id).await?.unwrap_or_else(nothing);
        let (custom_status, failure, output) = match client.get_orchestration_status(id).await? {
            OrchestrationStatus::NotFound => (None, None, None),
            OrchestrationStatus::Running { custom_status, .. } => (custom_status, None, None),
            OrchestrationStatus::Completed { output, custom_status, .. } => (custom_status, None, Some(output)),
            OrchestrationStatus::Failed { details, custom_status, .. } => (custom_status, Some(details), None),
        };
        let input = match payloads.shown() {
            true => input(client, id, info.current_execution_id).await?,
            false => None,
        };
        let progress = client.get_activity_progress(id).await?;
        Ok(View {
            instance_id: info.instance_id,
            orchestration: info.orchestration_name,
            version: info.orchestration_version,
            status: info.status,
            execution_id: info.current_execution_id,
            executions: client.list_executions(id).await?.len(),
            created_at: info.created_at,
            updated_at: info.updated_at,
            parent_instance_id: info.parent_instance_id,
            custom_status,
            failure_category: failure.as_ref().map(|details| details.category()),
            failure: failure.map(|details| payloads.reason(&details)),
            history_events: stats.history_event_count,
            history_bytes: stats.history_size_bytes,
            kv_keys: stats.kv_user_key_count,
            unread_messages: stats.queue_pending_count,
            progress: progress
                .into_iter()
                .map(|one| Progress {
                    activity: one.activity_name,
                    event_id: one.activity_id,
                    attempt: one.attempt,
                    said: one.progress,
                    at: one.at_ms,
                })
                .collect(),
            input,
            output: output.filter(|_| payloads.shown()),
        })
    }

    fn tell(&self, out: &mut Out, payloads: Payloads) -> Ended {
        out.pieces(&[
            (Tone::Strong, &self.instance_id),
            (Tone::Plain, &format!("  {} {}  ", self.orchestration, self.version)),
            (Tone::of_status(&self.status), &self.status),
        ])?;
        let execution = match self.executions {
            1 => "1".to_owned(),
            kept => format!("{} ({kept} kept)", self.execution_id),
        };
        out.field("execution", execution)?;
        let (created, updated) = (out.at(self.created_at), out.at(self.updated_at));
        out.field("created", created)?;
        out.field("last turn", updated)?;
        let sizes = format!("{}, {}", text::count(self.history_events, "event"), text::bytes(self.history_bytes));
        out.field("history", sizes)?;
        let maybe = [
            ("parent", self.parent_instance_id.clone()),
            ("says", self.custom_status.clone()),
            ("failed", self.failure.clone()),
            ("key-values", (self.kv_keys > 0).then(|| self.kv_keys.to_string())),
            ("input", self.input.as_deref().map(|input| payloads.told(input))),
            ("output", self.output.as_deref().map(|output| payloads.told(output))),
        ];
        for (label, value) in maybe {
            if let Some(value) = value {
                out.field(label, value)?;
            }
        }
        for one in &self.progress {
            let at = out.at(one.at);
            out.field(
                "progress",
                format!("{} #{}, attempt {}: {} {at}", one.activity, one.event_id, one.attempt, one.said),
            )?;
        }
        Ok(())
    }
}

/// Of an instance whose history nobody keeps.
fn nothing() -> SystemStats {
    SystemStats {
        history_event_count: 0,
        history_size_bytes: 0,
        queue_pending_count: 0,
        kv_user_key_count: 0,
        kv_total_value_bytes: 0,
    }
}

async fn input(client: &Client, id: &str, execution_id: u64) -> Result<Option<String>, Failure> {
    use duroxide::EventKind;

    let events = client.read_execution_history(id, execution_id).await?;
    Ok(events.into_iter().find_map(|event| match event.kind {
        EventKind::OrchestrationStarted { input, .. } => Some(input),
        // A search for the one kind that has it.
        _ => None,
    }))
}
