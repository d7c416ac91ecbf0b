//! The transactional half, if the store below has it: what is put into transactions is encoded first.

use async_trait::async_trait;

use super::Encoded;
use crate::model::start::StartOutcome;
use crate::model::work_item::WorkItem;
use crate::providers::error::ProviderError;
use crate::providers::traces::TraceContext;
use crate::providers::transaction::{OpenTransaction, TransactionError, TransactionProvider, TransactionWork, Within};

impl Encoded {
    fn transactions(&self, operation: &str) -> Result<&dyn TransactionProvider, ProviderError> {
        self.store()
            .as_transaction_capability()
            .ok_or_else(|| ProviderError::permanent(operation, "expected a store with transactions, found one without"))
    }
}

#[async_trait]
impl TransactionProvider for Encoded {
    async fn enqueue_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
        waiting_max: usize,
    ) -> Result<(), TransactionError> {
        const OPERATION: &str = "enqueue_in";
        let item = self.encoded_item(OPERATION, item)?;
        self.transactions(OPERATION)?.enqueue_in(tx, item, waiting_max).await
    }

    async fn enqueue_start_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
    ) -> Result<StartOutcome, TransactionError> {
        const OPERATION: &str = "enqueue_start_in";
        let encoded = self.encoded_item(OPERATION, item.clone())?;
        let outcome = self.transactions(OPERATION)?.enqueue_start_in(tx, encoded).await?;
        Ok(self.compared_again(OPERATION, &item, outcome)?)
    }

    async fn start_traced_in(
        &self,
        tx: OpenTransaction<'_, '_>,
        item: WorkItem,
        trace: &TraceContext,
    ) -> Result<StartOutcome, TransactionError> {
        const OPERATION: &str = "start_traced_in";
        let encoded = self.encoded_item(OPERATION, item.clone())?;
        let outcome = self.transactions(OPERATION)?.start_traced_in(tx, encoded, trace).await?;
        Ok(self.compared_again(OPERATION, &item, outcome)?)
    }

    async fn complete_within(&self, token: &str, work: &mut dyn TransactionWork) -> Result<Within, ProviderError> {
        let mut work = EncodedWork { work, codec: self, failure: None };
        let within = self.transactions("complete_within")?.complete_within(token, &mut work).await?;
        match work.failure {
            None => Ok(within),
            Some(error) => Err(error),
        }
    }
}

/// Work whose completion is encoded on its way into the store.
struct EncodedWork<'a> {
    work: &'a mut dyn TransactionWork,
    codec: &'a Encoded,
    /// Why it could not be: then the transaction is undone.
    failure: Option<ProviderError>,
}

#[async_trait]
impl TransactionWork for EncodedWork<'_> {
    async fn run(&mut self, tx: OpenTransaction<'_, '_>) -> Option<WorkItem> {
        let completion = self.work.run(tx).await?;
        self.codec.encoded_item("complete_within", completion).map_err(|error| self.failure = Some(error)).ok()
    }
}
