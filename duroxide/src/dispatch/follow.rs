//! The turns that follow from activities of this process, each committed together with what led to it.
//!
//! An activity that ends is stored in the same transaction as the turn to which its completion leads, if its
//! orchestration rests in memory: no message is written, fetched and deleted in between, and nothing is leased. The
//! store commits it only if nobody else could have gone first. Where that fails, or anything else is in the way, the
//! completion goes through the queue as the contract has it.

use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::Instrument;

use super::activity::{self, Done};
use super::orchestration;
use super::outgoing::Outgoing;
use super::processor::Weigh;
use super::report::Report;
use super::traced::{self, Life};
use super::verdict::Head;
use super::warm::{Left, Next, Suspended, Turn};
use super::{Env, LIGHT_COMMIT_BYTES};
use crate::clock;
use crate::mutants::{Bug, is_planted};
use crate::replay::{Outcome, TurnInput};

/// How often other tasks go first before a turn begins: after one round, an activity that was handed over with the one that
/// ended has often only just begun.
const LEAVE_TO_OTHERS: usize = 4;

/// Stores the result of an activity, and the turn to which it leads if that can be had at once.
pub(super) async fn ended(env: &Arc<Env>, done: Done) {
    if env.store.as_express_capability().is_none() || is_delayed(&done) {
        return activity::complete(env, done).await;
    }
    let is_heavy = done.weight() > LIGHT_COMMIT_BYTES;
    match env.warm.leave(done) {
        Left::WithTurn => {}
        Left::Alone(done) => activity::complete(env, done).await,
        Left::Leads(turn, suspended, done) if is_heavy => {
            // Until then its result is in memory once; in a turn it is there several times.
            let _one_of_few = env.heavy.acquire().await.expect("nobody closes the semaphore");
            lead(env, turn, suspended, vec![done]).await;
        }
        Left::Leads(turn, suspended, done) => {
            // What ends at the same time comes along.
            for _ in 0..LEAVE_TO_OTHERS {
                tokio::task::yield_now().await;
            }
            lead(env, turn, suspended, vec![done]).await;
        }
    }
}

/// Whether a test delays the turns of this orchestration: that is done where they have a lease.
#[cfg(feature = "test-hooks")]
fn is_delayed(done: &Done) -> bool {
    super::test_hooks::get_orch_processing_delay(done.of().0).is_some()
}

#[cfg(not(feature = "test-hooks"))]
fn is_delayed(_: &Done) -> bool {
    false
}

/// A turn was committed and its code waits: the execution rests, or goes on with activities that ended meanwhile.
pub(super) async fn go_on(env: &Arc<Env>, mut turn: Turn, suspended: Suspended) {
    match turn.rest(suspended) {
        Next::Rested(left) | Next::Evicted(left) => alone(env, left).await,
        Next::Goes(suspended, left) => lead(env, turn, suspended, left).await,
    }
}

/// A turn is over and nothing of it stays.
pub(super) async fn over(env: &Arc<Env>, mut turn: Turn) {
    alone(env, turn.end()).await;
}

async fn lead(env: &Arc<Env>, mut turn: Turn, mut suspended: Suspended, mut ended: Vec<Done>) {
    loop {
        ended.extend(turn.take_left());
        let Some(next) = run(env, suspended, ended).await else {
            return over(env, turn).await;
        };
        match turn.rest(next) {
            Next::Rested(left) | Next::Evicted(left) => return alone(env, left).await,
            Next::Goes(next, left) => (suspended, ended) = (next, left),
        }
    }
}

async fn alone(env: &Arc<Env>, ended: Vec<Done>) {
    // All at once: a store that can puts them into one commit.
    let mut completing = JoinSet::new();
    for done in ended.into_iter().filter(|_| !is_planted(Bug::LeftAreForgotten)) {
        let own = Arc::clone(env);
        completing.spawn(env.tasks.track_future(async move { activity::complete(&own, done).await }));
    }
    while completing.join_next().await.is_some() {}
}

/// One turn. Returns the execution if it was committed and its code waits.
async fn run(env: &Arc<Env>, suspended: Suspended, ended: Vec<Done>) -> Option<Suspended> {
    let Suspended { mut execution, head: base, figures, takes_completions } = suspended;
    let head = Head::of_running(&execution, base.last_event_id);
    let report = Report::of_turn(&head, &figures, false);
    let traced = traced::turn(env, &head, Life::Same).await;
    let commit = {
        let _code = env.code.acquire().await.expect("nobody closes the semaphore");
        let messages = ended.iter().map(Done::message).collect();
        let input = TurnInput { start: None, messages, now_ms: clock::now_ms() };
        traced.span.in_scope(|| execution.advance(input));
        orchestration::conclude(env, &mut execution, &head, None).instrument(traced.span.clone()).await
    };
    let report = report.concluded(&commit, &mut execution);
    let waits = *execution.outcome() == Outcome::Continue;
    let outgoing = Outgoing::new(env, &head, &commit, report);
    let tokens: Vec<String> = ended.iter().map(|done| done.token().to_string()).collect();
    let express = env.store.as_express_capability()?;
    traced::hand_down(env, &traced, &commit).await;
    let committed = express.complete_with_turn(&tokens, &head.instance, base, commit, outgoing.handover(env)).await;
    traced.span.record("committed", matches!(committed, Ok(Some(_))));
    let Ok(Some(committed)) = committed else {
        // Whoever comes first now replays. Why it failed shows when the completions are stored by themselves.
        drop(execution);
        alone(env, ended).await;
        return None;
    };
    let delta = outgoing.committed(env, committed.leased);
    ended.iter().for_each(|done| activity::completed(env, done));
    waits.then(|| Suspended { execution, head: committed.head, figures: figures.and(delta), takes_completions })
}
