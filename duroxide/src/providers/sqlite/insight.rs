//! The operator's half: one line per method.

use std::time::Duration;

use async_trait::async_trait;

use super::{SqliteProvider, find, integrity, quarantine, unserved, waiting, workers};
use crate::clock;
use crate::model::insight::{
    Durability, InstancePage, InstanceQuery, QuarantinedRow, Queue, QueueOverview, QueueRow, Unserved, WorkerInfo, page,
};
use crate::providers::error::ProviderError;
use crate::providers::insight::InsightProvider;

type Answer<T> = Result<T, ProviderError>;

#[async_trait]
impl InsightProvider for SqliteProvider {
    async fn find_instances(&self, query: &InstanceQuery) -> Answer<InstancePage> {
        let query = query.clone();
        self.read_with("find_instances", move |conn| Ok(find::page(conn, &query)?)).await
    }

    async fn announce_worker(&self, worker: &WorkerInfo, alive_for: Duration) -> Answer<()> {
        const OPERATION: &str = "announce_worker";
        let info = super::row::to_json(worker).map_err(|error| error.during(OPERATION))?;
        let (worker_id, owner) = (worker.worker_id.clone(), self.node.owner());
        // A power cut takes the process that it tells of, too.
        self.lease(OPERATION, move |conn, _| Ok(workers::announce(conn, &worker_id, &info, &owner, alive_for)?)).await
    }

    async fn refresh_worker(&self, worker_id: &str, alive_for: Duration) -> Answer<bool> {
        let worker_id = worker_id.to_owned();
        self.lease("refresh_worker", move |conn, _| Ok(workers::refresh(conn, &worker_id, alive_for)?)).await
    }

    async fn retire_worker(&self, worker_id: &str) -> Answer<()> {
        let worker_id = worker_id.to_owned();
        self.lease("retire_worker", move |conn, _| Ok(workers::retire(conn, &worker_id)?)).await
    }

    async fn list_workers(&self) -> Answer<Vec<WorkerInfo>> {
        self.read_with("list_workers", |conn| Ok(workers::list(conn, clock::now_ms())?)).await
    }

    async fn list_unserved(&self, limit: usize) -> Answer<Vec<Unserved>> {
        self.read_with("list_unserved", move |conn| Ok(unserved::list(conn, limit)?)).await
    }

    async fn queue_overview(&self) -> Answer<QueueOverview> {
        self.read_with("queue_overview", |conn| Ok(waiting::overview(conn, clock::now_ms())?)).await
    }

    async fn list_queue(&self, queue: Queue, after: Option<u64>, limit: usize) -> Answer<Vec<QueueRow>> {
        self.read_with("list_queue", move |conn| Ok(waiting::rows(conn, queue, after, page(limit))?)).await
    }

    async fn list_rows_of(&self, instance: &str) -> Answer<Vec<QueueRow>> {
        let instance = instance.to_owned();
        self.read_with("list_rows_of", move |conn| Ok(waiting::rows_of(conn, &instance)?)).await
    }

    async fn list_quarantined(
        &self,
        instance: Option<&str>,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<QuarantinedRow>> {
        let instance = instance.map(str::to_owned);
        self.read_with("list_quarantined", move |conn| {
            Ok(quarantine::list(conn, instance.as_deref(), after, page(limit))?)
        })
        .await
    }

    async fn retry_quarantined(&self, id: u64) -> Answer<bool> {
        self.write("retry_quarantined", move |conn, wakes| quarantine::retry(conn, id, wakes)).await
    }

    async fn drop_quarantined(&self, id: u64) -> Answer<bool> {
        self.write("drop_quarantined", move |conn, _| Ok(quarantine::drop_row(conn, id)?)).await
    }

    async fn drop_parked(&self, id: u64) -> Answer<bool> {
        self.write("drop_parked", move |conn, _| Ok(waiting::drop_parked(conn, id)?)).await
    }

    fn durability(&self) -> Option<Durability> {
        Some(self.durability)
    }

    async fn check_integrity(&self) -> Answer<Vec<String>> {
        self.read_with("check_integrity", |conn| Ok(integrity::check(conn)?)).await
    }
}
