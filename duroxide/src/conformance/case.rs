//! A fresh store under trial: calls that must work, and waits for what must happen.

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::StoreFactory;
use super::items::{NAME, Turn, VERSION, activity_id, adds, names, start, started};
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::providers::error::ProviderError;
use crate::providers::{
    DispatcherCapabilityFilter, Event, Provider, ProviderAdmin, SessionFetchConfig, TagFilter, WorkItem,
};

/// A lease that no law outlives.
pub(super) const LONG: Duration = Duration::from_secs(300);

/// A lease that laws wait out.
pub(super) const SHORT: Duration = Duration::from_millis(60);

/// A lease that a store has time to renew, and a law to wait out.
pub(super) const TERM: Duration = Duration::from_secs(1);

/// Fetches answer at once.
pub(super) const AT_ONCE: Duration = Duration::ZERO;

/// Between two looks at something that must happen.
const STEP: Duration = Duration::from_millis(5);

/// Looks before something that must happen is given up: ten seconds.
const LOOKS: u32 = 2_000;

/// One activity, leased.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) item: WorkItem,
    pub(super) token: String,
    pub(super) attempts: u32,
}

impl Job {
    pub(super) fn id(&self) -> u64 {
        activity_id(&self.item)
    }
}

/// A fresh store. Its own methods expect success; the contract's are reached through it.
pub(super) struct Case<'a> {
    factory: &'a dyn StoreFactory,
    store: Arc<dyn Provider>,
}

impl Deref for Case<'_> {
    type Target = dyn Provider;

    fn deref(&self) -> &Self::Target {
        self.store.as_ref()
    }
}

impl<'a> Case<'a> {
    pub(super) async fn of(factory: &'a dyn StoreFactory) -> Self {
        let store = factory.create().await;
        Case { factory, store }
    }

    pub(super) fn shared(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.store)
    }

    pub(super) fn admin(&self) -> &dyn ProviderAdmin {
        self.as_management_capability().expect("the store is manageable")
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.factory.now_ms()
    }

    pub(super) async fn corrupt_history(&self, instance: &str) {
        self.factory.corrupt_history(self.store.as_ref(), instance).await;
    }

    pub(super) async fn corrupt_activity(&self, instance: &str, activity_id: u64) -> bool {
        self.factory.corrupt_activity(self.store.as_ref(), instance, activity_id).await
    }

    pub(super) async fn max_attempt_count(&self, instance: &str) -> u32 {
        self.factory.max_attempt_count(self.store.as_ref(), instance).await
    }

    /// Until a lease of `timeout`, taken before this call, is over by the store's clock.
    pub(super) async fn lapse(&self, timeout: Duration) {
        let over_ms = self.now_ms() + u64::try_from(timeout.as_millis()).expect("laws are short");
        while self.now_ms() <= over_ms {
            tokio::time::sleep(STEP).await;
        }
    }
}

