//! The operator's half: one line per method.

use std::time::Duration;

use async_trait::async_trait;

use super::{PostgresProvider, find, integrity, quarantine, row, unserved, waiting, workers};
use crate::model::insight::{
    InstancePage, InstanceQuery, QuarantinedRow, Queue, QueueOverview, QueueRow, Unserved, WorkerInfo, page,
};
use crate::providers::error::ProviderError;
use crate::providers::insight::InsightProvider;

type Answer<T> = Result<T, ProviderError>;

#[async_trait]
impl InsightProvider for PostgresProvider {
    async fn find_instances(&self, query: &InstanceQuery) -> Answer<InstancePage> {
        find::page(&self.db, query).await.map_err(|error| error.during("find_instances"))
    }

    async fn announce_worker(&self, worker: &WorkerInfo, alive_for: Duration) -> Answer<()> {
        const OPERATION: &str = "announce_worker";
        let info = row::to_json(worker).map_err(|error| error.during(OPERATION))?;
        let announced = workers::announce(&self.db, &worker.worker_id, &info, &self.node.owner(), alive_for).await;
        announced.map_err(|error| error.during(OPERATION))
    }

    async fn refresh_worker(&self, worker_id: &str, alive_for: Duration) -> Answer<bool> {
        workers::refresh(&self.db, worker_id, alive_for).await.map_err(|error| error.during("refresh_worker"))
    }

    async fn retire_worker(&self, worker_id: &str) -> Answer<()> {
        workers::retire(&self.db, worker_id).await.map_err(|error| error.during("retire_worker"))
    }

    async fn list_workers(&self) -> Answer<Vec<WorkerInfo>> {
        workers::list(&self.db).await.map_err(|error| error.during("list_workers"))
    }

    async fn list_unserved(&self, limit: usize) -> Answer<Vec<Unserved>> {
        unserved::list(&self.db, limit).await.map_err(|error| error.during("list_unserved"))
    }

    async fn queue_overview(&self) -> Answer<QueueOverview> {
        waiting::overview(&self.db).await.map_err(|error| error.during("queue_overview"))
    }

    async fn list_queue(&self, queue: Queue, after: Option<u64>, limit: usize) -> Answer<Vec<QueueRow>> {
        waiting::rows(&self.db, queue, after, page(limit)).await.map_err(|error| error.during("list_queue"))
    }

    async fn list_rows_of(&self, instance: &str) -> Answer<Vec<QueueRow>> {
        waiting::rows_of(&self.db, instance).await.map_err(|error| error.during("list_rows_of"))
    }

    async fn list_quarantined(
        &self,
        instance: Option<&str>,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<QuarantinedRow>> {
        let rows = quarantine::list(&self.db, instance, after, page(limit)).await;
        rows.map_err(|error| error.during("list_quarantined"))
    }

    async fn retry_quarantined(&self, id: u64) -> Answer<bool> {
        let retried = quarantine::retry(&self.db, &self.hints, id).await;
        retried.map_err(|error| error.during("retry_quarantined"))
    }

    async fn drop_quarantined(&self, id: u64) -> Answer<bool> {
        quarantine::drop_row(&self.db, id).await.map_err(|error| error.during("drop_quarantined"))
    }

    async fn drop_parked(&self, id: u64) -> Answer<bool> {
        waiting::drop_parked(&self.db, id).await.map_err(|error| error.during("drop_parked"))
    }

    async fn check_integrity(&self) -> Answer<Vec<String>> {
        integrity::check(&self.db).await.map_err(|error| error.during("check_integrity"))
    }
}
