//! Take the next orchestration item under a lease.

use std::time::Duration;

use super::tables::{Inbox, MessageKind, MessageRow, Tables};
use crate::codec;
use crate::model::filter::{Capability, DispatcherCapabilityFilter};
use crate::model::ids::INITIAL_EXECUTION_ID;
use crate::model::insight::Queue;
use crate::model::item::OrchestrationItem;
use crate::model::limits::ORPHANS_KEPT;
use crate::model::work_item::WorkItem;
use crate::providers::unreadable::{self, Reading};

const OPERATION: &str = "fetch_orchestration_item";

/// What stands in for a version that was never recorded.
pub(super) const UNKNOWN_VERSION: &str = "unknown";

/// Who an instance is before its first turn is committed, and after.
struct Identity {
    name: String,
    version: String,
    execution_id: u64,
    /// Whether what the store has of its history counts.
    has_history: bool,
}

impl Tables {
    /// The instance of the earliest visible message that nobody holds, with all its visible messages.
    pub(super) fn fetch(
        &mut self,
        lock_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
        now_ms: u64,
    ) -> Option<(OrchestrationItem, String, u32)> {
        let supported = Capability::of(filter);
        if supported == Capability::Nothing {
            return None;
        }
        self.drop_orphans(now_ms);
        loop {
            let (_, instance) = self.candidates(supported, now_ms).min()?;
            let instance = instance.to_owned();
            self.quarantine_unreadable(&instance, now_ms);
            // Without its unreadable rows, another instance may be first.
            if let Some((_, first)) = self.candidates(supported, now_ms).min()
                && first == instance
            {
                return Some(self.take(instance, lock_timeout, now_ms));
            }
        }
    }

    /// Instances that may be taken, each with its earliest visible row.
    fn candidates(&self, supported: Capability, now_ms: u64) -> impl Iterator<Item = (u64, &str)> {
        self.inboxes.iter().filter_map(move |(instance, inbox)| {
            let (row, _) = visible(inbox, now_ms).next()?;
            let free = self.locks.get(instance).is_none_or(|lock| !lock.is_live(now_ms));
            let fits = supported.covers(self.current_execution(instance).and_then(|row| row.pinned.as_ref()));
            let eligible = free && fits && self.identity(instance, inbox, now_ms).is_some();
            eligible.then_some((row, instance.as_str()))
        })
    }

    /// From the instance row, else from recorded history, else from a start message. `None` for orphans.
    fn identity(&self, instance: &str, inbox: &Inbox, now_ms: u64) -> Option<Identity> {
        if let Some(row) = self.instances.get(instance) {
            return Some(Identity {
                name: row.name.clone(),
                version: row.version.clone().unwrap_or_else(|| UNKNOWN_VERSION.to_owned()),
                execution_id: row.current_execution_id,
                has_history: true,
            });
        }
        if let Some((name, version)) = self.started_as(instance) {
            return Some(Identity { name, version, execution_id: INITIAL_EXECUTION_ID, has_history: true });
        }
        let starts = visible(inbox, now_ms).filter(|(_, row)| row.kind == MessageKind::Start);
        starts.filter_map(|(_, row)| named_by(&row.text)).next()
    }

    fn take(&mut self, instance: String, timeout: Duration, now_ms: u64) -> (OrchestrationItem, String, u32) {
        let held = self.locks.remove(&instance);
        let lease = self.claim(held.as_ref(), now_ms, timeout).expect("candidates are unlocked");
        let token = lease.token.clone();
        self.locks.insert(instance.clone(), lease);

        let inbox = self.inboxes.get_mut(&instance).expect("candidates have rows");
        let mut attempts = 0;
        for row in inbox.values_mut().filter(|row| row.visible_at_ms <= now_ms) {
            row.token = Some(token.clone());
            row.attempts = row.attempts.saturating_add(1);
            attempts = attempts.max(row.attempts);
        }
        (self.item(instance, now_ms), token, attempts)
    }

