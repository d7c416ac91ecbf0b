//! Start, signal, cancel.

mod error;
mod explain;
mod insight;
mod management;
mod standing;
mod traced;
#[cfg(feature = "postgres")]
mod transaction;
mod typed;
mod wait;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

#[cfg(feature = "macros")]
use crate::model::event::Event;
use crate::model::ids::{INITIAL_EXECUTION_ID, uses_reserved_marker};
use crate::model::info::ActivityProgress;
use crate::model::limits::Limits;
#[cfg(feature = "macros")]
use crate::model::start::StartOutcome;
use crate::model::status::OrchestrationStatus;
use crate::model::work_item::WorkItem;
use crate::providers::Provider;
use crate::trace::{Propagation, Propagator};

pub use error::ClientError;

/// Starts, signals, cancels and reads orchestrations.
///
/// A client and a runtime meet only in the store: a client works in a process that runs nothing, and what it asks
/// for is stored before anybody is there to do it. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    store: Arc<dyn Provider>,
    limits: Limits,
    propagation: Propagation,
}

impl Client {
    /// A client of `store`.
    pub fn new(store: Arc<dyn Provider>) -> Self {
        Client { store, limits: Limits::default(), propagation: Propagation::default() }
    }

    /// The same client with other bounds on what it sends.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same client, whose starts become part of the caller's trace: its context is stored with the start, in the same
    /// transaction, and turns, activities and children descend from it wherever they run, if their runtimes have a
    /// [propagator](crate::runtime::RuntimeBuilder::propagator), too. A store that keeps no contexts takes the start without.
    #[must_use]
    pub fn with_propagator(self, propagator: Arc<dyn Propagator>) -> Self {
        self.propagating(Propagation(Some(propagator)))
    }

    pub(crate) fn propagating(mut self, propagation: Propagation) -> Self {
        self.propagation = propagation;
        self
    }

    /// Starts the orchestration registered as `orchestration` under the instance id `instance`, in the version that
    /// the runtime's policy selects.
    ///
    /// `Ok` means that the request is stored. A start of an id that exists already has no effect.
    ///
    /// # Errors
    /// `InvalidInput` when the id uses the marker reserved for generated child ids, or an argument exceeds the
    /// [`Limits`]; `Provider` when it could not be stored, or too many messages wait for the instance.
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
    /// `InvalidInput` when an argument exceeds the [`Limits`]; `Provider` when it could not be stored, or too many
    /// messages wait for the instance.
    pub async fn raise_event(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<(), ClientError> {
        let (instance, name, data) = (instance.into(), event_name.into(), data.into());
        self.check_event("name of the event", &instance, &name, &data)?;
        self.send(WorkItem::ExternalRaised { instance, name, data }).await
    }

    /// Puts a message into a queue of the instance, where it stays until it is read.
    ///
    /// # Errors
    /// As [`raise_event`](Self::raise_event).
    pub async fn enqueue_event(
        &self,
        instance: impl Into<String>,
        queue: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<(), ClientError> {
        let (instance, name, data) = (instance.into(), queue.into(), data.into());
        self.check_event("name of the queue", &instance, &name, &data)?;
        self.send(WorkItem::QueueMessage { instance, name, data }).await
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
    /// `InvalidInput` when an argument exceeds the [`Limits`]; `Provider` when it could not be stored.
    pub async fn cancel_instance(
        &self,
        instance: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<(), ClientError> {
        let (instance, reason) = (instance.into(), reason.into());
        self.limits.id("instance id", &instance)?;
        self.limits.payload("reason of the cancel", &reason)?;
        // However much waits for the instance: a cancel may be the way out.
        Ok(self.store.enqueue_for_orchestrator(WorkItem::CancelInstance { instance, reason }, None).await?)
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

    /// What the activities of an instance that have not ended last said of their progress, ascending by execution and
    /// schedule event. Activities that said nothing are absent, as are all on a store that has no place for it.
    ///
    /// # Errors
    /// `Provider` when it could not be read.
    pub async fn get_activity_progress(&self, instance: &str) -> Result<Vec<ActivityProgress>, ClientError> {
        Ok(self.store.read_progress(instance).await?)
    }

    /// Starts an instance unless its id is taken, and says what it met.
    #[cfg(feature = "macros")]
    pub(crate) async fn start_compared(
        &self,
        instance: &str,
        orchestration: &str,
        version: Option<String>,
        input: String,
    ) -> Result<StartOutcome, ClientError> {
        let start = self.start_message(instance.to_owned(), orchestration.to_owned(), version, input)?;
        self.begin(start, None).await
    }

    /// The events of the newest execution.
    #[cfg(feature = "macros")]
    pub(crate) async fn history(&self, instance: &str) -> Result<Vec<Event>, ClientError> {
        Ok(self.store.read(instance).await?)
    }

    async fn start(
        &self,
        instance: String,
        orchestration: String,
        version: Option<String>,
        input: String,
    ) -> Result<(), ClientError> {
        let start = self.start_message(instance, orchestration, version, input)?;
        self.begin(start, Some(self.limits.queue_depth)).await.map(drop)
    }

    /// The message that starts a root instance.
    fn start_message(
        &self,
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
        self.limits.id("instance id", &instance)?;
        self.limits.name("name of the orchestration", &orchestration)?;
        self.limits.name("version of the orchestration", version.as_deref().unwrap_or_default())?;
        self.limits.payload("input", &input)?;
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

    fn check_event(&self, of_name: &'static str, instance: &str, name: &str, data: &str) -> Result<(), ClientError> {
        self.limits.id("instance id", instance)?;
        self.limits.name(of_name, name)?;
        Ok(self.limits.payload("data of the event", data)?)
    }

    async fn send(&self, item: WorkItem) -> Result<(), ClientError> {
        Ok(self.store.enqueue_if_room(item, None, self.limits.queue_depth).await?)
    }
}
