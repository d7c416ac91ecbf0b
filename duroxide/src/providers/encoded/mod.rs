//! Any provider, its payloads encoded: the core and the clients see text, the store what a codec made of it.

mod admin;
mod codec;
mod express;
mod insight;
mod payloads;
#[cfg(test)]
mod tests;
mod traces;
mod transaction;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::express::Commit;
use super::transaction::TransactionProvider;
use super::{
    ActivityProgress, DispatcherCapabilityFilter, Event, EventKind, ExecutionMetadata, ExpressProvider,
    InsightProvider, KvEntry, OrchestrationItem, Provider, ProviderAdmin, ProviderError, ScheduledActivityIdentifier,
    SessionFetchConfig, StartOutcome, SystemStats, TagFilter, TraceProvider, TransferStore, WorkItem, WorkSignal,
};
use crate::model::error::{ErrorDetails, PoisonMessageType};
use crate::model::status::OrchestrationStatus;
use crate::model::work_item::kind_of;

pub use codec::{CodecError, PayloadCodec};

/// How long an activity whose input cannot be decoded is left to other processes, which may have the key.
const LEAVE_TO_OTHERS: Duration = Duration::from_secs(1);

/// Deliveries of such an activity after which it fails: as many as a runtime tries by default.
const ATTEMPTS_MAX: u32 = 10;

/// A provider that keeps its payloads encoded in another one: compressed, or encrypted.
///
/// Inputs, results, errors, events, custom status, key-values, reasons of cancels and the progress of activities pass
/// through the codec; names, ids, versions, times and the shape of a history do not. Every process that uses the
/// store must use the same codec.
///
/// What does not decode stops nobody else. An instance with such a row in its history, its key-values or among its
/// messages is treated as one whose history cannot be read: it is left to others, and fails when it was tried too
/// often. So does an activity. Nothing is decoded to a guess.
///
/// ```
/// use std::sync::Arc;
/// use duroxide::providers::encoded::{CodecError, Encoded, PayloadCodec};
/// use duroxide::providers::memory::MemoryProvider;
///
/// /// Not a secret for long.
/// struct Backwards;
///
/// impl PayloadCodec for Backwards {
///     fn encode(&self, payload: &str) -> Result<String, CodecError> {
///         Ok(payload.chars().rev().collect())
///     }
///     fn decode(&self, stored: &str) -> Result<String, CodecError> {
///         Ok(stored.chars().rev().collect())
///     }
/// }
///
/// let store = Encoded::new(Arc::new(MemoryProvider::new()), Backwards);
/// ```
pub struct Encoded {
    inner: Arc<dyn Provider>,
    codec: Box<dyn PayloadCodec>,
}

impl Encoded {
    /// Encodes what goes into `store`, and decodes what comes out.
    pub fn new(store: Arc<dyn Provider>, codec: impl PayloadCodec) -> Self {
        if let Some(signal) = store.work_signal() {
            signal.veil();
        }
        Encoded { inner: store, codec: Box::new(codec) }
    }

    /// The store below, with its payloads encoded.
    pub fn store(&self) -> &Arc<dyn Provider> {
        &self.inner
    }

    fn encode(&self, payload: &mut String) -> Result<(), CodecError> {
        *payload = self.codec.encode(payload)?;
        Ok(())
    }

    fn decode(&self, payload: &mut String) -> Result<(), CodecError> {
        *payload = self.codec.decode(payload)?;
        Ok(())
    }

    fn encoded_item(&self, operation: &str, mut item: WorkItem) -> Result<WorkItem, ProviderError> {
        payloads::of_item(&mut item, &mut |payload| self.encode(payload))
            .map_err(|error| unencodable(operation, kind_of(&item), &error))?;
        Ok(item)
    }

    fn encoded_items(&self, operation: &str, items: Vec<WorkItem>) -> Result<Vec<WorkItem>, ProviderError> {
        items.into_iter().map(|item| self.encoded_item(operation, item)).collect()
    }

    fn encoded_events(&self, operation: &str, mut events: Vec<Event>) -> Result<Vec<Event>, ProviderError> {
        for event in &mut events {
            payloads::of_event(&mut event.kind, &mut |payload| self.encode(payload))
                .map_err(|error| unencodable(operation, &format!("event {}", event.event_id), &error))?;
        }
        Ok(events)
    }

