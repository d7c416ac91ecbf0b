//! A turn is committed, and what follows from success or failure is done.

use std::sync::Arc;
use std::time::Duration;

use super::{BUSY_DELAY, Done, Orchestrations, REFUSED_DELAY, execution_of_parent};
use crate::clock;
use crate::dispatch::outgoing::{self, Outgoing};
use crate::dispatch::report;
use crate::dispatch::verdict::{Closing, IfRefused, Notice};
use crate::dispatch::warm::{self, Suspended};
use crate::dispatch::{Redelivery, closing, follow, traced, with_retries};
use crate::model::commit::Commit;
use crate::model::work_item::WorkItem;
use crate::mutants::{Bug, is_planted};
use crate::observe::target;
use crate::providers::ProviderError;
use crate::providers::express::{self, Committed, Handover};

/// What became of a commit.
enum Acked {
    Done(Option<Committed>),
    /// Somebody else holds the lease, or it was committed before: nothing is left to do.
    Lost,
    /// The store has trouble.
    Busy(ProviderError),
    /// The store will never take it, though the lease is ours.
    Refused(ProviderError),
}

impl Orchestrations {
    /// Commits a turn and does what follows from success or failure.
    pub(super) async fn finish(&self, done: Box<Done>) {
        let Done { token, head, commit, collisions, report, _kept, warm, base, figures, waiting, traced, .. } = *done;
        let (token, head) = (&token, &head);
        let outgoing = Outgoing::new(&self.env, head, &commit, report);
        let plain_head = match self.env.store.as_express_capability() {
            Some(_) => base,
            None => warm::head_of(base, &commit.delta),
        };
        traced::hand_down(&self.env, &traced, &commit).await;
        let acked = self.commit_turn(token, base, commit, outgoing.handover(&self.env)).await;
        traced.span.record("committed", matches!(acked, Acked::Done(_)));
        // The span ends with the commit: what follows are turns of their own.
        drop(traced);
        match acked {
            Acked::Done(committed) => {
                let (end, leased) = match committed {
                    Some(Committed { head, leased }) => (head, leased),
                    None => (plain_head, Vec::new()),
                };
                let delta = outgoing.committed(&self.env, leased);
                drop(_kept);
                if let Some((execution, takes_completions)) = waiting {
                    let figures = figures.and(delta);
                    let suspended = Suspended { execution, head: end, figures, takes_completions };
                    return follow::go_on(&self.env, warm, suspended).await;
                }
            }
            Acked::Lost => self.lost(&head.instance),
            Acked::Busy(error) => self.busy(token, &head.instance, &error).await,
            Acked::Refused(error) => {
                tracing::error!(
                    target: target::ORCHESTRATION_DISPATCHER,
                    instance = %head.instance,
                    "the store refused a turn, which fails its execution: {error}"
                );
                self.env.metrics.record_orchestration_infrastructure_error();
                let details = error.to_infrastructure_error();
                let failure = closing::failure(head, details, collisions, clock::now_ms());
                self.close(token, &head.instance, failure, REFUSED_DELAY).await;
            }
        }
        follow::over(&self.env, warm).await;
    }

    /// Commits what needs no code; whether that succeeded. A refused one is given back for `delay`.
    pub(super) async fn close(&self, token: &Arc<str>, instance: &str, closing: Closing, delay: Duration) -> bool {
        let Closing { mut commit, notices, if_refused } = closing;
        let execution_id = commit.execution_id;
        let mut ends_active = report::ends_active(&commit);
        commit.orchestrator_items.extend(self.messages(&notices).await);
        let mut acked = self.ack(token, commit).await;
        if matches!(acked, Acked::Refused(_)) && if_refused == IfRefused::DropBatch {
            let empty = Commit { execution_id, ..Commit::default() };
            ends_active = false;
            acked = self.ack(token, empty).await;
        }
        match acked {
            Acked::Done(_) => {
                outgoing::tell(&self.env, instance);
                if ends_active {
                    self.env.metrics.decrement_active_orchestrations();
                }
                return true;
            }
            Acked::Lost => self.lost(instance),
            Acked::Busy(error) => self.busy(token, instance, &error).await,
            Acked::Refused(error) => {
                tracing::error!(
                    target: target::ORCHESTRATION_DISPATCHER,
                    instance,
                    "the store refused to end an execution: {error}"
                );
                self.abandon(token, delay, Redelivery::Counts).await;
            }
        }
        false
    }

