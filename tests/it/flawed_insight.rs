//! Stores that tell operators nothing, or what is not so, to see that a law goes red.

use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::ProviderError;
use duroxide::providers::insight::{
    HandlerSort, InsightProvider, InstanceCursor, InstancePage, InstanceQuery, InstanceRow, QuarantinedRow, Queue,
    QueueFigures, QueueOverview, QueueRow, RowState, TagsServed, Unserved, WorkerInfo,
};

use crate::flawed_store::{Flaw, FlawedStore};

type Answer<T> = Result<T, ProviderError>;

impl FlawedStore {
    /// What it says of everything, if it says anything.
    fn said<T>(&self, babble: impl FnOnce() -> T) -> Option<T> {
        (self.flaw() == Flaw::Babbles).then(babble)
    }

    fn all<T>(&self, babble: impl FnOnce() -> T) -> Answer<Vec<T>> {
        Ok(self.said(babble).into_iter().collect())
    }
}

fn row() -> QueueRow {
    QueueRow {
        id: 1,
        queue: Queue::Worker,
        instance_id: Some("x".into()),
        kind: "ActivityExecute".into(),
        name: None,
        event_id: None,
        tag: None,
        session_id: None,
        state: RowState::Delayed,
        visible_at: 1,
        locked_until: Some(1),
        owner: Some("x".into()),
        attempts: 7,
    }
}

#[async_trait]
impl InsightProvider for FlawedStore {
    async fn find_instances(&self, _query: &InstanceQuery) -> Answer<InstancePage> {
        let row = || InstanceRow {
            instance_id: "x".into(),
            orchestration_name: "X".into(),
            orchestration_version: None,
            execution_id: 1,
            status: "Running".into(),
            parent_instance_id: None,
            created_at: 1,
            updated_at: 1,
        };
        let next = || InstanceCursor { created_at: 1, instance_id: "x".into() };
        Ok(self.said(|| InstancePage { rows: vec![row()], next: Some(next()) }).unwrap_or_default())
    }

    async fn announce_worker(&self, _worker: &WorkerInfo, _alive_for: Duration) -> Answer<()> {
        Ok(())
    }

    async fn refresh_worker(&self, _worker_id: &str, _alive_for: Duration) -> Answer<bool> {
        Ok(true)
    }

    async fn retire_worker(&self, _worker_id: &str) -> Answer<()> {
        Ok(())
    }

    async fn list_workers(&self) -> Answer<Vec<WorkerInfo>> {
        self.all(|| WorkerInfo {
            worker_id: "x".into(),
            node: "x".into(),
            pid: 1,
            program: "x".into(),
            library_version: "0".into(),
            orchestration_slots: 1,
            activity_slots: 1,
            tags: TagsServed { untagged: true, any: true, tags: Vec::new() },
            handlers: Vec::new(),
            durability: None,
            started_at: 1,
            seen_at: 2,
            alive_until: 3,
            is_alive: true,
        })
    }

    async fn list_unserved(&self, _limit: usize) -> Answer<Vec<Unserved>> {
        self.all(|| Unserved {
            kind: HandlerSort::Activity,
            name: "x".into(),
            version: None,
            tag: None,
            instances: 1,
            example: "x".into(),
        })
    }

    async fn queue_overview(&self) -> Answer<QueueOverview> {
        let figures = || QueueFigures { ready: 7, delayed: 7, held: 7, parked: 7, oldest_ready_at: Some(1) };
        let overview = || QueueOverview { orchestrator: figures(), worker: figures(), quarantined: 7 };
        Ok(self.said(overview).unwrap_or_default())
    }

    async fn list_queue(&self, _queue: Queue, _after: Option<u64>, _limit: usize) -> Answer<Vec<QueueRow>> {
        self.all(row)
    }

    async fn list_rows_of(&self, _instance: &str) -> Answer<Vec<QueueRow>> {
        self.all(row)
    }

    async fn list_quarantined(
        &self,
        _instance: Option<&str>,
        _after: Option<u64>,
        _limit: usize,
    ) -> Answer<Vec<QuarantinedRow>> {
        self.all(|| QuarantinedRow {
            id: 1,
            queue: Queue::Worker,
            instance_id: None,
            body: String::new(),
            reason: String::new(),
            at_ms: 1,
        })
    }

    async fn retry_quarantined(&self, _id: u64) -> Answer<bool> {
        Ok(true)
    }

    async fn drop_quarantined(&self, _id: u64) -> Answer<bool> {
        Ok(true)
    }

    async fn drop_parked(&self, _id: u64) -> Answer<bool> {
        Ok(true)
    }

    async fn check_integrity(&self) -> Answer<Vec<String>> {
        self.all(|| "damage everywhere".to_owned())
    }
}
