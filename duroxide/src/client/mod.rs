//! Start, signal, cancel.

mod error;
mod management;
mod typed;
mod wait;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::ids::{INITIAL_EXECUTION_ID, uses_reserved_marker};
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
        self.start(instance.into(), orchestration.into(), None, input.into()).await
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
        self.start(instance.into(), orchestration.into(), Some(version.into()), input.into()).await
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
    /// `Provider` when it could not be read.
    pub async fn get_orchestration_status(&self, instance: &str) -> Result<OrchestrationStatus, ClientError> {
        Ok(self.store.get_status(instance).await?)
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

    async fn start(
        &self,
        instance: String,
        orchestration: String,
        version: Option<String>,
        input: String,
    ) -> Result<(), ClientError> {
        if uses_reserved_marker(&instance) {
            return Err(ClientError::invalid(format!(
                "instance id '{instance}' uses the reserved sub-orchestration marker 'sub::'"
            )));
        }
        self.send(WorkItem::StartOrchestration {
            instance,
            orchestration,
            input,
            version,
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            execution_id: INITIAL_EXECUTION_ID,
        })
        .await
    }

    async fn send(&self, item: WorkItem) -> Result<(), ClientError> {
        Ok(self.store.enqueue_for_orchestrator(item, None).await?)
    }
}
