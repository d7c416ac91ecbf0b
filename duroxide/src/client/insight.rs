//! Find, and look at who works and what waits: what the command line and the dashboard are made of.

use super::{Client, ClientError};
use crate::model::insight::{
    HandlerInfo, InstancePage, InstanceQuery, QuarantinedRow, Queue, QueueOverview, QueueRow, Unserved, WorkerInfo,
};
use crate::providers::{InsightProvider, ProviderError};

/// Every method but one needs the operator's half of the store, and fails with `Provider` (permanent) without it.
impl Client {
    /// Whether the store has the operator's half.
    pub fn has_insight_capability(&self) -> bool {
        self.store.as_insight_capability().is_some()
    }

    /// The instances that match, newest first, a page at a time.
    ///
    /// # Errors
    /// `Provider`.
    pub async fn find_instances(&self, query: &InstanceQuery) -> Result<InstancePage, ClientError> {
        Ok(self.insight("find_instances")?.find_instances(query).await?)
    }

    /// All workers that the store knows, those that are alive first.
    ///
    /// # Errors
    /// `Provider`.
    pub async fn list_workers(&self) -> Result<Vec<WorkerInfo>, ClientError> {
        Ok(self.insight("list_workers")?.list_workers().await?)
    }

    /// What live workers have registered, each once, by kind, name and version: what can be started and called.
    ///
    /// # Errors
    /// `Provider`.
    pub async fn list_handlers(&self) -> Result<Vec<HandlerInfo>, ClientError> {
        let live = self.list_workers().await?.into_iter().filter(|worker| worker.is_alive);
        let mut handlers: Vec<HandlerInfo> = live.flat_map(|worker| worker.handlers).collect();
        let key = |it: &HandlerInfo| (it.kind, it.name.clone(), it.version.clone());
        // Where one tells what another does not, it counts.
        handlers.sort_by_key(|it| (key(it), it.source.is_none()));
        handlers.dedup_by_key(|it| key(it));
        Ok(handlers)
    }

    /// Work for which no live worker has a handler or serves the tag, most instances first.
    ///
    /// Workers of versions that do not say that they are there count as absent. See
    /// [`InsightProvider::list_unserved`] for how far it looks.
    ///
    /// # Errors
    /// `Provider`.
    pub async fn list_unserved(&self, limit: usize) -> Result<Vec<Unserved>, ClientError> {
        Ok(self.insight("list_unserved")?.list_unserved(limit).await?)
    }

    /// How much waits where.
    ///
    /// # Errors
    /// `Provider`.
    pub async fn queue_overview(&self) -> Result<QueueOverview, ClientError> {
        Ok(self.insight("queue_overview")?.queue_overview().await?)
    }

    /// Rows of a queue behind the row `after`, ascending.
    ///
    /// # Errors
    /// `Provider`.
    pub async fn list_queue(
        &self,
        queue: Queue,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<QueueRow>, ClientError> {
        Ok(self.insight("list_queue")?.list_queue(queue, after, limit).await?)
    }

    /// All rows of both queues that belong to an instance.
    ///
    /// # Errors
    /// `Provider`.
    pub async fn list_rows_of(&self, instance: &str) -> Result<Vec<QueueRow>, ClientError> {
        Ok(self.insight("list_rows_of")?.list_rows_of(instance).await?)
    }

    /// Rows that could not be read, behind the row `after`, ascending; with `instance` only its rows.
    ///
    /// # Errors
    /// `Provider`.
    pub async fn list_quarantined(
        &self,
        instance: Option<&str>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<QuarantinedRow>, ClientError> {
        Ok(self.insight("list_quarantined")?.list_quarantined(instance, after, limit).await?)
    }

    /// Puts a row that could not be read back into its queue. `false` when there is no such row.
    ///
    /// # Errors
    /// `Provider`, permanent and with the row where it is, when it still cannot be read.
    pub async fn retry_quarantined(&self, id: u64) -> Result<bool, ClientError> {
        Ok(self.insight("retry_quarantined")?.retry_quarantined(id).await?)
    }

    /// Deletes a row that could not be read. `false` when there is no such row.
    ///
    /// # Errors
    /// `Provider`.
    pub async fn drop_quarantined(&self, id: u64) -> Result<bool, ClientError> {
        Ok(self.insight("drop_quarantined")?.drop_quarantined(id).await?)
    }

    /// Deletes a message for an instance that nobody has started, by its number in the orchestrator queue. `false` when
    /// there is no such row, or it is not [parked](crate::providers::insight::RowState::Parked).
    ///
    /// # Errors
    /// `Provider`; permanent when the store cannot do that.
    pub async fn drop_parked(&self, id: u64) -> Result<bool, ClientError> {
        Ok(self.insight("drop_parked")?.drop_parked(id).await?)
    }

    /// Looks through the whole store for what must not be: one line for each finding. May take long.
    ///
    /// # Errors
    /// `Provider`.
    pub async fn check_integrity(&self) -> Result<Vec<String>, ClientError> {
        Ok(self.insight("check_integrity")?.check_integrity().await?)
    }

    fn insight(&self, operation: &str) -> Result<&dyn InsightProvider, ProviderError> {
        self.store.as_insight_capability().ok_or_else(|| {
            let found = format!("expected a store with the operator's half, found `{}` without", self.store.name());
            ProviderError::permanent(operation, found)
        })
    }
}
