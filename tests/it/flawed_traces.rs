//! Stores that keep the wrong contexts of traces, to see that a law goes red.

use async_trait::async_trait;
use duroxide::providers::{Provider, ProviderError, StartOutcome, TraceProvider, WorkItem};
use duroxide::trace::TraceContext;

use crate::flawed_store::{Flaw, FlawedStore};

/// All of them.
pub(crate) const FLAWS: [Flaw; 4] =
    [Flaw::TracesTheLast, Flaw::TracesForEver, Flaw::TracesNobody, Flaw::TracesAnything];

impl FlawedStore {
    fn sound_traces(&self) -> &dyn TraceProvider {
        self.sound().as_trace_capability().expect("the memory store keeps contexts")
    }

    /// What the flaw makes of a context that comes along.
    fn note(&self, instance: &str, trace: &TraceContext) {
        let mut noted = self.contexts().lock().expect("nobody panics under the lock");
        match self.flaw() {
            Flaw::TracesTheLast => {
                noted.insert(instance.to_owned(), trace.clone());
            }
            Flaw::TracesForEver => {
                noted.entry(instance.to_owned()).or_insert_with(|| trace.clone());
            }
            _ => {}
        }
    }
}

#[async_trait]
impl TraceProvider for FlawedStore {
    async fn start_traced(
        &self,
        start: WorkItem,
        waiting_max: Option<usize>,
        trace: &TraceContext,
    ) -> Result<StartOutcome, ProviderError> {
        if let WorkItem::StartOrchestration { instance, .. } = &start {
            self.note(instance, trace);
        }
        let outcome = self.sound_traces().start_traced(start, waiting_max, trace).await;
        if self.flaw() == Flaw::TracesAnything { Ok(outcome.unwrap_or(StartOutcome::Queued)) } else { outcome }
    }

    async fn keep_traces(&self, traces: &[(String, TraceContext)]) -> Result<(), ProviderError> {
        traces.iter().for_each(|(instance, trace)| self.note(instance, trace));
        self.sound_traces().keep_traces(traces).await
    }

    async fn read_trace(&self, instance: &str) -> Result<Option<TraceContext>, ProviderError> {
        if self.flaw() == Flaw::TracesNobody {
            return Ok(None);
        }
        let noted = self.contexts().lock().expect("nobody panics under the lock").get(instance).cloned();
        match noted {
            Some(trace) => Ok(Some(trace)),
            None => self.sound_traces().read_trace(instance).await,
        }
    }
}
