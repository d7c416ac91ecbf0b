//! The contexts in which instances were started.

use async_trait::async_trait;

use super::MemoryProvider;
use super::tables::{MessageKind, Tables};
use crate::model::trace::TraceContext;
use crate::providers::traces::{TraceProvider, queued, started};
use crate::providers::{ProviderError, StartOutcome, WorkItem};

impl Tables {
    /// One that was kept for a start which never came gives way: so this goes before its own start.
    fn keep_trace(&mut self, instance: &str, trace: &TraceContext) {
        if self.instances.contains_key(instance) {
            return;
        }
        let mut inbox = self.inboxes.get(instance).into_iter().flat_map(|inbox| inbox.values());
        if inbox.any(|row| row.kind == MessageKind::Start) {
            self.traces.entry(instance.to_owned()).or_insert_with(|| trace.clone());
        } else {
            self.traces.insert(instance.to_owned(), trace.clone());
        }
    }

    fn start_traced(
        &mut self,
        start: &WorkItem,
        waiting_max: Option<usize>,
        trace: &TraceContext,
        now_ms: u64,
    ) -> Result<StartOutcome, ProviderError> {
        let instance = started(start)?;
        match waiting_max {
            Some(waiting_max) => self.check_room(start, waiting_max)?,
            None => {
                if let Some(found) = self.found(instance, start) {
                    return Ok(found);
                }
            }
        }
        self.keep_trace(instance, trace);
        self.enqueue(start, None, now_ms)?;
        Ok(queued(waiting_max))
    }
}

#[async_trait]
impl TraceProvider for MemoryProvider {
    async fn start_traced(
        &self,
        start: WorkItem,
        waiting_max: Option<usize>,
        trace: &TraceContext,
    ) -> Result<StartOutcome, ProviderError> {
        self.with(|tables, now_ms| tables.start_traced(&start, waiting_max, trace, now_ms))
    }

    async fn keep_traces(&self, traces: &[(String, TraceContext)]) -> Result<(), ProviderError> {
        self.with(|tables, _| traces.iter().for_each(|(instance, trace)| tables.keep_trace(instance, trace)));
        Ok(())
    }

    async fn read_trace(&self, instance: &str) -> Result<Option<TraceContext>, ProviderError> {
        Ok(self.with(|tables, _| tables.traces.get(instance).cloned()))
    }
}