    /// The events as they were given, or what is wrong with the first that cannot be decoded.
    fn decode_events(&self, events: &mut [Event]) -> Result<(), String> {
        for event in events {
            payloads::of_event(&mut event.kind, &mut |payload| self.decode(payload))
                .map_err(|error| undecodable(&format!("event {}", event.event_id), &error))?;
        }
        Ok(())
    }

    fn decode_item(&self, item: &mut WorkItem) -> Result<(), String> {
        payloads::of_item(item, &mut |payload| self.decode(payload)).map_err(|error| undecodable(kind_of(item), &error))
    }

    fn decoded_events(&self, operation: &str, mut events: Vec<Event>) -> Result<Vec<Event>, ProviderError> {
        self.decode_events(&mut events).map_err(|text| ProviderError::permanent(operation, text))?;
        Ok(events)
    }

    fn decoded(&self, operation: &str, what: &str, stored: &str) -> Result<String, ProviderError> {
        let decoded = self.codec.decode(stored);
        decoded.map_err(|error| ProviderError::permanent(operation, undecodable(what, &error)))
    }

    fn decoded_option(
        &self,
        operation: &str,
        what: &str,
        stored: Option<String>,
    ) -> Result<Option<String>, ProviderError> {
        stored.map(|stored| self.decoded(operation, what, &stored)).transpose()
    }

    fn decode_turn(&self, item: &mut OrchestrationItem) -> Result<(), String> {
        self.decode_events(&mut item.history)?;
        for (key, KvEntry { value, .. }) in &mut item.kv_snapshot {
            self.decode(value).map_err(|error| undecodable(&format!("value of key '{key}'"), &error))?;
        }
        let messages = item.messages.iter_mut().try_for_each(|message| self.decode_item(message));
        // An instance that has ended reads no messages, and stays as it ended whatever somebody sends it.
        if has_ended(&item.history) { Ok(()) } else { messages }
    }

    /// Decodes a fetched instance. One that cannot be decoded is as one whose rows the store cannot read itself.
    fn open_turn(&self, item: &mut OrchestrationItem) {
        if let Err(text) = self.decode_turn(item) {
            item.history.clear();
            item.kv_snapshot.clear();
            item.history_error.get_or_insert(text);
        }
    }

    /// Decodes a fetched activity, or says what is wrong with it.
    fn open_activity(&self, item: &mut WorkItem) -> Result<(), String> {
        self.decode_item(item).map_err(|text| format!("{text} for instance '{}'", item.target_instance()))
    }

    fn encoded_commit(&self, operation: &str, commit: Commit) -> Result<Commit, ProviderError> {
        let Commit { execution_id, delta, worker_items, orchestrator_items, mut metadata, cancelled_activities } =
            commit;
        if let Some(output) = &mut metadata.output {
            self.encode(output).map_err(|error| unencodable(operation, "the output", &error))?;
        }
        Ok(Commit {
            execution_id,
            delta: self.encoded_events(operation, delta)?,
            worker_items: self.encoded_items(operation, worker_items)?,
            orchestrator_items: self.encoded_items(operation, orchestrator_items)?,
            metadata,
            cancelled_activities,
        })
    }

    /// A codec may encode one payload in many ways, so that the store below cannot tell that two inputs are equal: what it
    /// takes for another input is decoded and compared again.
    fn compared_again(
        &self,
        operation: &str,
        start: &WorkItem,
        outcome: StartOutcome,
    ) -> Result<StartOutcome, ProviderError> {
        match outcome {
            StartOutcome::Differs { orchestration, input } => {
                let input = self.decoded_option(operation, "the input", input)?;
                Ok(StartOutcome::compared(start, &orchestration, input.as_deref()))
            }
            same @ (StartOutcome::Queued | StartOutcome::Exists | StartOutcome::Uncompared) => Ok(same),
        }
    }

