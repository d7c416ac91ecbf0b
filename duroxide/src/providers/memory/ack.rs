//! Commit a turn, or give it back: the steps in the order of the contract.

use std::time::Duration;

use super::history::Rows;
use super::tables::{ExecutionRow, InstanceRow, RUNNING, Tables, is_ended};
use crate::lease::{self, Refusal};
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::event::{Event, EventKind};
use crate::model::item::ScheduledActivityIdentifier;
use crate::model::work_item::WorkItem;
use crate::providers::error::ProviderError;
use crate::providers::signal::WorkQueue;

impl Tables {
    /// `ack_orchestration_item`. All that can fail comes first; after that, every step succeeds.
    pub(super) fn ack(&mut self, token: &str, commit: Commit, now_ms: u64) -> Result<(), ProviderError> {
        const OPERATION: &str = "ack_orchestration_item";
        let instance = self.check_lock(OPERATION, token, now_ms)?;
        let rows = self.check_append(OPERATION, &instance, commit.execution_id, &commit.delta)?;
        self.consume(&instance, token);
        self.apply(&instance, commit, rows, now_ms);
        Ok(())
    }

    /// The instance that this token may write, at this time.
    pub(super) fn check_lock(&self, operation: &str, token: &str, now_ms: u64) -> Result<String, ProviderError> {
        let instance = self.locked_by(operation, token)?;
        let checked = self.locks[&instance].check(token, now_ms);
        checked.map_err(|refusal| refused(operation, refusal))?;
        Ok(instance)
    }

    /// What a commit changes, once it is known to be allowed. Nothing in here fails.
    pub(super) fn apply(&mut self, instance: &str, commit: Commit, rows: Rows, now_ms: u64) {
        self.upsert_instance(instance, commit.execution_id, &commit.metadata, now_ms);
        self.upsert_execution(instance, commit.execution_id, &commit.metadata, now_ms);
        self.append(instance, commit.execution_id, rows);
        self.set_custom_status(instance, &commit.delta);
        let ended = commit.metadata.status.as_deref().is_some_and(is_ended);
        self.change_values(instance, &commit.delta, ended);
        for item in &commit.worker_items {
            self.push_activity(item, now_ms);
        }
        self.steal_cancelled(&commit.cancelled_activities);
        self.enqueue_messages(&commit.orchestrator_items, now_ms);
        self.release(instance, now_ms);
    }

    /// `abandon_orchestration_item`. Only rows of this fetch change, and each keeps its place.
    pub(super) fn abandon(
        &mut self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
        now_ms: u64,
    ) -> Result<(), ProviderError> {
        let instance = self.locked_by("abandon_orchestration_item", token)?;
        let rows = self.inboxes.get_mut(&instance).into_iter().flatten();
        for (_, row) in rows.filter(|(_, row)| row.token.as_deref() == Some(token)) {
            row.token = None;
            if ignore_attempt {
                row.attempts = lease::attempts_given_back(row.attempts);
            }
            if let Some(delay) = delay {
                row.visible_at_ms = lease::until(now_ms, delay);
            }
        }
        self.release(&instance, now_ms);
        Ok(())
    }

    /// `renew_orchestration_item_lock`.
    pub(super) fn renew(&mut self, token: &str, extend_for: Duration, now_ms: u64) -> Result<(), ProviderError> {
        const OPERATION: &str = "renew_orchestration_item_lock";
        let instance = self.locked_by(OPERATION, token)?;
        let lock = self.locks.get_mut(&instance).expect("found just now");
        lock.renew(token, now_ms, extend_for).map_err(|refusal| refused(OPERATION, refusal))
    }

    /// The instance whose newest lease has this token, live or expired.
    fn locked_by(&self, operation: &str, token: &str) -> Result<String, ProviderError> {
        let mut locks = self.locks.iter();
        let (instance, _) =
            locks.find(|(_, lock)| lock.token == token).ok_or_else(|| refused(operation, Refusal::Unknown))?;
        Ok(instance.clone())
    }

    fn consume(&mut self, instance: &str, token: &str) {
        if let Some(inbox) = self.inboxes.get_mut(instance) {
            inbox.retain(|_, row| row.token.as_deref() != Some(token));
            if inbox.is_empty() {
                self.inboxes.remove(instance);
            }
        }
    }

