//! The operator's half of the store below: what was set aside is decoded, everything else is handed on.

use std::time::Duration;

use async_trait::async_trait;

use super::Encoded;
use crate::codec;
use crate::model::insight::{
    Durability, InstancePage, InstanceQuery, QuarantinedRow, Queue, QueueOverview, QueueRow, Unserved, WorkerInfo,
};
use crate::model::work_item::WorkItem;
use crate::providers::error::ProviderError;
use crate::providers::insight::InsightProvider;

type Answer<T> = Result<T, ProviderError>;

impl Encoded {
    fn insight(&self, operation: &str) -> Answer<&dyn InsightProvider> {
        self.store().as_insight_capability().ok_or_else(|| {
            ProviderError::permanent(operation, "expected a store with the operator's half, found one without")
        })
    }

    /// What was in a row, if it can be told: the text may be anything, and stays as it is then.
    fn decoded_body(&self, body: String) -> String {
        let Ok(mut item) = codec::from_json::<WorkItem>(&body) else {
            return body;
        };
        match self.decode_item(&mut item) {
            Ok(()) => codec::to_json(&item).unwrap_or(body),
            Err(_) => body,
        }
    }
}

#[async_trait]
impl InsightProvider for Encoded {
    async fn find_instances(&self, query: &InstanceQuery) -> Answer<InstancePage> {
        self.insight("find_instances")?.find_instances(query).await
    }

    async fn announce_worker(&self, worker: &WorkerInfo, alive_for: Duration) -> Answer<()> {
        self.insight("announce_worker")?.announce_worker(worker, alive_for).await
    }

    async fn refresh_worker(&self, worker_id: &str, alive_for: Duration) -> Answer<bool> {
        self.insight("refresh_worker")?.refresh_worker(worker_id, alive_for).await
    }

    async fn retire_worker(&self, worker_id: &str) -> Answer<()> {
        self.insight("retire_worker")?.retire_worker(worker_id).await
    }

    async fn list_workers(&self) -> Answer<Vec<WorkerInfo>> {
        self.insight("list_workers")?.list_workers().await
    }

    async fn list_unserved(&self, limit: usize) -> Answer<Vec<Unserved>> {
        self.insight("list_unserved")?.list_unserved(limit).await
    }

    async fn queue_overview(&self) -> Answer<QueueOverview> {
        self.insight("queue_overview")?.queue_overview().await
    }

    async fn list_queue(&self, queue: Queue, after: Option<u64>, limit: usize) -> Answer<Vec<QueueRow>> {
        self.insight("list_queue")?.list_queue(queue, after, limit).await
    }

    async fn list_rows_of(&self, instance: &str) -> Answer<Vec<QueueRow>> {
        self.insight("list_rows_of")?.list_rows_of(instance).await
    }

    async fn list_quarantined(
        &self,
        instance: Option<&str>,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<QuarantinedRow>> {
        let rows = self.insight("list_quarantined")?.list_quarantined(instance, after, limit).await?;
        let told = rows.into_iter().map(|row| QuarantinedRow { body: self.decoded_body(row.body), ..row });
        Ok(told.collect())
    }

    async fn retry_quarantined(&self, id: u64) -> Answer<bool> {
        self.insight("retry_quarantined")?.retry_quarantined(id).await
    }

    async fn drop_quarantined(&self, id: u64) -> Answer<bool> {
        self.insight("drop_quarantined")?.drop_quarantined(id).await
    }

    async fn drop_parked(&self, id: u64) -> Answer<bool> {
        self.insight("drop_parked")?.drop_parked(id).await
    }

    fn durability(&self) -> Option<Durability> {
        self.store().as_insight_capability()?.durability()
    }

    async fn check_integrity(&self) -> Answer<Vec<String>> {
        self.insight("check_integrity")?.check_integrity().await
    }
}