    /// Gives an activity back that cannot be decoded here, or fails it when it was tried too often.
    async fn give_up(&self, item: WorkItem, token: &str, attempt: u32, why: &str) -> Result<(), ProviderError> {
        let WorkItem::ActivityExecute { instance, execution_id, id, name, .. } = item else {
            return self.inner.abandon_work_item(token, Some(LEAVE_TO_OTHERS), false).await;
        };
        if attempt <= ATTEMPTS_MAX {
            return self.inner.abandon_work_item(token, Some(LEAVE_TO_OTHERS), false).await;
        }
        let details = ErrorDetails::Poison {
            attempt_count: attempt,
            max_attempts: ATTEMPTS_MAX,
            message_type: PoisonMessageType::Activity {
                instance: instance.clone(),
                execution_id,
                activity_name: name,
                activity_id: id,
            },
            message: why.to_owned(),
        };
        self.ack_work_item(token, Some(WorkItem::ActivityFailed { instance, execution_id, id, details })).await
    }
}

fn has_ended(history: &[Event]) -> bool {
    history.iter().any(|event| {
        matches!(event.kind, EventKind::OrchestrationCompleted { .. } | EventKind::OrchestrationFailed { .. })
    })
}

fn unencodable(operation: &str, what: &str, error: &CodecError) -> ProviderError {
    ProviderError::permanent(operation, format!("payload of {what}: the codec cannot encode it: {error}"))
}

fn undecodable(what: &str, error: &CodecError) -> String {
    format!("payload of {what}: expected what the codec encoded, found what it cannot decode: {error}")
}

