//! The quick half of the store: batches, tails, and completions with their turns.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;

use super::SqliteProvider;
use super::ack::{self, Ack, Completing, Offer};
use super::carried::Terms;
use super::error::StoreError;
use super::fetch::{self, Known};
use super::jobs::Delivery;
use super::wakes::Wakes;
use super::worker::{self, Wanted};
use super::writer::WeakWriter;
use crate::model::filter::Capability;
use crate::providers::error::ProviderError;
use crate::providers::express::{
    ActivityRequest, Commit, Committed, ExpressProvider, FetchedActivity, FetchedTurn, Handover, Head, Leased,
    TurnRequest,
};

impl SqliteProvider {
    /// What leases turns, on the writer's thread.
    fn taking(
        &self,
        request: TurnRequest,
    ) -> impl FnMut(&Connection, &mut Wakes) -> Result<Vec<Delivery<fetch::Fetched>>, StoreError> + Send + use<> {
        let TurnRequest { max, lock_timeout, filter, known: heads } = request;
        let capability = Capability::of(filter.as_ref());
        let (writer, others) = (self.writer.downgrade(), self.writer.others());
        let terms = Terms { owner: self.node.owner(), timeout: lock_timeout };
        move |conn, wakes| {
            let known = Known { heads: Arc::clone(&heads), seen: others.get() };
            let mut fetched = match wakes.has_offers() && !wakes.has_messages() {
                true => Vec::new(),
                false => fetch::fetch_many(conn, max, lock_timeout, capability, &terms.owner, &known, wakes)?,
            };
            fetched.extend(fetch::take_offered(max - fetched.len(), capability, &terms, &known, wakes));
            Ok(fetched.into_iter().map(|one| on_its_way(one, &writer)).collect())
        }
    }
}

#[async_trait]
impl ExpressProvider for SqliteProvider {
    async fn fetch_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError> {
        Ok(turns(self.lease("fetch_turns", self.taking(request)).await?))
    }

    async fn await_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError> {
        let heads = Arc::clone(&request.known);
        Ok(turns(self.writer.stand("await_turns", heads, self.taking(request)).await?))
    }

    async fn fetch_activities(&self, request: ActivityRequest) -> Result<Vec<FetchedActivity>, ProviderError> {
        let ActivityRequest { max, lock_timeout, session, tags } = request;
        let wanted = Wanted { lock_timeout, session, tags };
        let (owner, writer) = (self.node.owner(), self.writer.downgrade());
        let taken = self
            .lease("fetch_activities", move |conn, wakes| {
                let taken = worker::fetch_many(conn, max, &wanted, &owner, wakes)?;
                let deliver = |one: worker::TakenActivity| {
                    let token = one.token.clone();
                    Delivery::new(one, token, worker::give_back, writer.clone())
                };
                Ok(taken.into_iter().map(deliver).collect::<Vec<_>>())
            })
            .await?;
        let arrived = taken.into_iter().map(|delivery| {
            let worker::TakenActivity { item, token, attempts } = delivery.take();
            FetchedActivity { item, token, attempt: attempts }
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
        let turn = Ack::new(lock_token, commit, &self.signal).map_err(|error| error.during(OPERATION))?;
        let turn = turn.offering(self.offer(handover));
        let head = turn.head_after(base);
        let writer = self.writer.downgrade();
        let leased =
            self.write(OPERATION, move |conn, wakes| Ok(on_their_way(ack::ack(conn, &turn, wakes)?, &writer))).await?;
        Ok(Committed { head, leased: arrived(leased) })
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
        let turn = Ack::new("", commit, &self.signal).map_err(|error| error.during(OPERATION))?;
        let turn = turn.offering(self.offer(handover));
        let head = turn.head_after(base);
        let (tokens, instance) = (activity_tokens.to_vec(), instance.to_owned());
        let completing = Completing { tokens, instance, base, head, turn };
        let (others, writer) = (self.writer.others(), self.writer.downgrade());
        let committed = self
            .write(OPERATION, move |conn, wakes| {
                let committed = ack::complete(conn, &completing, others.get(), wakes)?;
                Ok(committed.map(|Committed { head, leased }| (head, on_their_way(leased, &writer))))
            })
            .await?;
        Ok(committed.map(|(head, leased)| Committed { head, leased: arrived(leased) }))
    }
}

/// A batch goes back to the queue, unless whoever asked for it is there.
fn on_its_way(fetched: fetch::Fetched, writer: &WeakWriter) -> Delivery<fetch::Fetched> {
    let token = fetched.token.clone();
    Delivery::new(fetched, token, fetch::give_back, writer.clone())
}

fn turns(fetched: Vec<Delivery<fetch::Fetched>>) -> Vec<FetchedTurn> {
    let arrived = fetched.into_iter().map(|delivery| {
        let fetched = delivery.take();
        let (known, head) = fetched.extent();
        let (item, token, attempt) = fetched.into_item();
        FetchedTurn { item, token, attempt, known, head }
    });
    arrived.collect()
}

/// Activities that were handed over go back to the queue, unless whoever committed the turn is there to hear of them.
fn on_their_way(leased: Vec<Leased>, writer: &WeakWriter) -> Vec<Delivery<Leased>> {
    let deliver = |one: Leased| {
        let token = one.token.clone();
        Delivery::new(one, token, worker::give_back, writer.clone())
    };
    leased.into_iter().map(deliver).collect()
}

fn arrived(leased: Vec<Delivery<Leased>>) -> Vec<Leased> {
    leased.into_iter().map(Delivery::take).collect()
}

impl SqliteProvider {
    fn offer(&self, handover: Handover) -> Offer {
        Offer { handover, owner: self.node.owner() }
    }
}
