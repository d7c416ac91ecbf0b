//! `wait`: until an instance has ended.

use std::time::Duration;

use clap::Args;
use duroxide::insight::Standing;
use duroxide::{Client, OrchestrationStatus};
use serde::Serialize;

use super::payload::Payloads;
use super::{Desk, Ended};
use crate::failure::Failure;
use crate::output::{Out, Tone, time};
use crate::store::Access;

/// Wait until an instance has completed (exit code 0) or failed (1)
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// The instance
    id: String,

    /// Give up after this time, with exit code 3
    #[arg(long, value_parser = time::duration, value_name = "TIME")]
    timeout: Option<Duration>,

    /// Wait for an instance that nobody has started yet, too
    #[arg(long)]
    even_if_unknown: bool,

    #[command(flatten)]
    payloads: Payloads,
}

/// How an instance ended.
#[derive(Debug, Serialize)]
struct End<'a> {
    instance_id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl Wait {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        if !self.even_if_unknown && store.client.standing(&self.id).await? == Standing::Unknown {
            return Err(Failure::unknown(&self.id));
        }
        until_ended(&store.client, &mut desk.out, &self.id, self.timeout, self.payloads).await
    }
}

/// Waits, and tells how it ended.
pub(super) async fn until_ended(
    client: &Client,
    out: &mut Out,
    id: &str,
    timeout: Option<Duration>,
    payloads: Payloads,
) -> Ended {
    let ended = match client.wait_for_orchestration(id, timeout.unwrap_or(Duration::MAX)).await {
        Err(duroxide::ClientError::Timeout) => {
            let after = humantime::format_duration(timeout.unwrap_or_default());
            return Err(Failure::timed_out(format!("instance `{id}` has not ended after {after}")));
        }
        ended => ended?,
    };
    match &ended {
        OrchestrationStatus::Completed { output, .. } => tell(out, id, Ok(output), payloads),
        OrchestrationStatus::Failed { details, .. } => {
            tell(out, id, Err(payloads.reason(details)), payloads)?;
            Err(Failure::told_already())
        }
        OrchestrationStatus::NotFound | OrchestrationStatus::Running { .. } => {
            unreachable!("the wait returns only when the instance has ended")
        }
    }
}

fn tell(out: &mut Out, id: &str, end: Result<&String, String>, payloads: Payloads) -> Ended {
    let (status, output, failure) = match end {
        Ok(output) => ("Completed", Some(output.as_str()).filter(|_| payloads.shown()), None),
        Err(why) => ("Failed", None, Some(why)),
    };
    if out.json {
        return Ok(out.document(&End { instance_id: id, status, output, failure })?);
    }
    let told = match (output, &failure) {
        (Some(output), _) => format!("  {}", payloads.told(output)),
        (None, Some(why)) => format!("  {why}"),
        (None, None) => String::new(),
    };
    Ok(out.pieces(&[
        (Tone::Strong, id),
        (Tone::Plain, "  "),
        (Tone::of_status(status), status),
        (Tone::Plain, &told),
    ])?)
}
