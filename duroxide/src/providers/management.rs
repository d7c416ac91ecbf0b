//! The administrator's half of the contract.

use std::any::Any;
use std::collections::{HashSet, VecDeque};

use async_trait::async_trait;

use super::error::ProviderError;
use crate::model::event::Event;
pub use crate::model::info::{ExecutionInfo, InstanceInfo, InstanceTree, QueueDepths, SystemMetrics};
pub use crate::model::prune::{DeleteInstanceResult, InstanceFilter, PruneOptions, PruneResult};

/// Lists, reads, deletes and prunes instances.
#[async_trait]
pub trait ProviderAdmin: Any + Send + Sync {
    /// All instance ids, newest first.
    async fn list_instances(&self) -> Result<Vec<String>, ProviderError>;

    /// Instance ids whose current execution has this status.
    async fn list_instances_by_status(&self, status: &str) -> Result<Vec<String>, ProviderError>;

    /// Execution ids, ascending; empty for an unknown instance.
    async fn list_executions(&self, instance: &str) -> Result<Vec<u64>, ProviderError>;

    /// Events of one execution, ascending; empty when there is none.
    async fn read_history_with_execution_id(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<Vec<Event>, ProviderError>;

    /// Events of the newest execution, ascending.
    async fn read_history(&self, instance: &str) -> Result<Vec<Event>, ProviderError>;

    /// The newest execution id, 1 if there is none.
    async fn latest_execution_id(&self, instance: &str) -> Result<u64, ProviderError>;

    /// One instance.
    ///
    /// # Errors
    /// Permanent, text contains `not found`, for an unknown instance.
    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ProviderError>;

    /// One execution.
    ///
    /// # Errors
    /// Permanent, text contains `not found`, for an unknown execution.
    async fn get_execution_info(&self, instance: &str, execution_id: u64) -> Result<ExecutionInfo, ProviderError>;

    /// Totals.
    async fn get_system_metrics(&self) -> Result<SystemMetrics, ProviderError>;

    /// Rows nobody holds, delayed ones included.
    async fn get_queue_depths(&self) -> Result<QueueDepths, ProviderError>;

    /// Direct children; empty for an unknown instance.
    async fn list_children(&self, instance_id: &str) -> Result<Vec<String>, ProviderError>;

    /// The parent; `None` for a root.
    ///
    /// # Errors
    /// Permanent, text contains `not found`, for an unknown instance.
    async fn get_parent_id(&self, instance_id: &str) -> Result<Option<String>, ProviderError>;

    /// Deletes these instances, all or nothing.
    ///
    /// # Errors
    /// Permanent when one of them still runs and `force` is false, or when an instance outside the list has its
    /// parent inside.
    async fn delete_instances_atomic(&self, ids: &[String], force: bool)
    -> Result<DeleteInstanceResult, ProviderError>;

    /// An instance and all its descendants.
    async fn get_instance_tree(&self, instance_id: &str) -> Result<InstanceTree, ProviderError> {
        let mut all_ids = vec![instance_id.to_owned()];
        let mut seen: HashSet<String> = all_ids.iter().cloned().collect();
        let mut open: VecDeque<String> = all_ids.iter().cloned().collect();
        while let Some(parent) = open.pop_front() {
            for child in self.list_children(&parent).await? {
                if seen.insert(child.clone()) {
                    all_ids.push(child.clone());
                    open.push_back(child);
                }
            }
        }
        Ok(InstanceTree { root_id: instance_id.to_owned(), all_ids })
    }

    /// Deletes a root and its descendants.
    ///
    /// # Errors
    /// Permanent for a child (delete its root instead), an unknown instance (`not found`), or one that still runs
    /// when `force` is false.
    async fn delete_instance(&self, instance_id: &str, force: bool) -> Result<DeleteInstanceResult, ProviderError> {
        if self.get_parent_id(instance_id).await?.is_some() {
            return Err(ProviderError::permanent(
                "delete_instance",
                format!("Cannot delete sub-orchestration {instance_id} directly. Delete root instance instead."),
            ));
        }
        let tree = self.get_instance_tree(instance_id).await?;
        self.delete_instances_atomic(&tree.all_ids, force).await
    }

    /// Deletes finished roots that match, each with its descendants.
    async fn delete_instance_bulk(&self, filter: InstanceFilter) -> Result<DeleteInstanceResult, ProviderError>;

    /// Deletes old executions of one instance.
    ///
    /// # Errors
    /// Permanent, text contains `not found`, for an unknown instance.
    async fn prune_executions(&self, instance_id: &str, options: PruneOptions) -> Result<PruneResult, ProviderError>;

    /// Deletes old executions of all instances that match.
    async fn prune_executions_bulk(
        &self,
        filter: InstanceFilter,
        options: PruneOptions,
    ) -> Result<PruneResult, ProviderError>;
}

/// An older, read-only form of [`ProviderAdmin`]; every method has a default and the runtime uses none of them.
#[async_trait]
pub trait ManagementProvider: Send + Sync {
    /// All instance ids.
    async fn list_instances(&self) -> Result<Vec<String>, ProviderError> {
        Ok(Vec::new())
    }

    /// Instance ids whose current execution has this status.
    async fn list_instances_by_status(&self, _status: &str) -> Result<Vec<String>, ProviderError> {
        Ok(Vec::new())
    }

    /// Execution ids.
    async fn list_executions(&self, _instance: &str) -> Result<Vec<u64>, ProviderError> {
        Ok(vec![1])
    }

    /// Events of one execution.
    async fn read_execution(&self, instance: &str, _execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        Err(not_supported("read_execution", instance))
    }

    /// The newest execution id.
    async fn latest_execution_id(&self, _instance: &str) -> Result<u64, ProviderError> {
        Ok(1)
    }

    /// One instance.
    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ProviderError> {
        Err(not_supported("get_instance_info", instance))
    }

    /// One execution.
    async fn get_execution_info(&self, instance: &str, _execution_id: u64) -> Result<ExecutionInfo, ProviderError> {
        Err(not_supported("get_execution_info", instance))
    }

    /// Totals.
    async fn get_system_metrics(&self) -> Result<SystemMetrics, ProviderError> {
        Ok(SystemMetrics::default())
    }

    /// Rows nobody holds.
    async fn get_queue_depths(&self) -> Result<QueueDepths, ProviderError> {
        Ok(QueueDepths::default())
    }
}

fn not_supported(operation: &str, instance: &str) -> ProviderError {
    ProviderError::permanent(operation, format!("not supported for instance: {instance}"))
}
