//! Messages into the orchestrator queue.

use std::time::Duration;

use super::tables::{Inbox, MessageKind, MessageRow, Tables};
use crate::codec;
use crate::lease;
use crate::model::work_item::WorkItem;
use crate::providers::error::ProviderError;
use crate::providers::management::QueueDepths;
use crate::providers::signal::WorkQueue;

impl Tables {
    /// `enqueue_for_orchestrator`.
    pub(super) fn enqueue(
        &mut self,
        item: &WorkItem,
        delay: Option<Duration>,
        now_ms: u64,
    ) -> Result<(), ProviderError> {
        if matches!(item, WorkItem::ActivityExecute { .. }) {
            return Err(ProviderError::permanent(
                "enqueue_for_orchestrator",
                "ActivityExecute belongs to the worker queue",
            ));
        }
        let visible_at_ms = lease::until(now_ms, delay.unwrap_or_default());
        self.push_message(item, visible_at_ms, now_ms);
        Ok(())
    }

    /// Refuses a message when too many wait for its instance.
    pub(super) fn check_room(&self, item: &WorkItem, waiting_max: usize) -> Result<(), ProviderError> {
        let instance = item.target_instance();
        let waiting = self.inboxes.get(instance).map_or(0, Inbox::len);
        if waiting < waiting_max { Ok(()) } else { Err(ProviderError::queue_full(instance, waiting_max)) }
    }

    /// Adds a message at the end of the queue.
    pub(super) fn push_message(&mut self, item: &WorkItem, visible_at_ms: u64, now_ms: u64) {
        let instance = item.target_instance().to_owned();
        self.push_text(instance, text_of(item), kind_of(item), visible_at_ms, now_ms);
    }

    /// Adds a row whose text may be anything.
    pub(super) fn push_text(
        &mut self,
        instance: String,
        text: String,
        kind: MessageKind,
        visible_at_ms: u64,
        now_ms: u64,
    ) {
        let row = self.next_row();
        let message = MessageRow { text, kind, enqueued_at_ms: now_ms, visible_at_ms, token: None, attempts: 0 };
        self.inboxes.entry(instance).or_default().insert(row, message);
        self.rings.visible_at(WorkQueue::Orchestrator, visible_at_ms);
    }

    /// The highest number of attempts among the messages of an instance.
    #[cfg(any(test, feature = "provider-test"))]
    pub(super) fn max_attempt_count(&self, instance: &str) -> u32 {
        let inbox = self.inboxes.get(instance);
        inbox.into_iter().flat_map(|inbox| inbox.values()).map(|row| row.attempts).max().unwrap_or(0)
    }

    /// `get_queue_depths`: rows nobody holds at this moment.
    pub(super) fn queue_depths(&self, now_ms: u64) -> QueueDepths {
        let held = |instance: &str, row: &MessageRow| {
            let lock = self.locks.get(instance);
            lock.is_some_and(|lock| lock.is_live(now_ms) && row.token.as_ref() == Some(&lock.token))
        };
        let messages = self.inboxes.iter().flat_map(|(instance, inbox)| inbox.values().map(move |row| (instance, row)));
        let activities = self.activities.values();
        QueueDepths {
            orchestrator_queue: messages.filter(|(instance, row)| !held(instance, row)).count(),
            worker_queue: activities
                .filter(|row| row.lease.as_ref().is_none_or(|lease| !lease.is_live(now_ms)))
                .count(),
            timer_queue: 0,
        }
    }
}

/// The stored form of a work item.
pub(super) fn text_of(item: &WorkItem) -> String {
    codec::to_json(item).expect("a work item is made of strings and numbers")
}

fn kind_of(item: &WorkItem) -> MessageKind {
    match item {
        WorkItem::StartOrchestration { .. } | WorkItem::ContinueAsNew { .. } => MessageKind::Start,
        WorkItem::QueueMessage { .. } => MessageKind::Queue,
        WorkItem::ActivityExecute { .. }
        | WorkItem::ActivityCompleted { .. }
        | WorkItem::ActivityFailed { .. }
        | WorkItem::TimerFired { .. }
        | WorkItem::ExternalRaised { .. }
        | WorkItem::SubOrchCompleted { .. }
        | WorkItem::SubOrchFailed { .. }
        | WorkItem::CancelInstance { .. } => MessageKind::Other,
    }
}
