//! A program that was written for the published crate years ago, and has never heard of anything newer.
//!
//! Handlers are registered by string, stores are wrapped by their required methods alone, two runtimes share a file,
//! everything runs on one thread with a subscriber of its own, and turns are driven by hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod by_hand;
mod flows;
mod logs;
mod two_runtimes;
mod wrapped;
mod wrappers;

use std::time::Duration;

use duroxide::{Client, OrchestrationStatus};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

async fn end_of(client: &Client, instance: &str) -> Result<String, String> {
    match client.wait_for_orchestration(instance, PATIENCE).await {
        Ok(OrchestrationStatus::Completed { output, .. }) => Ok(output),
        Ok(OrchestrationStatus::Failed { details, .. }) => Err(details.display_message()),
        other => panic!("{instance} did not end: {other:?}"),
    }
}