    /// An instance comes to be, or gets new names, only when both are given.
    fn upsert_instance(&mut self, instance: &str, execution_id: u64, metadata: &ExecutionMetadata, now_ms: u64) {
        if let (Some(name), Some(version)) = (&metadata.orchestration_name, &metadata.orchestration_version) {
            let number = self.next_row();
            let row = self.instances.entry(instance.to_owned()).or_insert_with(|| InstanceRow {
                row: number,
                name: String::new(),
                version: None,
                current_execution_id: execution_id,
                custom_status: None,
                custom_status_version: 0,
                parent: metadata.parent_instance_id.clone(),
                created_at_ms: now_ms,
                updated_at_ms: now_ms,
            });
            row.name.clone_from(name);
            row.version = Some(version.clone());
        }
        if let Some(row) = self.instances.get_mut(instance) {
            row.current_execution_id = row.current_execution_id.max(execution_id);
            row.updated_at_ms = now_ms;
        }
    }

    fn upsert_execution(&mut self, instance: &str, execution_id: u64, metadata: &ExecutionMetadata, now_ms: u64) {
        let executions = self.executions.entry(instance.to_owned()).or_default();
        let row = executions.entry(execution_id).or_insert_with(|| ExecutionRow {
            status: RUNNING.to_owned(),
            output: None,
            pinned: None,
            started_at_ms: now_ms,
            completed_at_ms: None,
        });
        if let Some(pinned) = &metadata.pinned_duroxide_version {
            row.pinned = Some(pinned.clone());
        }
        if let Some(status) = &metadata.status {
            row.status.clone_from(status);
            row.output.clone_from(&metadata.output);
            row.completed_at_ms = (status != RUNNING).then_some(now_ms);
        }
    }

    /// The last update of a turn counts, as one new version.
    fn set_custom_status(&mut self, instance: &str, delta: &[Event]) {
        let last = delta.iter().rev().find_map(|event| custom_status_of(&event.kind));
        if let (Some(status), Some(row)) = (last, self.instances.get_mut(instance)) {
            row.custom_status.clone_from(status);
            row.custom_status_version += 1;
        }
    }

    /// Rows of cancelled activities go, whoever works on them: renewing and acking fail from here on.
    fn steal_cancelled(&mut self, cancelled: &[ScheduledActivityIdentifier]) {
        if !cancelled.is_empty() {
            self.remove_activities(|row| row.identity.as_ref().is_some_and(|identity| cancelled.contains(identity)));
        }
    }

    fn enqueue_messages(&mut self, items: &[WorkItem], now_ms: u64) {
        for item in items {
            match item {
                WorkItem::ActivityExecute { .. } => {}
                WorkItem::TimerFired { fire_at_ms, .. } => self.push_message(item, *fire_at_ms, now_ms),
                WorkItem::StartOrchestration { .. }
                | WorkItem::ActivityCompleted { .. }
                | WorkItem::ActivityFailed { .. }
                | WorkItem::ExternalRaised { .. }
                | WorkItem::SubOrchCompleted { .. }
                | WorkItem::SubOrchFailed { .. }
                | WorkItem::CancelInstance { .. }
                | WorkItem::ContinueAsNew { .. }
                | WorkItem::QueueMessage { .. } => self.push_message(item, now_ms, now_ms),
            }
        }
    }

    /// The instance is free again; whoever waits learns of what is left in its inbox.
    pub(super) fn release(&mut self, instance: &str, now_ms: u64) {
        self.locks.remove(instance);
        let left = self.inboxes.get(instance).into_iter().flatten();
        for (_, row) in left {
            self.rings.visible_at(WorkQueue::Orchestrator, row.visible_at_ms.max(now_ms));
        }
    }
}

fn custom_status_of(kind: &EventKind) -> Option<&Option<String>> {
    if let EventKind::CustomStatusUpdated { status } = kind { Some(status) } else { None }
}

fn refused(operation: &str, refusal: Refusal) -> ProviderError {
    let message = match refusal {
        Refusal::Unknown => "Invalid lock token",
        Refusal::Expired => "Instance lock expired",
    };
    ProviderError::permanent(operation, message)
}
