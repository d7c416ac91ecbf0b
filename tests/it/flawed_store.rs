//! A memory store that breaks one rule of the contract, to see that a law goes red.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{
    ActivityProgress, DispatcherCapabilityFilter, Event, ExecutionMetadata, InsightProvider, KvEntry,
    OrchestrationItem, Provider, ProviderAdmin, ProviderError, ScheduledActivityIdentifier, SessionFetchConfig,
    SystemStats, TagFilter, TraceProvider, WorkItem,
};
use duroxide::trace::TraceContext;

use crate::flawed_traces::FLAWS;

/// The rule it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    RenewsAnything,
    AcksExpired,
    CountsNoAttempts,
    CountsIgnoredAttempts,
    IgnoresTags,
    IgnoresCancellations,
    CancelsNeighbours,
    LosesCompletions,
    CommitsHalfATurn,
    IgnoresFilter,
    RestampsEvents,
    ForgetsDelays,
    SnapshotsRunningValues,
    SharesSessions,
    HandsOutTwice,
    NeverAnswers,
    RepeatsFences,
    LetsAnybodySpeak,
    HasRoomForAll,
    CountsFromZero,
    ReversesBatches,
    LosesSnapshots,
    LosesMessages,
    ForgetsEnds,
    ForgetsPins,
    ForgetsNames,
    ForgetsAbandonDelays,
    AbandonsAnything,
    ReadsTheFirstExecution,
    AcceptsDuplicates,
    LosesTags,
    AcksAnyKind,
    RenewsIdleSessions,
    NeverCleansSessions,
    RepeatsOldStatus,
    InventsValues,
    MeasuresNothing,
    LeavesUnbornChildren,
    TellsNothing,
    Babbles,
    TracesTheLast,
    TracesForEver,
    TracesNobody,
    TracesAnything,
}

pub(crate) struct FlawedStore {
    sound: MemoryProvider,
    flaw: Flaw,
    /// Starts of children, for the flaw that outlives their parents.
    children: Mutex<Vec<WorkItem>>,
    /// Contexts of traces, for flaws that tell the wrong one.
    contexts: Mutex<HashMap<String, TraceContext>>,
}

impl FlawedStore {
    pub(crate) fn new(sound: MemoryProvider, flaw: Flaw) -> Self {
        FlawedStore { sound, flaw, children: Mutex::default(), contexts: Mutex::default() }
    }

    pub(crate) fn flaw(&self) -> Flaw {
        self.flaw
    }

    pub(crate) fn sound(&self) -> &MemoryProvider {
        &self.sound
    }

    pub(crate) fn contexts(&self) -> &Mutex<HashMap<String, TraceContext>> {
        &self.contexts
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn forget(&self, metadata: &mut ExecutionMetadata) {
        match self.flaw {
            Flaw::ForgetsEnds => (metadata.status, metadata.output) = (None, None),
            Flaw::ForgetsPins => metadata.pinned_duroxide_version = None,
            Flaw::ForgetsNames => metadata.orchestration_name = None,
            _ => {}
        }
    }

    /// Starts of children come back that went with their parent.
    async fn revive_children(&self) -> Result<(), ProviderError> {
        let starts = std::mem::take(&mut *self.children.lock().expect("nobody panics under the lock"));
        for start in starts {
            let WorkItem::StartOrchestration { parent_instance: Some(parent), .. } = &start else { continue };
            if self.sound.read(parent).await?.is_empty() {
                self.sound.enqueue_for_orchestrator(start, None).await?;
            } else {
                self.children.lock().expect("nobody panics under the lock").push(start);
            }
        }
        Ok(())
    }

    async fn snapshot(&self, instance: &str) -> Result<HashMap<String, KvEntry>, ProviderError> {
        let values = self.sound.get_kv_all_values(instance).await?;
        let entry = |value| KvEntry { value, last_updated_at_ms: 0 };
        Ok(values.into_iter().map(|(key, value)| (key, entry(value))).collect())
    }
}

#[async_trait]
impl Provider for FlawedStore {
    fn as_insight_capability(&self) -> Option<&dyn InsightProvider> {
        matches!(self.flaw, Flaw::TellsNothing | Flaw::Babbles).then_some(self as &dyn InsightProvider)
    }

