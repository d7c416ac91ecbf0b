//! List and read: outputs and histories are decoded, everything else is handed on.

use async_trait::async_trait;

use super::Encoded;
use crate::model::event::Event;
use crate::model::info::{ExecutionInfo, InstanceInfo, InstanceTree, QueueDepths, SystemMetrics};
use crate::model::prune::{DeleteInstanceResult, InstanceFilter, PruneOptions, PruneResult};
use crate::providers::error::ProviderError;
use crate::providers::management::ProviderAdmin;

type Answer<T> = Result<T, ProviderError>;

impl Encoded {
    /// The administrator's half of the store below.
    fn admin(&self, operation: &str) -> Answer<&dyn ProviderAdmin> {
        self.store().as_management_capability().ok_or_else(|| {
            ProviderError::permanent(operation, "expected a store with the administrator's half, found one without")
        })
    }
}

#[async_trait]
impl ProviderAdmin for Encoded {
    async fn list_instances(&self) -> Answer<Vec<String>> {
        self.admin("list_instances")?.list_instances().await
    }

    async fn list_instances_by_status(&self, status: &str) -> Answer<Vec<String>> {
        self.admin("list_instances_by_status")?.list_instances_by_status(status).await
    }

    async fn list_executions(&self, instance: &str) -> Answer<Vec<u64>> {
        self.admin("list_executions")?.list_executions(instance).await
    }

    async fn read_history_with_execution_id(&self, instance: &str, execution_id: u64) -> Answer<Vec<Event>> {
        const OPERATION: &str = "read_history_with_execution_id";
        let events = self.admin(OPERATION)?.read_history_with_execution_id(instance, execution_id).await?;
        self.decoded_events(OPERATION, events)
    }

    async fn read_history(&self, instance: &str) -> Answer<Vec<Event>> {
        let events = self.admin("read_history")?.read_history(instance).await?;
        self.decoded_events("read_history", events)
    }

    async fn latest_execution_id(&self, instance: &str) -> Answer<u64> {
        self.admin("latest_execution_id")?.latest_execution_id(instance).await
    }

    async fn get_instance_info(&self, instance: &str) -> Answer<InstanceInfo> {
        const OPERATION: &str = "get_instance_info";
        let mut info = self.admin(OPERATION)?.get_instance_info(instance).await?;
        info.output = self.decoded_option(OPERATION, "the output", info.output)?;
        Ok(info)
    }

    async fn get_execution_info(&self, instance: &str, execution_id: u64) -> Answer<ExecutionInfo> {
        const OPERATION: &str = "get_execution_info";
        let mut info = self.admin(OPERATION)?.get_execution_info(instance, execution_id).await?;
        info.output = self.decoded_option(OPERATION, "the output", info.output)?;
        Ok(info)
    }

    async fn get_system_metrics(&self) -> Answer<SystemMetrics> {
        self.admin("get_system_metrics")?.get_system_metrics().await
    }

    async fn get_queue_depths(&self) -> Answer<QueueDepths> {
        self.admin("get_queue_depths")?.get_queue_depths().await
    }

    async fn list_children(&self, instance_id: &str) -> Answer<Vec<String>> {
        self.admin("list_children")?.list_children(instance_id).await
    }

    async fn get_parent_id(&self, instance_id: &str) -> Answer<Option<String>> {
        self.admin("get_parent_id")?.get_parent_id(instance_id).await
    }

    async fn delete_instances_atomic(&self, ids: &[String], force: bool) -> Answer<DeleteInstanceResult> {
        self.admin("delete_instances_atomic")?.delete_instances_atomic(ids, force).await
    }

    async fn get_instance_tree(&self, instance_id: &str) -> Answer<InstanceTree> {
        self.admin("get_instance_tree")?.get_instance_tree(instance_id).await
    }

    async fn delete_instance(&self, instance_id: &str, force: bool) -> Answer<DeleteInstanceResult> {
        self.admin("delete_instance")?.delete_instance(instance_id, force).await
    }

    async fn delete_instance_bulk(&self, filter: InstanceFilter) -> Answer<DeleteInstanceResult> {
        self.admin("delete_instance_bulk")?.delete_instance_bulk(filter).await
    }

    async fn prune_executions(&self, instance_id: &str, options: PruneOptions) -> Answer<PruneResult> {
        self.admin("prune_executions")?.prune_executions(instance_id, options).await
    }

    async fn prune_executions_bulk(&self, filter: InstanceFilter, options: PruneOptions) -> Answer<PruneResult> {
        self.admin("prune_executions_bulk")?.prune_executions_bulk(filter, options).await
    }
}
