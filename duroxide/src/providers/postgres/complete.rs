//! Activities that ended, committed together with the turns to which that led.

use std::sync::Arc;

use super::ack::{self, Ack, Acked, Batch};
use super::claim::{self, Until};
use super::commit::Unsound;
use super::error::{Kind, StoreError};
use super::hints::Hints;
use super::history;
use super::lane::{Reply, Serve};
use super::returns::{Delivery, Returns};
use super::worker;
use super::writer::{Db, with_repeats};
use crate::lease::Refusal;
use crate::providers::express::Head;

/// One turn with the activities that led to it.
#[derive(Debug)]
pub(super) struct Completing {
    pub(super) base: Head,
    /// Its `done` are the activities.
    pub(super) ack: Ack,
    /// `None` when the turn is not what a lease holder would have committed.
    pub(super) reply: Reply<Option<Delivery<Acked>>>,
}

/// Commits them.
pub(super) struct Completions {
    pub(super) db: Arc<Db>,
    pub(super) hints: Arc<Hints>,
    pub(super) owner: Arc<str>,
    pub(super) returns: Returns,
}

impl Serve for Completions {
    type Request = Completing;

    async fn serve(&self, batch: Vec<Completing>) {
        match self.commit(&batch).await {
            // One of them is to blame; the others go on.
            Err(error) if error.kind() == Kind::Permanent && batch.len() > 1 => {
                for completing in batch {
                    let alone = vec![completing];
                    let committed = self.commit(&alone).await;
                    self.answer(alone, committed).await;
                }
            }
            committed => self.answer(batch, committed).await,
        }
    }
}

impl Completions {
    async fn answer(&self, batch: Vec<Completing>, committed: Result<Batch, StoreError>) {
        match committed {
            Ok(Batch { acked, unsound, .. }) => {
                for (index, (completing, acked)) in batch.into_iter().zip(acked).enumerate() {
                    let outcome = match (acked, unsound.get(&index)) {
                        (Some(acked), _) => Ok(Some(acked.delivered(&self.returns))),
                        (None, Some(Unsound::Fenced)) => Err(self.refusal(&completing.ack).await),
                        (None, Some(Unsound::Stale) | None) => Ok(None),
                    };
                    completing.reply.send(outcome);
                }
            }
            Err(error) => {
                for Completing { ack, reply, .. } in batch {
                    let events = &ack.events;
                    let error = history::explain(&self.db, error.clone(), &ack.instance, ack.execution_id, events);
                    reply.send(Err(error.await));
                }
            }
        }
    }

    async fn refusal(&self, ack: &Ack) -> StoreError {
        for key in &ack.done {
            if let Ok(refusal) = worker::refusal(&self.db, key).await
                && refusal == Refusal::Expired
            {
                return refusal.into();
            }
        }
        Refusal::Unknown.into()
    }

    async fn commit(&self, batch: &[Completing]) -> Result<Batch, StoreError> {
        let acks: Vec<&Ack> = batch.iter().map(|completing| &completing.ack).collect();
        let bases: Vec<Head> = batch.iter().map(|completing| completing.base).collect();
        let committed = with_repeats(|| self.try_commit(batch, &acks, &bases)).await;
        let mut written = committed.inspect_err(|error| ack::give_up(&self.returns, error, &acks))?;
        std::mem::take(&mut written.wakes).ring(&self.db, &self.hints);
        Ok(written)
    }

    async fn try_commit(&self, batch: &[Completing], acks: &[&Ack], bases: &[Head]) -> Result<Batch, StoreError> {
        let mut tx = self.db.begin_by(&self.lease(batch)).await?;
        match ack::write(&self.db, &mut tx, acks, Some(bases), &self.owner).await {
            Ok(written) => {
                tx.commit_surely().await?;
                Ok(written)
            }
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    /// Leases the instances that nobody holds, for the time of the transaction that begins with this.
    fn lease(&self, batch: &[Completing]) -> String {
        let given = batch.iter().map(|Completing { ack, .. }| (ack.instance.as_str(), ack.secret.as_str()));
        claim::lease(&self.owner, given, Until::Never)
    }
}
