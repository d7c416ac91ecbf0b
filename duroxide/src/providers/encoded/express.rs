//! The quick half, if the store below has it: batches are decoded, commits are encoded, and the rest is handed on.

use async_trait::async_trait;

use super::Encoded;
use crate::observe::target;
use crate::providers::error::ProviderError;
use crate::providers::express::{
    ActivityRequest, Commit, Committed, ExpressProvider, FetchedActivity, FetchedTurn, Handover, Head, TurnRequest,
};

impl Encoded {
    fn express(&self, operation: &str) -> Result<&dyn ExpressProvider, ProviderError> {
        self.store().as_express_capability().ok_or_else(|| {
            ProviderError::permanent(operation, "expected a store with the quick half, found one without")
        })
    }

    fn opened(&self, mut turns: Vec<FetchedTurn>) -> Vec<FetchedTurn> {
        for turn in &mut turns {
            self.open_turn(&mut turn.item);
            // What cannot be decoded is decided by whoever has the whole item, and not by an execution that rests.
            turn.known &= turn.item.history_error.is_none();
        }
        turns
    }
}

#[async_trait]
impl ExpressProvider for Encoded {
    async fn fetch_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError> {
        Ok(self.opened(self.express("fetch_turns")?.fetch_turns(request).await?))
    }

    async fn await_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError> {
        Ok(self.opened(self.express("await_turns")?.await_turns(request).await?))
    }

    async fn fetch_activities(&self, request: ActivityRequest) -> Result<Vec<FetchedActivity>, ProviderError> {
        const OPERATION: &str = "fetch_activities";
        let fetched = self.express(OPERATION)?.fetch_activities(request).await?;
        let mut readable = Vec::with_capacity(fetched.len());
        for FetchedActivity { mut item, token, attempt } in fetched {
            match self.open_activity(&mut item) {
                Ok(()) => readable.push(FetchedActivity { item, token, attempt }),
                Err(text) => {
                    tracing::warn!(target: target::WORKER, attempt, "{text}");
                    if let Err(error) = self.give_up(item, &token, attempt, &text).await {
                        // The lease ends by itself, and the others of this batch are already ours.
                        tracing::warn!(target: target::WORKER, "an activity could not be given back: {error}");
                    }
                }
            }
        }
        Ok(readable)
    }

    async fn commit_turn(
        &self,
        lock_token: &str,
        base: Head,
        commit: Commit,
        handover: Handover,
    ) -> Result<Committed, ProviderError> {
        const OPERATION: &str = "commit_turn";
        let commit = self.encoded_commit(OPERATION, commit)?;
        self.express(OPERATION)?.commit_turn(lock_token, base, commit, handover).await
    }

    async fn complete_with_turn(
        &self,
        activity_tokens: &[String],
        instance: &str,
        base: Head,
        commit: Commit,
        handover: Handover,
    ) -> Result<Option<Committed>, ProviderError> {
        const OPERATION: &str = "complete_with_turn";
        let commit = self.encoded_commit(OPERATION, commit)?;
        self.express(OPERATION)?.complete_with_turn(activity_tokens, instance, base, commit, handover).await
    }
}
