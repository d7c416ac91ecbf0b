//! The quick half of the store: batches, tails, and completions with their turns.

use async_trait::async_trait;

use super::PostgresProvider;
use super::ack::{Ack, Acked, Acking};
use super::complete::Completing;
use super::fetch::{self, Fetched};
use super::lane::Reply;
use super::returns::Delivery;
use super::row::{ActivityKey, int, stored, uint};
use super::take;
use crate::model::filter::Capability;
use crate::providers::error::ProviderError;
use crate::providers::express::{
    ActivityRequest, Commit, Committed, ExpressProvider, FetchedActivity, FetchedTurn, Handover, Head, TurnRequest,
};
use crate::seams;

/// Where history ends here: `digest` is the life of the instance, new whenever one of the same name begins. Events are
/// only ever appended under a lease, so that life, execution and last event say all; nobody counts what others did.
#[async_trait]
impl ExpressProvider for PostgresProvider {
    async fn fetch_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError> {
        Ok(turns(self.turns.call("fetch_turns", asking(request)).await?))
    }

    async fn await_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError> {
        Ok(turns(self.standing.wait("await_turns", asking(request)).await?))
    }

    async fn fetch_activities(&self, request: ActivityRequest) -> Result<Vec<FetchedActivity>, ProviderError> {
        let ActivityRequest { max, lock_timeout, session, tags } = request;
        let asking = |reply| take::Asking { max, lock_timeout, session, tags, reply };
        let taken = self.activities.call("fetch_activities", asking).await?;
        let arrived = taken.into_iter().map(|delivery| {
            let taken = delivery.take();
            FetchedActivity { item: taken.item, token: taken.token, attempt: taken.attempts }
        });
        Ok(arrived.collect())
    }

    async fn commit_turn(
        &self,
        lock_token: &str,
        base: Head,
        commit: Commit,
        handover: Handover,
    ) -> Result<Committed, ProviderError> {
        const OPERATION: &str = "commit_turn";
        let head = head_after(base, &commit);
        let ack = Ack::new(lock_token, commit, self.hints.signal()).map_err(|error| error.during(OPERATION))?;
        let ack = ack.offering(&handover);
        let acked = self.commits.call(OPERATION, |reply| Acking { ack, reply }).await?;
        Ok(committed(head, acked.take()))
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
        let head = head_after(base, &commit);
        let done = activity_tokens.iter().map(|token| ActivityKey::parse(token)).collect::<Result<Vec<_>, _>>();
        let done = done.map_err(|error| error.during(OPERATION))?;
        let signal = self.hints.signal();
        let ack = Ack::of(seams::lock_token(), stored(instance).into_owned(), commit, signal);
        let ack = ack.map_err(|error| error.during(OPERATION))?.offering(&handover).finishing(done);
        let acked = self.turns_done.call(OPERATION, |reply| Completing { base, ack, reply }).await?;
        Ok(acked.map(|acked| committed(head, acked.take())))
    }
}

fn asking(request: TurnRequest) -> impl FnOnce(Reply<Vec<Delivery<Fetched>>>) -> fetch::Asking {
    let TurnRequest { max, lock_timeout, filter, known } = request;
    let capability = Capability::of(filter.as_ref());
    move |reply| fetch::Asking { max, lock_timeout, capability, known: Some(known), reply }
}

fn turns(fetched: Vec<Delivery<Fetched>>) -> Vec<FetchedTurn> {
    let arrived = fetched.into_iter().map(|delivery| {
        let fetched = delivery.take();
        let (known, head) = fetched.extent();
        let (item, token, attempt) = fetched.into_item();
        FetchedTurn { item, token, attempt, known, head }
    });
    arrived.collect()
}

fn committed(head: Head, acked: Acked) -> Committed {
    Committed { head: Head { digest: uint(acked.row_id), ..head }, leased: acked.leased }
}

/// Where history ends once this turn is committed; the store adds in which life.
fn head_after(base: Head, commit: &Commit) -> Head {
    let last = commit.delta.iter().map(|event| event.event_id).max();
    let before = if commit.execution_id == base.execution_id { base.last_event_id } else { 0 };
    Head { last_event_id: last.unwrap_or(before), ..Head::of_new(commit.execution_id, 0) }
}

/// What is compared of a head that the caller knows.
pub(super) fn parts(head: Head) -> [i64; 3] {
    [int(head.execution_id), int(head.last_event_id), int(head.digest)]
}