    /// The quick way where the store has one.
    async fn commit_turn(&self, token: &Arc<str>, base: express::Head, commit: Commit, handover: Handover) -> Acked {
        let Some(express) = self.env.store.as_express_capability() else {
            return self.ack(token, commit).await;
        };
        let attempt = || with_retries(|| express.commit_turn(token, base, commit.clone(), handover.clone()));
        match self.acked(token, attempt().await.map(Some)).await {
            // Refused, and yet the lease is alive: a renewal that was under way may have won back one that was over at that
            // moment. If it is something else, it is refused again.
            Acked::Refused(_) => self.acked(token, attempt().await.map(Some)).await,
            acked => acked,
        }
    }

    /// The one place where a commit is unpacked into what stores take.
    async fn ack(&self, token: &Arc<str>, commit: Commit) -> Acked {
        let acked = with_retries(|| {
            let Commit { execution_id, delta, worker_items, orchestrator_items, metadata, cancelled_activities } =
                commit.clone();
            self.env.store.ack_orchestration_item(
                token,
                execution_id,
                delta,
                worker_items,
                orchestrator_items,
                metadata,
                cancelled_activities,
            )
        })
        .await;
        self.acked(token, acked.map(|()| None)).await
    }

    async fn acked(&self, token: &Arc<str>, acked: Result<Option<Committed>, ProviderError>) -> Acked {
        match acked {
            Ok(committed) => Acked::Done(committed),
            Err(error) if error.is_retryable() && is_planted(Bug::BusyEndsTheTurn) => Acked::Refused(error),
            Err(error) if error.is_retryable() => Acked::Busy(error),
            Err(error) => self.why_refused(token, error).await,
        }
    }

    /// Stores say only that a commit is refused for good. Whether the lease is lost shows when it is renewed.
    async fn why_refused(&self, token: &str, error: ProviderError) -> Acked {
        let timeout = self.env.settings.turn_lease.timeout;
        match self.env.store.renew_orchestration_item_lock(token, timeout).await {
            Ok(()) => Acked::Refused(error),
            Err(trouble) if trouble.is_retryable() => Acked::Busy(trouble),
            Err(_) => Acked::Lost,
        }
    }

    fn lost(&self, instance: &str) {
        tracing::warn!(
            target: target::ORCHESTRATION_DISPATCHER,
            instance,
            "the lease was lost before the turn was committed; whoever holds it repeats the turn, \
             unless the message that led to it was given up by whoever sent it"
        );
    }

    /// Trouble of the store never ends an orchestration: the turn is given back and does not count.
    async fn busy(&self, token: &str, instance: &str, error: &ProviderError) {
        tracing::warn!(
            target: target::ORCHESTRATION_DISPATCHER,
            instance,
            "a turn could not be committed and is tried again: {error}"
        );
        self.abandon(token, BUSY_DELAY, Redelivery::Free).await;
    }

    pub(super) async fn abandon(&self, token: &str, delay: Duration, redelivery: Redelivery) {
        let ignore_attempt = redelivery == Redelivery::Free;
        let abandoned = self.env.store.abandon_orchestration_item(token, Some(delay), ignore_attempt).await;
        if let Err(error) = abandoned {
            // The lease ends by itself.
            tracing::warn!(
                target: target::ORCHESTRATION_DISPATCHER,
                "an item could not be given back before its lease ends: {error}"
            );
        }
    }

    pub(super) async fn messages(&self, notices: &[Notice]) -> Vec<WorkItem> {
        let mut messages = Vec::with_capacity(notices.len());
        for Notice { parent, details } in notices {
            messages.push(WorkItem::SubOrchFailed {
                parent_instance: parent.instance.clone(),
                parent_execution_id: execution_of_parent(&self.env, Some(parent)).await,
                parent_id: parent.id,
                details: details.clone(),
            });
        }
        messages
    }
}
