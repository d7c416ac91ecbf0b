//! List and read.

use super::fetch::UNKNOWN_VERSION;
use super::tables::{RUNNING, Tables};
use crate::model::info::{ExecutionInfo, InstanceInfo, SystemMetrics};
use crate::providers::error::ProviderError;

/// Status of an instance whose execution row is missing.
const UNKNOWN_STATUS: &str = "Unknown";

impl Tables {
    /// Ids of instances that pass, newest first.
    pub(super) fn list(&self, which: impl Fn(&str) -> bool) -> Vec<String> {
        let mut rows: Vec<_> = self.instances.iter().filter(|(id, _)| which(id)).collect();
        rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.row));
        rows.into_iter().map(|(id, _)| id.clone()).collect()
    }

    /// The status of the current execution.
    pub(super) fn status(&self, instance: &str) -> &str {
        self.current_execution(instance).map_or(UNKNOWN_STATUS, |row| row.status.as_str())
    }

    pub(super) fn instance_info(&self, id: &str) -> Result<InstanceInfo, ProviderError> {
        let row = self.instance("get_instance_info", id)?;
        Ok(InstanceInfo {
            instance_id: id.to_owned(),
            orchestration_name: row.name.clone(),
            orchestration_version: row.version.clone().unwrap_or_else(|| UNKNOWN_VERSION.to_owned()),
            current_execution_id: row.current_execution_id,
            status: self.status(id).to_owned(),
            output: self.current_execution(id).and_then(|row| row.output.clone()),
            created_at: row.created_at_ms,
            updated_at: row.updated_at_ms,
            parent_instance_id: row.parent.clone(),
        })
    }

    pub(super) fn execution_info(&self, id: &str, execution_id: u64) -> Result<ExecutionInfo, ProviderError> {
        let rows = self.executions.get(id);
        let row = rows.and_then(|rows| rows.get(&execution_id)).ok_or_else(|| {
            ProviderError::permanent(
                "get_execution_info",
                format!("execution {execution_id} of instance {id} not found"),
            )
        })?;
        Ok(ExecutionInfo {
            execution_id,
            status: row.status.clone(),
            output: row.output.clone(),
            started_at: row.started_at_ms,
            completed_at: row.completed_at_ms,
            event_count: self.event_count(id, execution_id),
        })
    }

    pub(super) fn system_metrics(&self) -> SystemMetrics {
        let count = |of: usize| u64::try_from(of).unwrap_or(u64::MAX);
        let with_status = |status: &str| count(self.instances.keys().filter(|id| self.status(id) == status).count());
        let events = self.history.values().flat_map(|executions| executions.values());
        SystemMetrics {
            total_instances: count(self.instances.len()),
            total_executions: count(self.executions.values().map(|rows| rows.len()).sum()),
            running_instances: with_status(RUNNING),
            completed_instances: with_status("Completed"),
            failed_instances: with_status("Failed"),
            total_events: count(events.map(|events| events.len()).sum()),
        }
    }

    /// Direct children.
    pub(super) fn children(&self, id: &str) -> Vec<String> {
        let rows = self.instances.iter();
        let children = rows.filter(|(_, row)| row.parent.as_deref() == Some(id));
        children.map(|(child, _)| child.clone()).collect()
    }

    /// An instance and all its descendants; each once, even if rows name each other as parents.
    pub(super) fn tree(&self, id: &str) -> Vec<String> {
        let mut ids = vec![id.to_owned()];
        let mut open = 0;
        while open < ids.len() {
            let children = self.children(&ids[open]);
            open += 1;
            for child in children {
                if !ids.contains(&child) {
                    ids.push(child);
                }
            }
        }
        ids
    }
}
