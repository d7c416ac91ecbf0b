//! A start, compared with what its id stands for.

use super::tables::Tables;
use crate::codec;
use crate::model::event::Event;
use crate::model::ids::{INITIAL_EVENT_ID, INITIAL_EXECUTION_ID};
use crate::model::start::StartOutcome;
use crate::model::work_item::WorkItem;
use crate::providers::error::ProviderError;

impl Tables {
    /// `enqueue_start`. A first event that cannot be read counts by the name alone, as one that was pruned does.
    pub(super) fn start(&mut self, item: &WorkItem, now_ms: u64) -> Result<StartOutcome, ProviderError> {
        let WorkItem::StartOrchestration { instance, .. } = item else {
            return Err(ProviderError::permanent("enqueue_start", "expected a StartOrchestration"));
        };
        if let Some(found) = self.found(instance, item) {
            return Ok(found);
        }
        self.enqueue(item, None, now_ms)?;
        Ok(StartOutcome::Queued)
    }

    /// What an id stands for already, if anything.
    pub(super) fn found(&self, instance: &str, start: &WorkItem) -> Option<StartOutcome> {
        let first = self.history.get(instance).and_then(|executions| {
            let text = executions.get(&INITIAL_EXECUTION_ID)?.get(&INITIAL_EVENT_ID)?;
            let event: Event = codec::from_json(text).ok()?;
            StartOutcome::of_event(start, &event.kind)
        });
        let row = self.instances.get(instance).map(|row| StartOutcome::compared(start, &row.name, None));
        first.or(row).or_else(|| {
            let queued = self.inboxes.get(instance).into_iter().flatten();
            queued
                .filter_map(|(_, row)| codec::from_json(&row.text).ok())
                .find_map(|message| StartOutcome::of_message(start, &message))
        })
    }
}
