//! The transactional half of the store: one line per method.

use async_trait::async_trait;

use super::PostgresProvider;
use super::row::MessageRow;
use super::{guest, message_row, within};
use crate::model::start::StartOutcome;
use crate::model::work_item::WorkItem;
use crate::providers::error::ProviderError;
use crate::providers::traces::{TraceContext, started};
use crate::providers::transaction::{OpenTransaction, TransactionError, TransactionProvider, TransactionWork, Within};

#[async_trait]
impl TransactionProvider for PostgresProvider {
    async fn enqueue_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
        waiting_max: usize,
    ) -> Result<(), TransactionError> {
        const OPERATION: &str = "enqueue_in";
        let message = message_row(&item).map_err(|error| error.during(OPERATION))?;
        guest::enqueue(&self.db, &self.hints, tx.into_postgres(), &message, waiting_max, OPERATION).await
    }

    async fn enqueue_start_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
    ) -> Result<StartOutcome, TransactionError> {
        const OPERATION: &str = "enqueue_start_in";
        if !matches!(item, WorkItem::StartOrchestration { .. }) {
            return Err(ProviderError::permanent(OPERATION, "expected a StartOrchestration").into());
        }
        let message = MessageRow::new(&item).map_err(|error| error.during(OPERATION))?;
        guest::enqueue_start(&self.db, &self.hints, tx.into_postgres(), &item, &message, None, OPERATION).await
    }

    async fn start_traced_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
        trace: &TraceContext,
    ) -> Result<StartOutcome, TransactionError> {
        const OPERATION: &str = "start_traced_in";
        started(&item)?;
        let (message, trace) = (MessageRow::new(&item).map_err(|error| error.during(OPERATION))?, Some(trace));
        guest::enqueue_start(&self.db, &self.hints, tx.into_postgres(), &item, &message, trace, OPERATION).await
    }

    async fn complete_within(&self, token: &str, work: &mut dyn TransactionWork) -> Result<Within, ProviderError> {
        let completed = within::complete(&self.db, &self.hints, &self.places, token, work).await;
        completed.map_err(|error| error.during("complete_within"))
    }
}
