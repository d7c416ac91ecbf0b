//! Delete and prune.

use std::collections::BTreeSet;

use super::tables::{MessageKind, MessageRow, RUNNING, Tables, is_ended};
use crate::codec;
use crate::model::prune::{DeleteInstanceResult, InstanceFilter, PruneOptions, PruneResult, unborn};
use crate::model::work_item::WorkItem;
use crate::providers::error::ProviderError;

/// How many instances one bulk call concerns when the caller does not say: its transaction stays short.
const BULK_LIMIT: u32 = 1_000;

impl Tables {
    /// `delete_instances_atomic`.
    pub(super) fn delete(
        &mut self,
        ids: &[String],
        force: bool,
        now_ms: u64,
    ) -> Result<DeleteInstanceResult, ProviderError> {
        const OPERATION: &str = "delete_instances_atomic";
        let named: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        if let Some(running) = named.iter().find(|id| !force && self.status(id) == RUNNING) {
            return Err(ProviderError::permanent(
                OPERATION,
                format!("instance {running} is still running; cancel it first or use force"),
            ));
        }
        let left_behind = self.instances.iter().find_map(|(child, row)| {
            let parent = row.parent.as_deref().filter(|parent| named.contains(parent))?;
            (!named.contains(child.as_str())).then_some((parent, child))
        });
        if let Some((parent, child)) = left_behind {
            return Err(ProviderError::permanent(
                OPERATION,
                format!(
                    "Cannot delete: instance {parent} has child {child} that was created after tree traversal. \
                     Re-fetch the tree and retry."
                ),
            ));
        }
        let mut result =
            DeleteInstanceResult { instances_deleted: count(ids.len()), ..DeleteInstanceResult::default() };
        for id in &named {
            self.delete_one(id, &mut result);
        }
        result.queue_messages_deleted += self.delete_unborn(&named, now_ms);
        Ok(result)
    }

    /// Children that `gone` asked for and that have not begun. Whoever begins one just now loses the lease.
    fn delete_unborn(&mut self, gone: &BTreeSet<&str>, now_ms: u64) -> u64 {
        let mut deleted = 0;
        for child in Vec::from_iter(self.inboxes.keys().cloned()) {
            let rows: Vec<_> = self.inboxes[&child].iter().map(|(row, message)| (*row, start_in(message))).collect();
            let unborn = unborn(&rows, self.executions.contains_key(&child), |parent| gone.contains(parent));
            deleted += count(unborn.len());
            if !unborn.is_empty() {
                self.traces.remove(&child);
            }
            self.take_back(&child, &unborn, now_ms);
        }
        deleted
    }

    /// Takes messages out of an inbox; whoever has leased one of them has no lease any more.
    fn take_back(&mut self, instance: &str, rows: &[u64], now_ms: u64) {
        let Some(inbox) = self.inboxes.get_mut(instance) else { return };
        let taken: Vec<MessageRow> = rows.iter().filter_map(|row| inbox.remove(row)).collect();
        if inbox.is_empty() {
            self.inboxes.remove(instance);
        }
        let held = self.locks.get(instance).map(|lock| &lock.token);
        if taken.iter().any(|row| row.token.is_some() && row.token.as_ref() == held) {
            self.release(instance, now_ms);
        }
    }

    fn delete_one(&mut self, id: &str, result: &mut DeleteInstanceResult) {
        self.instances.remove(id);
        self.locks.remove(id);
        self.key_values.remove(id);
        self.traces.remove(id);
        // Contexts that were kept for children which it never started: nobody else will.
        let made = format!("{id}::sub::");
        let children = self.traces.range(made.clone()..).map(|(child, _)| child).take_while(|it| it.starts_with(&made));
        let stale: Vec<String> = children.filter(|child| !self.instances.contains_key(*child)).cloned().collect();
        stale.iter().for_each(|child| drop(self.traces.remove(child)));
        let executions = self.executions.remove(id).unwrap_or_default();
        let events = self.history.remove(id).unwrap_or_default();
        let messages = self.inboxes.remove(id).unwrap_or_default();
        let activities =
            self.remove_activities(|row| row.identity.as_ref().is_some_and(|identity| identity.instance == id));
        result.executions_deleted += count(executions.len());
        result.events_deleted += count(events.values().map(|events| events.len()).sum());
        result.queue_messages_deleted += count(messages.len() + activities);
    }