#[async_trait]
impl Provider for Encoded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn version(&self) -> &str {
        self.inner.version()
    }

    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        let fetched = self.inner.fetch_orchestration_item(lock_timeout, poll_timeout, filter).await?;
        Ok(fetched.map(|(mut item, token, attempt)| {
            self.open_turn(&mut item);
            (item, token, attempt)
        }))
    }

    async fn ack_orchestration_item(
        &self,
        lock_token: &str,
        execution_id: u64,
        history_delta: Vec<Event>,
        worker_items: Vec<WorkItem>,
        orchestrator_items: Vec<WorkItem>,
        metadata: ExecutionMetadata,
        cancelled_activities: Vec<ScheduledActivityIdentifier>,
    ) -> Result<(), ProviderError> {
        let commit = Commit {
            execution_id,
            delta: history_delta,
            worker_items,
            orchestrator_items,
            metadata,
            cancelled_activities,
        };
        let Commit { execution_id, delta, worker_items, orchestrator_items, metadata, cancelled_activities } =
            self.encoded_commit("ack_orchestration_item", commit)?;
        self.inner
            .ack_orchestration_item(
                lock_token,
                execution_id,
                delta,
                worker_items,
                orchestrator_items,
                metadata,
                cancelled_activities,
            )
            .await
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        self.inner.abandon_orchestration_item(lock_token, delay, ignore_attempt).await
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.decoded_events("read", self.inner.read(instance).await?)
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        let events = self.inner.read_with_execution(instance, execution_id).await?;
        self.decoded_events("read_with_execution", events)
    }

    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Result<(), ProviderError> {
        let new_events = self.encoded_events("append_with_execution", new_events)?;
        self.inner.append_with_execution(instance, execution_id, new_events).await
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError> {
        self.inner.enqueue_for_worker(self.encoded_item("enqueue_for_worker", item)?).await
    }

    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError> {
        let fetched = self.inner.fetch_work_item(lock_timeout, poll_timeout, session, tag_filter).await?;
        let Some((mut item, token, attempt)) = fetched else {
            return Ok(None);
        };
        let Err(text) = self.open_activity(&mut item) else {
            return Ok(Some((item, token, attempt)));
        };
        self.give_up(item, &token, attempt, &text).await?;
        Err(ProviderError::permanent("fetch_work_item", text))
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        let completion = completion.map(|item| self.encoded_item("ack_work_item", item)).transpose()?;
        self.inner.ack_work_item(token, completion).await
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.inner.renew_work_item_lock(token, extend_for).await
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        self.inner.renew_session_lock(owner_ids, extend_for, idle_timeout).await
    }

    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Result<usize, ProviderError> {
        self.inner.cleanup_orphaned_sessions(idle_timeout).await
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        self.inner.abandon_work_item(token, delay, ignore_attempt).await
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.inner.renew_orchestration_item_lock(token, extend_for).await
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        let item = self.encoded_item("enqueue_for_orchestrator", item)?;
        self.inner.enqueue_for_orchestrator(item, delay).await
    }

    async fn enqueue_start(&self, item: WorkItem) -> Result<StartOutcome, ProviderError> {
        const OPERATION: &str = "enqueue_start";
        let outcome = self.inner.enqueue_start(self.encoded_item(OPERATION, item.clone())?).await?;
        self.compared_again(OPERATION, &item, outcome)
    }

    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        self.inner.as_management_capability().map(|_| self as &dyn ProviderAdmin)
    }

    fn as_express_capability(&self) -> Option<&dyn ExpressProvider> {
        self.inner.as_express_capability().map(|_| self as &dyn ExpressProvider)
    }

    fn as_transaction_capability(&self) -> Option<&dyn TransactionProvider> {
        self.inner.as_transaction_capability().map(|_| self as &dyn TransactionProvider)
    }

    fn as_insight_capability(&self) -> Option<&dyn InsightProvider> {
        self.inner.as_insight_capability().map(|_| self as &dyn InsightProvider)
    }

    fn as_trace_capability(&self) -> Option<&dyn TraceProvider> {
        self.inner.as_trace_capability().map(|_| self as &dyn TraceProvider)
    }

    /// Rows are carried as they are, encoded: whoever opens the target needs the same codec.
    fn as_transfer_capability(&self) -> Option<&dyn TransferStore> {
        self.inner.as_transfer_capability()
    }

    fn work_signal(&self) -> Option<Arc<WorkSignal>> {
        self.inner.work_signal()
    }

    async fn get_status(&self, instance: &str) -> Result<OrchestrationStatus, ProviderError> {
        let mut status = self.inner.get_status(instance).await?;
        payloads::of_status(&mut status, &mut |payload| self.decode(payload))
            .map_err(|error| ProviderError::permanent("get_status", undecodable("the status", &error)))?;
        Ok(status)
    }

    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        const OPERATION: &str = "get_custom_status";
        let Some((status, version)) = self.inner.get_custom_status(instance, last_seen_version).await? else {
            return Ok(None);
        };
        Ok(Some((self.decoded_option(OPERATION, "the custom status", status)?, version)))
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        let value = self.inner.get_kv_value(instance, key).await?;
        self.decoded_option("get_kv_value", &format!("value of key '{key}'"), value)
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        let mut values = self.inner.get_kv_all_values(instance).await?;
        for (key, value) in &mut values {
            *value = self.decoded("get_kv_all_values", &format!("value of key '{key}'"), value)?;
        }
        Ok(values)
    }

    /// The size of the history is as stored, that of the key-values as given.
    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        let Some(mut stats) = self.inner.get_instance_stats(instance).await? else {
            return Ok(None);
        };
        let values = self.get_kv_all_values(instance).await?;
        stats.kv_total_value_bytes = values.values().map(|value| value.len() as u64).sum();
        Ok(Some(stats))
    }

    async fn enqueue_if_room(
        &self,
        item: WorkItem,
        delay: Option<Duration>,
        waiting_max: usize,
    ) -> Result<(), ProviderError> {
        let item = self.encoded_item("enqueue_for_orchestrator", item)?;
        self.inner.enqueue_if_room(item, delay, waiting_max).await
    }

    async fn activity_fence(&self, token: &str) -> Result<Option<u64>, ProviderError> {
        self.inner.activity_fence(token).await
    }

    async fn heartbeat_work_item(&self, token: &str, progress: &str) -> Result<bool, ProviderError> {
        const OPERATION: &str = "heartbeat_work_item";
        let encoded = self.codec.encode(progress);
        let encoded = encoded.map_err(|error| unencodable(OPERATION, "the progress", &error))?;
        self.inner.heartbeat_work_item(token, &encoded).await
    }

    async fn read_progress(&self, instance: &str) -> Result<Vec<ActivityProgress>, ProviderError> {
        let mut said = self.inner.read_progress(instance).await?;
        for said in &mut said {
            let what = format!("progress of activity {}", said.activity_id);
            said.progress = self.decoded("read_progress", &what, &said.progress)?;
        }
        Ok(said)
    }
}
