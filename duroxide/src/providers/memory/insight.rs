//! The operator's half: who is there to work, and instances by what is said of them.

use std::time::Duration;

use async_trait::async_trait;

use super::MemoryProvider;
use super::tables::{RUNNING, Tables};
use crate::codec;
use crate::lease;
use crate::model::event::Event;
use crate::model::insight::{
    Durability, InstancePage, InstanceQuery, InstanceRow, ParentFilter, QuarantinedRow, Queue, QueueOverview, QueueRow,
    Unserved, WorkerInfo,
};
use crate::providers::error::ProviderError;
use crate::providers::insight::served::Wanting;
use crate::providers::insight::{FORGOTTEN_AFTER, InsightProvider};

type Answer<T> = Result<T, ProviderError>;

#[async_trait]
impl InsightProvider for MemoryProvider {
    async fn find_instances(&self, query: &InstanceQuery) -> Answer<InstancePage> {
        Ok(self.with(|tables, _| tables.find(query)))
    }

    async fn announce_worker(&self, worker: &WorkerInfo, alive_for: Duration) -> Answer<()> {
        self.with(|tables, now_ms| tables.announce(worker, alive_for, now_ms));
        Ok(())
    }

    async fn refresh_worker(&self, worker_id: &str, alive_for: Duration) -> Answer<bool> {
        Ok(self.with(|tables, now_ms| match tables.workers.get_mut(worker_id) {
            Some(worker) => {
                worker.seen_at = now_ms;
                worker.alive_until = lease::until(now_ms, alive_for);
                true
            }
            None => false,
        }))
    }

    async fn retire_worker(&self, worker_id: &str) -> Answer<()> {
        self.with(|tables, _| tables.workers.remove(worker_id));
        Ok(())
    }

    async fn list_workers(&self) -> Answer<Vec<WorkerInfo>> {
        Ok(self.with(|tables, now_ms| tables.workers(now_ms)))
    }

    async fn list_unserved(&self, limit: usize) -> Answer<Vec<Unserved>> {
        Ok(self.with(|tables, now_ms| tables.unserved(limit, now_ms)))
    }

    async fn queue_overview(&self) -> Answer<QueueOverview> {
        Ok(self.with(|tables, now_ms| tables.overview(now_ms)))
    }

    async fn list_queue(&self, queue: Queue, after: Option<u64>, limit: usize) -> Answer<Vec<QueueRow>> {
        Ok(self.with(|tables, now_ms| tables.queue_page(queue, after, limit, now_ms)))
    }

    async fn list_rows_of(&self, instance: &str) -> Answer<Vec<QueueRow>> {
        Ok(self.with(|tables, now_ms| tables.rows_of(instance, now_ms)))
    }

    async fn list_quarantined(
        &self,
        instance: Option<&str>,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<QuarantinedRow>> {
        Ok(self.with(|tables, _| tables.quarantined(instance, after, limit)))
    }

    async fn retry_quarantined(&self, id: u64) -> Answer<bool> {
        self.with(|tables, now_ms| tables.retry_quarantined(id, now_ms))
    }

    async fn drop_quarantined(&self, id: u64) -> Answer<bool> {
        Ok(self.with(|tables, _| tables.quarantine.remove(&id).is_some()))
    }

    async fn drop_parked(&self, id: u64) -> Answer<bool> {
        Ok(self.with(|tables, now_ms| tables.drop_parked(id, now_ms)))
    }

    fn durability(&self) -> Option<Durability> {
        Some(Durability::Nothing)
    }

    async fn check_integrity(&self) -> Answer<Vec<String>> {
        Ok(self.with(|tables, _| tables.findings()))
    }
}

impl Tables {
    fn find(&self, query: &InstanceQuery) -> InstancePage {
        let rows = self.instances.keys().map(|id| self.listed(id)).filter(|row| matches(query, row));
        InstancePage::of(rows.collect(), query.page())
    }

    fn listed(&self, id: &str) -> InstanceRow {
        let row = &self.instances[id];
        InstanceRow {
            instance_id: id.to_owned(),
            orchestration_name: row.name.clone(),
            orchestration_version: row.version.clone(),
            execution_id: row.current_execution_id,
            status: self.status(id).to_owned(),
            parent_instance_id: row.parent.clone(),
            created_at: row.created_at_ms,
            updated_at: row.updated_at_ms,
        }
    }

    fn announce(&mut self, worker: &WorkerInfo, alive_for: Duration, now_ms: u64) {
        let started_at = self.workers.get(&worker.worker_id).map_or(now_ms, |known| known.started_at);
        let alive_until = lease::until(now_ms, alive_for);
        let told = WorkerInfo { started_at, seen_at: now_ms, alive_until, is_alive: true, ..worker.clone() };
        self.workers.insert(told.worker_id.clone(), told);
        let is_heard_of = |worker: &WorkerInfo| lease::until(worker.seen_at, FORGOTTEN_AFTER) >= now_ms;
        self.workers.retain(|_, worker| is_heard_of(worker));
    }

    fn workers(&self, now_ms: u64) -> Vec<WorkerInfo> {
        let told = |worker: &WorkerInfo| WorkerInfo { is_alive: worker.alive_until > now_ms, ..worker.clone() };
        let mut workers: Vec<_> = self.workers.values().map(told).collect();
        workers.sort_by(WorkerInfo::in_order);
        workers
    }

    fn unserved(&self, limit: usize, now_ms: u64) -> Vec<Unserved> {
        let mut wanting = Wanting::beside(&self.workers(now_ms));
        for (id, row) in &self.instances {
            wanting.running(&row.name, row.version.as_deref(), u64::from(self.status(id) == RUNNING), id);
        }
        for row in self.inboxes.values().flat_map(|inbox| inbox.values()) {
            wanting.message(&row.text);
        }
        for row in self.activities.values() {
            wanting.activity(&row.text, row.tag.as_deref());
        }
        wanting.most(limit)
    }

    fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for (id, row) in &self.instances {
            if self.current_execution(id).is_none() {
                findings.push(format!("instance `{id}`: its execution {} is missing", row.current_execution_id));
            }
        }
        let executions = self.history.iter().flat_map(|(id, executions)| executions.iter().map(move |of| (id, of)));
        for (id, (execution_id, events)) in executions {
            for (event_id, text) in events {
                if codec::from_json::<Event>(text).is_err() {
                    findings
                        .push(format!("history of `{id}`, execution {execution_id}: event {event_id} cannot be read"));
                }
            }
        }
        findings
    }
}

fn matches(query: &InstanceQuery, row: &InstanceRow) -> bool {
    let is = |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
    let is_behind = query.after.as_ref().is_none_or(|last| {
        row.created_at < last.created_at || (row.created_at == last.created_at && row.instance_id > last.instance_id)
    });
    is_behind
        && is(&query.status, Some(&row.status))
        && is(&query.name, Some(&row.orchestration_name))
        && is(&query.version, row.orchestration_version.as_deref())
        && query.id_prefix.as_ref().is_none_or(|prefix| row.instance_id.starts_with(prefix))
        && query.created_from_ms.is_none_or(|from_ms| row.created_at >= from_ms)
        && query.created_before_ms.is_none_or(|before_ms| row.created_at < before_ms)
        && match &query.parent {
            None => true,
            Some(ParentFilter::Roots) => row.parent_instance_id.is_none(),
            Some(ParentFilter::Of(parent)) => row.parent_instance_id.as_ref() == Some(parent),
        }
}