    fn item(&self, instance: String, now_ms: u64) -> OrchestrationItem {
        let inbox = &self.inboxes[&instance];
        let identity = self.identity(&instance, inbox, now_ms).expect("candidates have an identity");
        let history = if self.instances.contains_key(&instance) {
            self.read(OPERATION, &instance, identity.execution_id)
        } else if identity.has_history {
            self.read(OPERATION, &instance, self.latest_execution_id(&instance))
        } else {
            Ok(Vec::new())
        };
        let (history, kv_snapshot, history_error) = match history {
            Ok(history) => (history, self.snapshot(&instance), None),
            Err(error) => (Vec::new(), Default::default(), Some(error.message)),
        };
        OrchestrationItem {
            orchestration_name: identity.name,
            execution_id: identity.execution_id,
            version: identity.version,
            history,
            messages: visible(inbox, now_ms).filter_map(|(_, row)| codec::from_json(&row.text).ok()).collect(),
            history_error,
            kv_snapshot,
            instance,
        }
    }

    /// Takes rows that do not parse out of the batch, where they would be deleted with it.
    fn quarantine_unreadable(&mut self, instance: &str, now_ms: u64) {
        let Some(inbox) = self.inboxes.get_mut(instance) else {
            return;
        };
        let is_unreadable = |row: &MessageRow| codec::from_json::<WorkItem>(&row.text).is_err();
        let unreadable: Vec<_> =
            inbox.extract_if(.., |_, row| row.visible_at_ms <= now_ms && is_unreadable(row)).collect();
        if inbox.is_empty() {
            self.inboxes.remove(instance);
        }
        for (_, row) in unreadable {
            let reason = match unreadable::read(&row.text) {
                Reading::Item(_) => continue,
                Reading::LaterKind(kind) => format!("a kind that this version does not know: {kind}"),
                Reading::Unreadable(reason) => reason,
            };
            self.set_row_aside(Queue::Orchestrator, Some(instance.to_owned()), row.text, reason, now_ms);
        }
    }

    /// Queue messages to an instance that nobody has started go at once, other messages after a time: until then they
    /// are invisible, since they may have overtaken the start.
    fn drop_orphans(&mut self, now_ms: u64) {
        let orphans: Vec<String> = self
            .inboxes
            .iter()
            .filter(|(instance, inbox)| self.is_orphaned(instance, inbox))
            .map(|(instance, _)| instance.clone())
            .collect();
        for instance in orphans {
            let inbox = self.inboxes.get_mut(&instance).expect("found just now");
            let only_queue = visible(inbox, now_ms).all(|(_, row)| row.kind == MessageKind::Queue);
            inbox.retain(|_, row| row.visible_at_ms > now_ms || !(only_queue || row.is_forgotten(now_ms)));
            if inbox.is_empty() {
                self.inboxes.remove(&instance);
            }
        }
    }

    pub(super) fn is_orphaned(&self, instance: &str, inbox: &Inbox) -> bool {
        !self.instances.contains_key(instance)
            && inbox.values().all(|row| row.kind != MessageKind::Start)
            && self.started_as(instance).is_none()
    }
}

impl MessageRow {
    fn is_forgotten(&self, now_ms: u64) -> bool {
        let waits_since_ms = self.enqueued_at_ms.max(self.visible_at_ms);
        u128::from(now_ms.saturating_sub(waits_since_ms)) >= ORPHANS_KEPT.as_millis()
    }
}

fn visible(inbox: &Inbox, now_ms: u64) -> impl Iterator<Item = (u64, &MessageRow)> {
    inbox.iter().filter(move |(_, row)| row.visible_at_ms <= now_ms).map(|(number, row)| (*number, row))
}

fn named_by(text: &str) -> Option<Identity> {
    let (name, version) = match codec::from_json(text).ok()? {
        WorkItem::StartOrchestration { orchestration, version, .. }
        | WorkItem::ContinueAsNew { orchestration, version, .. } => (orchestration, version),
        WorkItem::ActivityExecute { .. }
        | WorkItem::ActivityCompleted { .. }
        | WorkItem::ActivityFailed { .. }
        | WorkItem::TimerFired { .. }
        | WorkItem::ExternalRaised { .. }
        | WorkItem::SubOrchCompleted { .. }
        | WorkItem::SubOrchFailed { .. }
        | WorkItem::CancelInstance { .. }
        | WorkItem::QueueMessage { .. } => return None,
    };
    Some(Identity {
        name,
        version: version.unwrap_or_else(|| UNKNOWN_VERSION.to_owned()),
        execution_id: INITIAL_EXECUTION_ID,
        has_history: false,
    })
}
