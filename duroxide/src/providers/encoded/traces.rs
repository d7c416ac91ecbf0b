//! The contexts of traces, if the store below keeps them: they are no payloads, and are kept as they are.

use async_trait::async_trait;

use super::Encoded;
use crate::providers::traces::{TraceContext, TraceProvider};
use crate::providers::{ProviderError, StartOutcome, WorkItem};

impl Encoded {
    fn traces(&self, operation: &str) -> Result<&dyn TraceProvider, ProviderError> {
        self.store()
            .as_trace_capability()
            .ok_or_else(|| ProviderError::permanent(operation, "expected a store that keeps traces, found one without"))
    }
}

#[async_trait]
impl TraceProvider for Encoded {
    async fn start_traced(
        &self,
        start: WorkItem,
        waiting_max: Option<usize>,
        trace: &TraceContext,
    ) -> Result<StartOutcome, ProviderError> {
        const OPERATION: &str = "start_traced";
        let encoded = self.encoded_item(OPERATION, start.clone())?;
        let outcome = self.traces(OPERATION)?.start_traced(encoded, waiting_max, trace).await?;
        self.compared_again(OPERATION, &start, outcome)
    }

    async fn keep_traces(&self, traces: &[(String, TraceContext)]) -> Result<(), ProviderError> {
        self.traces("keep_traces")?.keep_traces(traces).await
    }

    async fn read_trace(&self, instance: &str) -> Result<Option<TraceContext>, ProviderError> {
        self.traces("read_trace")?.read_trace(instance).await
    }
}
