//! List, read, delete, prune.

use super::{Client, ClientError};
use crate::model::event::Event;
use crate::model::info::{ExecutionInfo, InstanceInfo, InstanceTree, QueueDepths, SystemMetrics};
use crate::model::prune::{DeleteInstanceResult, InstanceFilter, PruneOptions, PruneResult};
use crate::model::stats::SystemStats;
use crate::providers::{ProviderAdmin, ProviderError};

/// Makes an error of the instance it concerns.
type Refusal = fn(String) -> ClientError;

/// What a store's error text says about a deletion it refused. Stores of others have no other way to say it.
const REFUSALS: [(&str, Refusal); 4] = [
    ("not found", |instance_id| ClientError::InstanceNotFound { instance_id }),
    ("still running", |instance_id| ClientError::InstanceStillRunning { instance_id }),
    ("sub-orchestration", |instance_id| ClientError::CannotDeleteSubOrchestration { instance_id }),
    ("delete the root", |instance_id| ClientError::CannotDeleteSubOrchestration { instance_id }),
];

/// Every method but two needs the administrator's half of the store and fails with `ManagementNotAvailable` without
/// it, with `Provider` when the store failed.
impl Client {
    /// Whether the store has the administrator's half.
    pub fn has_management_capability(&self) -> bool {
        self.store.as_management_capability().is_some()
    }

    /// Sizes of the current execution; `None` for an unknown instance. Any store can answer this.
    ///
    /// # Errors
    /// `Provider`.
    pub async fn get_orchestration_stats(&self, instance: &str) -> Result<Option<SystemStats>, ClientError> {
        Ok(self.store.get_instance_stats(instance).await?)
    }

    /// All instance ids, newest first.
    ///
    /// # Errors
    /// `ManagementNotAvailable`, `Provider`.
    pub async fn list_all_instances(&self) -> Result<Vec<String>, ClientError> {
        Ok(self.admin()?.list_instances().await?)
    }

    /// Instance ids whose current execution is `Running`, `Completed`, `Failed` or `ContinuedAsNew`.
    ///
    /// # Errors
    /// `ManagementNotAvailable`, `Provider`.
    pub async fn list_instances_by_status(&self, status: &str) -> Result<Vec<String>, ClientError> {
        Ok(self.admin()?.list_instances_by_status(status).await?)
    }

    /// One instance.
    ///
    /// # Errors
    /// `ManagementNotAvailable`; `Provider`, also for an unknown instance.
    pub async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ClientError> {
        Ok(self.admin()?.get_instance_info(instance).await?)
    }

    /// One execution.
    ///
    /// # Errors
    /// `ManagementNotAvailable`; `Provider`, also for an unknown execution.
    pub async fn get_execution_info(&self, instance: &str, execution_id: u64) -> Result<ExecutionInfo, ClientError> {
        Ok(self.admin()?.get_execution_info(instance, execution_id).await?)
    }

    /// Execution ids of an instance, ascending.
    ///
    /// # Errors
    /// `ManagementNotAvailable`, `Provider`.
    pub async fn list_executions(&self, instance: &str) -> Result<Vec<u64>, ClientError> {
        Ok(self.admin()?.list_executions(instance).await?)
    }

    /// Events of one execution, ascending.
    ///
    /// # Errors
    /// `ManagementNotAvailable`, `Provider`.
    pub async fn read_execution_history(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ClientError> {
        Ok(self.admin()?.read_history_with_execution_id(instance, execution_id).await?)
    }

    /// Totals of the store.
    ///
    /// # Errors
    /// `ManagementNotAvailable`, `Provider`.
    pub async fn get_system_metrics(&self) -> Result<SystemMetrics, ClientError> {
        Ok(self.admin()?.get_system_metrics().await?)
    }

    /// How many rows wait in the queues.
    ///
    /// # Errors
    /// `ManagementNotAvailable`, `Provider`.
    pub async fn get_queue_depths(&self) -> Result<QueueDepths, ClientError> {
        Ok(self.admin()?.get_queue_depths().await?)
    }

    /// An instance and all its descendants.
    ///
    /// # Errors
    /// `ManagementNotAvailable`, `Provider`.
    pub async fn get_instance_tree(&self, instance_id: &str) -> Result<InstanceTree, ClientError> {
        Ok(self.admin()?.get_instance_tree(instance_id).await?)
    }

    /// Deletes a root instance and its descendants.
    ///
    /// # Errors
    /// `InstanceNotFound`; `InstanceStillRunning` unless `force`; `CannotDeleteSubOrchestration` for a child;
    /// `ManagementNotAvailable`, `Provider`.
    pub async fn delete_instance(&self, instance_id: &str, force: bool) -> Result<DeleteInstanceResult, ClientError> {
        let result = self.admin()?.delete_instance(instance_id, force).await;
        result.map_err(|error| refusal(instance_id, error))
    }

    /// Deletes all ended roots that match, each with its descendants.
    ///
    /// # Errors
    /// `ManagementNotAvailable`, `Provider`.
    pub async fn delete_instance_bulk(&self, filter: InstanceFilter) -> Result<DeleteInstanceResult, ClientError> {
        Ok(self.admin()?.delete_instance_bulk(filter).await?)
    }

    /// Deletes old executions of an instance; the current one stays.
    ///
    /// # Errors
    /// `ManagementNotAvailable`; `Provider`, also for an unknown instance.
    pub async fn prune_executions(&self, instance_id: &str, options: PruneOptions) -> Result<PruneResult, ClientError> {
        Ok(self.admin()?.prune_executions(instance_id, options).await?)
    }

    /// Deletes old executions of all instances that match.
    ///
    /// # Errors
    /// `ManagementNotAvailable`, `Provider`.
    pub async fn prune_executions_bulk(
        &self,
        filter: InstanceFilter,
        options: PruneOptions,
    ) -> Result<PruneResult, ClientError> {
        Ok(self.admin()?.prune_executions_bulk(filter, options).await?)
    }

    fn admin(&self) -> Result<&dyn ProviderAdmin, ClientError> {
        self.store.as_management_capability().ok_or(ClientError::ManagementNotAvailable)
    }
}

fn refusal(instance_id: &str, error: ProviderError) -> ClientError {
    let text = error.message.to_lowercase();
    match REFUSALS.iter().find(|(words, _)| text.contains(words)) {
        Some((_, refused)) => refused(instance_id.to_owned()),
        None => ClientError::Provider(error),
    }
}
