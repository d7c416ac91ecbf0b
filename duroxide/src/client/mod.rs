//! Start, signal, cancel.

mod error;
mod management;
mod typed;
mod wait;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::event::{Event, EventKind};
use crate::model::ids::{INITIAL_EXECUTION_ID, uses_reserved_marker};
#[cfg(feature = "macros")]
use crate::model::start::StartOutcome;
use crate::model::status::OrchestrationStatus;
use crate::model::work_item::WorkItem;
use crate::providers::Provider;

pub use error::ClientError;

/// Starts, signals, cancels and reads orchestrations.
///
/// A client and a runtime meet only in the store: a client works in a process that runs nothing, and what it asks
/// for is stored before anybody is there to do it. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    store: Arc<dyn Provider>,
}

impl Client {
    /// A client of `store`.
    pub fn new(store: Arc<dyn Provider>) -> Self {
        Client { store }
    }

    /// Starts the orchestration registered as `orchestration` under the instance id `instance`, in the version that
    /// the runtime's policy selects.
    ///
    /// `Ok` means that the request is stored. A start of an id that exists already has no effect.
    ///
    /// # Errors
    /// `InvalidInput` when the id uses the marker reserved for generated child ids; `Provider` when it could not be
    /// stored.
    pub async fn start_orchestration(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        input: impl Into<String>,
    ) -> Result<(), ClientError> {
        self.send(start(instance.into(), orchestration.into(), None, input.into())?).await
    }

    /// The same in exactly this version.
    ///
    /// # Errors
    /// As [`start_orchestration`](Self::start_orchestration).
    pub async fn start_orchestration_versioned(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        version: impl Into<String>,
        input: impl Into<String>,
    ) -> Result<(), ClientError> {
        self.send(start(instance.into(), orchestration.into(), Some(version.into()), input.into())?).await
    }

    /// Delivers an event to whoever waits for `event_name` in the instance. An event that nobody waits for yet is
    /// recorded and never delivered: use a queue for those.
    ///
    /// # Errors
    /// `Provider` when it could not be stored.
    pub async fn raise_event(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<(), ClientError> {
        self.send(WorkItem::ExternalRaised { instance: instance.into(), name: event_name.into(), data: data.into() })
            .await
    }

    /// Puts a message into a queue of the instance, where it stays until it is read.
    ///
    /// # Errors
    /// `Provider` when it could not be stored.
    pub async fn enqueue_event(
        &self,
        instance: impl Into<String>,
        queue: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<(), ClientError> {
        self.send(WorkItem::QueueMessage { instance: instance.into(), name: queue.into(), data: data.into() }).await
    }

    /// The older name of [`enqueue_event`](Self::enqueue_event).
    ///
    /// # Errors
    /// As there.
    #[deprecated(note = "use `enqueue_event`")]
    pub async fn raise_event_persistent(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<(), ClientError> {
        self.enqueue_event(instance, event_name, data).await
    }

    /// Cancels the instance, its children and its activities. No effect on one that has ended.
    ///
    /// # Errors
    /// `Provider` when it could not be stored.
    pub async fn cancel_instance(
        &self,
        instance: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<(), ClientError> {
        self.send(WorkItem::CancelInstance { instance: instance.into(), reason: reason.into() }).await
    }

    /// Where an instance stands.
    ///
    /// # Errors
    /// `Provider` when its history could not be read.
    pub async fn get_orchestration_status(&self, instance: &str) -> Result<OrchestrationStatus, ClientError> {
        let stand = Stand::of(&self.store.read(instance).await?);
        if stand == Stand::NotFound {
            return Ok(OrchestrationStatus::NotFound);
        }
        // A status without its custom half is better than none.
        let (custom_status, custom_status_version) =
            self.store.get_custom_status(instance, 0).await.ok().flatten().unwrap_or_default();
        Ok(stand.with_custom_status(custom_status, custom_status_version))
    }

    /// One key-value of an instance, as of its last commit.
    ///
    /// # Errors
    /// `Provider` when it could not be read.
    pub async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ClientError> {
        Ok(self.store.get_kv_value(instance, key).await?)
    }

    /// All key-values of an instance, as of its last commit.
    ///
    /// # Errors
    /// `Provider` when they could not be read.
    pub async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ClientError> {
        Ok(self.store.get_kv_all_values(instance).await?)
    }

    /// Starts an instance unless its id is taken, and says what it met.
    #[cfg(feature = "macros")]
    pub(crate) async fn start_compared(
        &self,
        instance: &str,
        orchestration: &str,
        version: String,
        input: String,
    ) -> Result<StartOutcome, ClientError> {
        let start = start(instance.to_owned(), orchestration.to_owned(), Some(version), input)?;
        Ok(self.store.enqueue_start(start).await?)
    }

    /// The events of the newest execution.
    #[cfg(feature = "macros")]
    pub(crate) async fn history(&self, instance: &str) -> Result<Vec<Event>, ClientError> {
        Ok(self.store.read(instance).await?)
    }

    async fn send(&self, item: WorkItem) -> Result<(), ClientError> {
        Ok(self.store.enqueue_for_orchestrator(item, None).await?)
    }
}

/// The message that starts a root instance.
fn start(
    instance: String,
    orchestration: String,
    version: Option<String>,
    input: String,
) -> Result<WorkItem, ClientError> {
    if uses_reserved_marker(&instance) {
        return Err(ClientError::invalid(format!(
            "instance id '{instance}' uses the reserved sub-orchestration marker 'sub::'"
        )));
    }
    Ok(WorkItem::StartOrchestration {
        instance,
        orchestration,
        input,
        version,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: INITIAL_EXECUTION_ID,
    })
}

/// What history alone says of an instance.
#[derive(Debug, PartialEq)]
enum Stand {
    NotFound,
    Running,
    Completed(String),
    Failed(crate::model::error::ErrorDetails),
}

impl Stand {
    /// The terminal row is near the end: only rows about cancelled activities may follow it.
    fn of(history: &[Event]) -> Self {
        let ended = history.iter().rev().find_map(|event| match &event.kind {
            EventKind::OrchestrationCompleted { output } => Some(Stand::Completed(output.clone())),
            EventKind::OrchestrationFailed { details } => Some(Stand::Failed(details.clone())),
            // Only these two end an instance; it is a search, so other kinds, known or new, are passed over.
            _ => None,
        });
        let started = || history.iter().any(|event| matches!(event.kind, EventKind::OrchestrationStarted { .. }));
        match ended {
            Some(ended) => ended,
            None if started() => Stand::Running,
            None => Stand::NotFound,
        }
    }

    fn with_custom_status(self, custom_status: Option<String>, custom_status_version: u64) -> OrchestrationStatus {
        match self {
            Stand::NotFound => OrchestrationStatus::NotFound,
            Stand::Running => OrchestrationStatus::Running { custom_status, custom_status_version },
            Stand::Completed(output) => OrchestrationStatus::Completed { output, custom_status, custom_status_version },
            Stand::Failed(details) => OrchestrationStatus::Failed { details, custom_status, custom_status_version },
        }
    }
}