/// Orchestrations.
impl Case<'_> {
    pub(super) async fn send(&self, item: WorkItem) {
        self.enqueue_for_orchestrator(item, None).await.expect("messages are accepted");
    }

    pub(super) async fn send_later(&self, item: WorkItem, delay: Duration) {
        self.enqueue_for_orchestrator(item, Some(delay)).await.expect("delayed messages are accepted");
    }

    pub(super) async fn fetch(
        &self,
        lock_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Option<Turn> {
        let fetched = self.fetch_orchestration_item(lock_timeout, AT_ONCE, filter).await;
        let (item, token, attempts) = fetched.expect("fetching works")?;
        Some(Turn { item, token, attempts })
    }

    /// The next turn, under a long lease.
    pub(super) async fn take(&self) -> Turn {
        self.take_for(LONG).await
    }

    pub(super) async fn take_for(&self, lock_timeout: Duration) -> Turn {
        let turn = self.fetch(lock_timeout, None).await;
        turn.expect("expected an instance to be ready, found none")
    }

    /// The next turn, which becomes ready by time alone.
    pub(super) async fn take_eventually(&self) -> Turn {
        for _ in 0..LOOKS {
            if let Some(turn) = self.fetch(LONG, None).await {
                return turn;
            }
            tokio::time::sleep(STEP).await;
        }
        panic!("expected an instance to become ready, found none in ten seconds");
    }

    pub(super) async fn expect_no_turn(&self, why: &str) {
        if let Some(turn) = self.fetch(LONG, None).await {
            panic!("expected no instance ({why}), found {turn:?}");
        }
    }

    pub(super) async fn try_ack(&self, token: &str, commit: Commit) -> Result<(), ProviderError> {
        self.ack_orchestration_item(
            token,
            commit.execution_id,
            commit.delta,
            commit.worker_items,
            commit.orchestrator_items,
            commit.metadata,
            commit.cancelled_activities,
        )
        .await
    }

    pub(super) async fn ack(&self, turn: &Turn, commit: Commit) {
        self.try_ack(&turn.token, commit).await.expect("the holder may commit");
    }

    /// An instance that runs: started, first turn committed with one event.
    pub(super) async fn create(&self, instance: &str) {
        self.create_with(instance, names()).await;
    }

    pub(super) async fn create_with(&self, instance: &str, metadata: ExecutionMetadata) {
        self.send(start(instance)).await;
        let turn = self.take().await;
        assert_eq!(turn.item.instance, instance, "nothing else is queued");
        let first = Commit { metadata, ..adds(vec![started(instance)]) };
        self.ack(&turn, first).await;
    }

    /// An instance that ended as `status`.
    pub(super) async fn create_ended(&self, instance: &str, status: &str) {
        let ended = ExecutionMetadata { status: Some(status.into()), output: Some("done".into()), ..names() };
        self.create_with(instance, ended).await;
    }

    /// An instance that runs as the child of another.
    pub(super) async fn create_child(&self, instance: &str, parent: &str) {
        self.create_with(instance, super::items::names_of_child(parent)).await;
    }

    /// One more turn, woken by an external event.
    pub(super) async fn turn(&self, instance: &str, commit: Commit) {
        self.send(super::items::raised(instance, "go on")).await;
        let turn = self.take().await;
        assert_eq!(turn.item.instance, instance, "nothing else is queued");
        self.ack(&turn, commit).await;
    }

    pub(super) async fn events(&self, instance: &str) -> Vec<Event> {
        self.read(instance).await.expect("history is readable")
    }

    /// Asserts that the instance exists under the usual name.
    pub(super) async fn expect_instance(&self, instance: &str) {
        let info = self.admin().get_instance_info(instance).await.expect("it exists");
        assert_eq!(info.orchestration_name, NAME);
        assert_eq!(info.orchestration_version, VERSION);
    }

    pub(super) async fn expect_no_instance(&self, instance: &str) {
        expect_permanent(self.admin().get_instance_info(instance).await, "not found");
    }
}

/// Activities.
impl Case<'_> {
    pub(super) async fn post(&self, item: WorkItem) {
        self.enqueue_for_worker(item).await.expect("activities are accepted");
    }

    pub(super) async fn fetch_job(
        &self,
        lock_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tags: &TagFilter,
    ) -> Option<Job> {
        let fetched = self.fetch_work_item(lock_timeout, AT_ONCE, session, tags).await;
        let (item, token, attempts) = fetched.expect("fetching works")?;
        Some(Job { item, token, attempts })
    }

    /// The next activity without session or tag, under a long lease.
    pub(super) async fn take_job(&self) -> Job {
        self.take_job_for(LONG).await
    }

    pub(super) async fn take_job_for(&self, lock_timeout: Duration) -> Job {
        let job = self.fetch_job(lock_timeout, None, &TagFilter::DefaultOnly).await;
        job.expect("expected an activity to be ready, found none")
    }

    pub(super) async fn take_job_eventually(&self) -> Job {
        for _ in 0..LOOKS {
            if let Some(job) = self.fetch_job(LONG, None, &TagFilter::DefaultOnly).await {
                return job;
            }
            tokio::time::sleep(STEP).await;
        }
        panic!("expected an activity to become ready, found none in ten seconds");
    }

    pub(super) async fn expect_no_job(&self, why: &str) {
        if let Some(job) = self.fetch_job(LONG, None, &TagFilter::DefaultOnly).await {
            panic!("expected no activity ({why}), found {job:?}");
        }
    }
}

/// The error of a call that never works, whose text contains `text` in any case of letters.
pub(super) fn expect_permanent<T: Debug>(outcome: Result<T, ProviderError>, text: &str) -> ProviderError {
    let error = outcome.expect_err("expected a refusal");
    assert!(!error.is_retryable(), "expected a permanent error, found a retryable one: {error}");
    assert!(
        error.message.to_lowercase().contains(&text.to_lowercase()),
        "expected an error that says {text:?}, found {error}"
    );
    error
}