    fn as_trace_capability(&self) -> Option<&dyn TraceProvider> {
        FLAWS.contains(&self.flaw).then_some(self as &dyn TraceProvider)
    }

    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        if self.has(Flaw::NeverAnswers) {
            std::future::pending::<()>().await;
        }
        if self.has(Flaw::LeavesUnbornChildren) {
            self.revive_children().await?;
        }
        let filter = filter.filter(|_| !self.has(Flaw::IgnoresFilter));
        // A lease that is over at once is none.
        let lock_timeout = if self.has(Flaw::HandsOutTwice) { Duration::ZERO } else { lock_timeout };
        let fetched = self.sound.fetch_orchestration_item(lock_timeout, poll_timeout, filter).await?;
        let Some((mut item, token, mut attempts)) = fetched else {
            return Ok(None);
        };
        if self.has(Flaw::CountsNoAttempts) {
            attempts = 1;
        }
        if self.has(Flaw::CountsFromZero) {
            attempts -= 1;
        }
        if self.has(Flaw::ReversesBatches) {
            item.messages.reverse();
        }
        if self.has(Flaw::LosesSnapshots) {
            item.kv_snapshot.clear();
        }
        if self.has(Flaw::SnapshotsRunningValues) {
            item.kv_snapshot = self.snapshot(&item.instance).await?;
        }
        Ok(Some((item, token, attempts)))
    }

    async fn ack_orchestration_item(
        &self,
        lock_token: &str,
        execution_id: u64,
        mut history_delta: Vec<Event>,
        worker_items: Vec<WorkItem>,
        mut orchestrator_items: Vec<WorkItem>,
        mut metadata: ExecutionMetadata,
        mut cancelled_activities: Vec<ScheduledActivityIdentifier>,
    ) -> Result<(), ProviderError> {
        if self.has(Flaw::RestampsEvents) {
            for event in &mut history_delta {
                event.timestamp_ms = 1_700_000_000_000;
            }
        }
        if self.has(Flaw::LosesMessages) {
            orchestrator_items.clear();
        }
        if self.has(Flaw::LeavesUnbornChildren) {
            self.children.lock().expect("nobody panics under the lock").extend(orchestrator_items.clone());
        }
        self.forget(&mut metadata);
        if self.has(Flaw::IgnoresCancellations) {
            cancelled_activities.clear();
        }
        if self.has(Flaw::CancelsNeighbours) {
            let neighbours: Vec<_> = cancelled_activities
                .iter()
                .map(|identity| ScheduledActivityIdentifier {
                    execution_id: identity.execution_id + 1,
                    ..identity.clone()
                })
                .collect();
            cancelled_activities.extend(neighbours);
        }
        let activities = worker_items.clone();
        let acked = self
            .sound
            .ack_orchestration_item(
                lock_token,
                execution_id,
                history_delta,
                worker_items,
                orchestrator_items,
                metadata,
                cancelled_activities,
            )
            .await;
        if acked.is_err() && self.has(Flaw::CommitsHalfATurn) {
            for activity in activities {
                self.sound.enqueue_for_worker(activity).await?;
            }
        }
        if self.has(Flaw::AcksExpired) { Ok(()) } else { acked }
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let ignore_attempt = ignore_attempt && !self.has(Flaw::CountsIgnoredAttempts);
        let delay = delay.filter(|_| !self.has(Flaw::ForgetsAbandonDelays));
        let abandoned = self.sound.abandon_orchestration_item(lock_token, delay, ignore_attempt).await;
        if self.has(Flaw::AbandonsAnything) { Ok(()) } else { abandoned }
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        if self.has(Flaw::ReadsTheFirstExecution) {
            return self.sound.read_with_execution(instance, 1).await;
        }
        self.sound.read(instance).await
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        self.sound.read_with_execution(instance, execution_id).await
    }

    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Result<(), ProviderError> {
        let appended = self.sound.append_with_execution(instance, execution_id, new_events).await;
        if self.has(Flaw::AcceptsDuplicates) { Ok(()) } else { appended }
    }

