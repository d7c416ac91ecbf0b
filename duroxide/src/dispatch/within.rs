//! Activities that write in a transaction of the store: what they wrote and their completion are one commit.

use std::sync::Arc;

use async_trait::async_trait;

use super::activity::{Job, completion};
use crate::activity::{ActivityContext, ActivityHandler};
use crate::model::limits::Limits;
use crate::model::work_item::WorkItem;
use crate::providers::transaction::{OpenTransaction, TransactionWork, Within};
use crate::providers::{Provider, ProviderError};

/// What an activity came to.
pub(super) enum Answer {
    /// A result that is to be stored.
    Returned(Result<String, String>),
    /// It is stored, with all that the activity wrote.
    Stored,
    /// What it wrote is undone, or is stored with its result: its row tells.
    Unknown(ProviderError),
}

/// Runs an activity in a transaction. A result that is an error is stored afterwards, when what it wrote is undone.
pub(super) async fn run(store: &dyn Provider, token: &str, mut call: Call) -> Answer {
    let Some(transactions) = store.as_transaction_capability() else {
        let text = format!("expected a store with transactions, found `{}`", store.name());
        return Answer::Unknown(ProviderError::permanent("complete_within", text));
    };
    match transactions.complete_within(token, &mut call).await {
        Ok(Within::Committed) => Answer::Stored,
        Ok(Within::Undone) => Answer::Returned(call.failure.map_or_else(|| Err(lost()), Err)),
        Ok(Within::Refused(reason)) => Answer::Returned(Err(reason)),
        Err(error) => Answer::Unknown(error),
    }
}

fn lost() -> String {
    "the transaction was undone although the activity succeeded".to_owned()
}

/// One call of an activity.
pub(super) struct Call {
    handler: Arc<dyn ActivityHandler>,
    arguments: Option<(ActivityContext, String)>,
    /// Whose it is: instance, execution, schedule event.
    of: (String, u64, u64),
    limits: Limits,
    failure: Option<String>,
}

impl Call {
    pub(super) fn new(
        handler: Arc<dyn ActivityHandler>,
        arguments: (ActivityContext, String),
        job: &Job,
        limits: Limits,
    ) -> Self {
        let of = (job.instance.clone(), job.execution_id, job.id);
        Call { handler, arguments: Some(arguments), of, limits, failure: None }
    }
}

#[async_trait]
impl TransactionWork for Call {
    async fn run(&mut self, tx: OpenTransaction<'_, '_>) -> Option<WorkItem> {
        // A store that asked twice would get nothing the second time.
        let (context, input) = self.arguments.take()?;
        let result = self.limits.returned(self.handler.invoke_within(context, tx, input).await);
        let (instance, execution_id, id) = &self.of;
        match result {
            Ok(output) => Some(completion(instance, *execution_id, *id, Ok(output))),
            Err(failure) => {
                self.failure = Some(failure);
                None
            }
        }
    }
}