    /// `delete_instance_bulk`: ended roots that match, each with its tree.
    pub(super) fn delete_bulk(
        &mut self,
        filter: &InstanceFilter,
        now_ms: u64,
    ) -> Result<DeleteInstanceResult, ProviderError> {
        let roots =
            self.matching(filter, |tables, id| tables.instances[id].parent.is_none() && is_ended(tables.status(id)));
        let trees: BTreeSet<String> = roots.iter().flat_map(|root| self.tree(root)).collect();
        self.delete(&Vec::from_iter(trees), true, now_ms)
    }

    /// `prune_executions`.
    pub(super) fn prune(&mut self, id: &str, options: &PruneOptions) -> Result<PruneResult, ProviderError> {
        let current = self.instance("prune_executions", id)?.current_execution_id;
        let rows = self.executions.get(id).into_iter().flatten();
        let keep_last = usize::try_from(options.keep_last.unwrap_or(0)).unwrap_or(usize::MAX);
        let old: Vec<u64> = rows
            .rev()
            .skip(keep_last)
            .filter(|(execution_id, row)| {
                **execution_id != current
                    && row.status != RUNNING
                    && ended_before(row.completed_at_ms, options.completed_before)
            })
            .map(|(execution_id, _)| *execution_id)
            .collect();
        let mut events_deleted = 0;
        for execution_id in &old {
            events_deleted += self.event_count(id, *execution_id);
            if let Some(rows) = self.executions.get_mut(id) {
                rows.remove(execution_id);
            }
            if let Some(events) = self.history.get_mut(id) {
                events.remove(execution_id);
            }
        }
        Ok(PruneResult {
            instances_processed: 1,
            executions_deleted: count(old.len()),
            events_deleted: count(events_deleted),
        })
    }

    /// `prune_executions_bulk`.
    pub(super) fn prune_bulk(
        &mut self,
        filter: &InstanceFilter,
        options: &PruneOptions,
    ) -> Result<PruneResult, ProviderError> {
        let mut total = PruneResult::default();
        for id in self.matching(filter, |_, _| true) {
            let pruned = self.prune(&id, options)?;
            total.instances_processed += pruned.instances_processed;
            total.executions_deleted += pruned.executions_deleted;
            total.events_deleted += pruned.events_deleted;
        }
        Ok(total)
    }

    /// Ids that pass the filter and `also`, oldest first.
    fn matching(&self, filter: &InstanceFilter, also: impl Fn(&Tables, &str) -> bool) -> Vec<String> {
        let limit = usize::try_from(filter.limit.unwrap_or(BULK_LIMIT)).unwrap_or(usize::MAX);
        let mut ids = self.list(|id| {
            let named = filter.instance_ids.as_ref();
            let ended_at = self.current_execution(id).and_then(|row| row.completed_at_ms);
            named.is_none_or(|ids| ids.iter().any(|named| named == id))
                && ended_before(ended_at, filter.completed_before)
                && also(self, id)
        });
        ids.reverse();
        ids.truncate(limit);
        ids
    }
}

/// The start that a message is; `None` for one that is none, or cannot be read.
fn start_in(message: &MessageRow) -> Option<WorkItem> {
    (message.kind == MessageKind::Start).then(|| codec::from_json(&message.text).ok()).flatten()
}

/// Whether something ended before a bound; what runs on has not.
fn ended_before(ended_at_ms: Option<u64>, bound_ms: Option<u64>) -> bool {
    bound_ms.is_none_or(|bound_ms| ended_at_ms.is_some_and(|ended_at_ms| ended_at_ms < bound_ms))
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