    async fn enqueue_for_worker(&self, mut item: WorkItem) -> Result<(), ProviderError> {
        if let WorkItem::ActivityExecute { tag, .. } = &mut item
            && self.has(Flaw::LosesTags)
        {
            *tag = None;
        }
        self.sound.enqueue_for_worker(item).await
    }

    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError> {
        let everything = TagFilter::Any;
        let tag_filter = if self.has(Flaw::IgnoresTags) { &everything } else { tag_filter };
        let everybody = SessionFetchConfig { owner_id: "everybody".into(), lock_timeout };
        let session = session.map(|session| if self.has(Flaw::SharesSessions) { &everybody } else { session });
        self.sound.fetch_work_item(lock_timeout, poll_timeout, session, tag_filter).await
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        let completion = completion.filter(|_| !self.has(Flaw::LosesCompletions));
        let is_result =
            matches!(completion, None | Some(WorkItem::ActivityCompleted { .. } | WorkItem::ActivityFailed { .. }));
        if self.has(Flaw::AcksAnyKind) && !is_result {
            return self.sound.ack_work_item(token, None).await;
        }
        self.sound.ack_work_item(token, completion).await
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let renewed = self.sound.renew_work_item_lock(token, extend_for).await;
        if self.has(Flaw::RenewsAnything) { Ok(()) } else { renewed }
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        let idle_timeout = if self.has(Flaw::RenewsIdleSessions) { Duration::MAX } else { idle_timeout };
        self.sound.renew_session_lock(owner_ids, extend_for, idle_timeout).await
    }

    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Result<usize, ProviderError> {
        if self.has(Flaw::NeverCleansSessions) {
            return Ok(0);
        }
        self.sound.cleanup_orphaned_sessions(idle_timeout).await
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let delay = delay.filter(|_| !self.has(Flaw::ForgetsAbandonDelays));
        let abandoned = self.sound.abandon_work_item(token, delay, ignore_attempt).await;
        if self.has(Flaw::AbandonsAnything) { Ok(()) } else { abandoned }
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        let renewed = self.sound.renew_orchestration_item_lock(token, extend_for).await;
        if self.has(Flaw::RenewsAnything) { Ok(()) } else { renewed }
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        let delay = delay.filter(|_| !self.has(Flaw::ForgetsDelays));
        self.sound.enqueue_for_orchestrator(item, delay).await
    }

    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        self.sound.as_management_capability()
    }

    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        let last_seen_version = if self.has(Flaw::RepeatsOldStatus) { 0 } else { last_seen_version };
        self.sound.get_custom_status(instance, last_seen_version).await
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        let value = self.sound.get_kv_value(instance, key).await?;
        Ok(if self.has(Flaw::InventsValues) { value.or_else(|| Some(String::new())) } else { value })
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        self.sound.get_kv_all_values(instance).await
    }

    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        if self.has(Flaw::MeasuresNothing) {
            return Ok(None);
        }
        self.sound.get_instance_stats(instance).await
    }

    async fn enqueue_if_room(
        &self,
        item: WorkItem,
        delay: Option<Duration>,
        mut waiting_max: usize,
    ) -> Result<(), ProviderError> {
        if self.has(Flaw::HasRoomForAll) && waiting_max > 0 {
            waiting_max = usize::MAX;
        }
        self.sound.enqueue_if_room(item, delay, waiting_max).await
    }

    async fn activity_fence(&self, token: &str) -> Result<Option<u64>, ProviderError> {
        let fence = self.sound.activity_fence(token).await?;
        Ok(if self.has(Flaw::RepeatsFences) { Some(1) } else { fence })
    }

    async fn heartbeat_work_item(&self, token: &str, progress: &str) -> Result<bool, ProviderError> {
        let kept = self.sound.heartbeat_work_item(token, progress).await;
        if self.has(Flaw::LetsAnybodySpeak) { Ok(true) } else { kept }
    }

    async fn read_progress(&self, instance: &str) -> Result<Vec<ActivityProgress>, ProviderError> {
        self.sound.read_progress(instance).await
    }
}
