//! Starts, in a span of their own and with the context that makes what follows part of the caller's trace.

use tracing::{Instrument, Span};

use super::{Client, ClientError};
use crate::model::start::StartOutcome;
use crate::model::trace::TraceContext;
use crate::model::work_item::WorkItem;
use crate::trace::spans;

impl Client {
    /// Enqueues a start: compared with what its id stands for, or uncompared if so many may wait for the instance.
    pub(super) async fn begin(&self, start: WorkItem, waiting_max: Option<usize>) -> Result<StartOutcome, ClientError> {
        let (span, trace) = self.traced(&start);
        let starting = async {
            match (self.store.as_trace_capability(), trace, waiting_max) {
                (Some(store), Some(trace), _) => store.start_traced(start, waiting_max, &trace).await,
                (_, _, None) => self.store.enqueue_start(start).await,
                (_, _, Some(waiting_max)) => {
                    self.store.enqueue_if_room(start, None, waiting_max).await.map(|()| StartOutcome::Uncompared)
                }
            }
        };
        Ok(starting.instrument(span).await?)
    }

    /// The trace context in which an instance was started: `None` when it was started in no trace, is unknown, or the store
    /// keeps none.
    ///
    /// # Errors
    /// `Provider` when it could not be read.
    pub async fn get_trace_context(&self, instance: &str) -> Result<Option<TraceContext>, ClientError> {
        match self.store.as_trace_capability() {
            Some(store) => Ok(store.read_trace(instance).await?),
            None => Ok(None),
        }
    }

    /// The span of a start, and the context to be kept with it.
    pub(super) fn traced(&self, start: &WorkItem) -> (Span, Option<TraceContext>) {
        match start {
            WorkItem::StartOrchestration { instance, orchestration, .. } => {
                let span = spans::start(instance, orchestration);
                let context = self.propagation.called(&span);
                (span, context)
            }
            _ => (Span::none(), None),
        }
    }
}
