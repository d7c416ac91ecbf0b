//! Orchestration turns: triage, run, commit.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::keeper::{Kept, Lease};
use super::processor::{Processor, Weigh};
use super::report::{self, Report};
use super::triage::triage;
use super::verdict::{Closing, Head, IfRefused, Notice, Reluctance, Rules, Turn, Verdict};
use super::{Env, Redelivery, builtin, closing, weight, with_retries};
use crate::clock;
use crate::model::commit::Commit;
use crate::model::filter::DispatcherCapabilityFilter;
use crate::model::ids::INITIAL_EXECUTION_ID;
use crate::model::item::OrchestrationItem;
use crate::model::work_item::WorkItem;
use crate::mutants::{Bug, is_planted};
use crate::observe::target;
use crate::providers::ProviderError;
use crate::providers::signal::{Reach, WorkQueue};
use crate::replay::{Execution, Opening, Parent, SystemCall, TurnInput};

/// Wait before a turn is tried again that the store would not commit for a passing reason.
const BUSY_DELAY: Duration = Duration::from_secs(1);

/// Wait before a turn is tried again that the store would not even commit as failed.
const REFUSED_DELAY: Duration = Duration::from_millis(50);

/// Rounds of system calls answered within one turn; what exceeds them goes through the worker queue, so that code
/// that asks without end gives its slot back.
const SYSTEM_CALL_ROUNDS: usize = 1_000;

/// Does the work of the orchestrator queue.
pub(crate) struct Orchestrations {
    env: Arc<Env>,
    filter: DispatcherCapabilityFilter,
}

/// One instance under its lease.
pub(crate) struct Fetched {
    item: OrchestrationItem,
    token: Arc<str>,
    attempt: u32,
}

/// One turn that is to be committed, its lease still kept.
pub(crate) struct Done {
    began: Instant,
    token: Arc<str>,
    _kept: Kept,
    head: Head,
    commit: Commit,
    collisions: Vec<Notice>,
    report: Report,
}

impl Weigh for Done {
    fn weight(&self) -> usize {
        self.commit.delta.iter().map(|event| weight::of_event(&event.kind)).sum()
    }
}

/// What became of a commit.
enum Acked {
    Done,
    /// Somebody else holds the lease, or it was committed before: nothing is left to do.
    Lost,
    /// The store has trouble.
    Busy(ProviderError),
    /// The store will never take it, though the lease is ours.
    Refused(ProviderError),
}

impl Processor for Orchestrations {
    type Work = Fetched;
    type Done = Done;
    const QUEUE: WorkQueue = WorkQueue::Orchestrator;

    async fn fetch(&self, _worker_id: &Arc<str>) -> Result<Option<Fetched>, ProviderError> {
        let settings = &self.env.settings;
        let fetched = self
            .env
            .store
            .fetch_orchestration_item(settings.turn_lease.timeout, settings.long_poll, Some(&self.filter))
            .await?;
        Ok(fetched.map(|(item, token, attempt)| Fetched { item, token: token.into(), attempt }))
    }

    async fn process(&self, _worker_id: &Arc<str>, work: Fetched) -> Option<Done> {
        self.env.metrics.record_orch_dispatcher_items_fetched(1);
        let began = Instant::now();
        let kept = self.env.keeper.hold(Lease {
            queue: WorkQueue::Orchestrator,
            token: Arc::clone(&work.token),
            terms: self.env.settings.turn_lease,
        });
        let done = self.turn(work, kept, began).await;
        if done.is_none() {
            self.record_duration(began);
        }
        done
    }

    async fn commit(&self, done: Done) {
        let began = done.began;
        self.finish(done).await;
        self.record_duration(began);
    }
}

impl Orchestrations {
    pub(crate) fn new(env: Arc<Env>) -> Self {
        let filter = env.settings.capability_filter();
        Orchestrations { env, filter }
    }

    /// One turn, up to its commit; one that needs no code is committed here.
    async fn turn(&self, work: Fetched, kept: Kept, began: Instant) -> Option<Done> {
        let Fetched { item, token, attempt } = work;
        #[cfg(feature = "test-hooks")]
        if let Some(delay) = super::test_hooks::get_orch_processing_delay(&item.instance) {
            tokio::time::sleep(delay).await;
        }
        let instance = item.instance.clone();
        let execution_id = item.execution_id;
        match triage(item, attempt, &self.rules()) {
            Verdict::Abandon { delay, why } => {
                self.tell(&instance, attempt, delay, &why);
                self.abandon(&token, delay, Redelivery::Counts).await;
            }
            Verdict::Poison(closing) => {
                let again = self.env.settings.unregistered.delay(attempt);
                tracing::error!(
                    target: target::ORCHESTRATION_DISPATCHER,
                    instance,
                    attempt,
                    "poison: the turn was tried too often and its execution ends as failed"
                );
                if self.close(&token, &instance, closing, again).await {
                    self.env.metrics.record_orchestration_poison();
                }
            }
            Verdict::Terminal(closing) => {
                tracing::warn!(
                    target: target::ORCHESTRATION_DISPATCHER,
                    instance,
                    "messages came to an instance that has ended, and are dropped"
                );
                self.close(&token, &instance, closing, REFUSED_DELAY).await;
            }
            Verdict::Drop => {
                tracing::warn!(
                    target: target::ORCHESTRATION_DISPATCHER,
                    instance,
                    "empty effective batch: messages came to an instance that does not exist, and are dropped"
                );
                let mut closing = Closing::default();
                closing.commit.execution_id = execution_id;
                self.close(&token, &instance, closing, REFUSED_DELAY).await;
            }
            Verdict::Run(turn) => return Some(self.run(token, kept, *turn, began).await),
        }
        None
    }

    fn record_duration(&self, began: Instant) {
        let took_ms = clock::as_ms(began.elapsed());
        self.env.metrics.record_orch_dispatcher_processing_duration(took_ms);
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            registry: &self.env.orchestrations,
            replayable: &self.env.settings.replayable,
            unregistered: &self.env.settings.unregistered,
            max_attempts: self.env.settings.max_attempts,
            now_ms: clock::now_ms(),
        }
    }

    async fn run(&self, token: Arc<str>, kept: Kept, turn: Turn, began: Instant) -> Done {
        let report = Report::of_turn(&turn);
        let Turn { head, handler, input, history, messages, kv_snapshot, collisions, is_continue_as_new: _ } = turn;
        let opening = Opening {
            instance: head.instance.clone(),
            execution_id: head.execution_id,
            name: head.name.clone(),
            version: head.version.clone(),
            input,
            history,
            kv_snapshot,
            now_ms: clock::now_ms(),
        };
        let mut execution = Execution::open(handler, opening).within(self.env.settings.limits);
        execution.advance(TurnInput { start: head.start.clone(), messages, now_ms: clock::now_ms() });
        self.answer_system_calls(&mut execution, &head, &kept).await;
        let parent_execution = self.execution_of_parent(execution.parent()).await;
        let mut commit = execution.conclude(Some(parent_execution));
        let report = report.concluded(&commit, execution.outcome());
        drop(execution);
        commit.orchestrator_items.extend(self.messages(&collisions).await);
        Done { began, token, _kept: kept, head, commit, collisions, report }
    }

    /// Answers what the code asked of the runtime itself, within the turn.
    async fn answer_system_calls(&self, execution: &mut Execution, head: &Head, kept: &Kept) {
        for _ in 0..SYSTEM_CALL_ROUNDS {
            let mut answers = Vec::new();
            for call in execution.system_calls() {
                answers.extend(self.answer(call, head).await);
            }
            if answers.is_empty() || kept.lost().is_cancelled() {
                return;
            }
            execution.advance(TurnInput { start: None, messages: answers, now_ms: clock::now_ms() });
        }
    }

    async fn answer(&self, call: SystemCall, head: &Head) -> Option<WorkItem> {
        let answer = builtin::answer(&*self.env.store, &call.call).await?;
        Some(super::activity::completion(&head.instance, head.execution_id, call.id, answer))
    }

    /// Commits a turn and does what follows from success or failure.
    async fn finish(&self, done: Done) {
        let Done { token, head, commit, collisions, report, _kept, .. } = done;
        let (token, head) = (&token, &head);
        let asks_for_activities = !commit.worker_items.is_empty();
        if asks_for_activities {
            // Before the commit: an idle worker may take one the moment it is there.
            self.env.names.note(&head.instance, head.execution_id, &head.name, &head.version);
        }
        let gone = commit.cancelled_activities.clone();
        let is_news = report::is_news(&commit);
        match self.ack(token, commit).await {
            Acked::Done => {
                if is_news {
                    self.committed(&head.instance);
                }
                self.env.running.cancel(gone);
                report.record(&self.env.metrics);
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
    }

    /// Commits what needs no code; whether that succeeded. A refused one is given back for `delay`.
    async fn close(&self, token: &Arc<str>, instance: &str, closing: Closing, delay: Duration) -> bool {
        let Closing { mut commit, notices, if_refused } = closing;
        let execution_id = commit.execution_id;
        let ends_active = report::ends_active(&commit);
        commit.orchestrator_items.extend(self.messages(&notices).await);
        let mut acked = self.ack(token, commit).await;
        if matches!(acked, Acked::Refused(_)) && if_refused == IfRefused::DropBatch {
            let empty = Commit { execution_id, ..Commit::default() };
            acked = self.ack(token, empty).await;
        }
        match acked {
            Acked::Done => {
                self.committed(instance);
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
        match acked {
            Ok(()) => Acked::Done,
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

    /// Tells the clients of this process that wait for the instance, where the store does not do so itself.
    fn committed(&self, instance: &str) {
        if let Some(signal) = self.env.signal.as_ref().filter(|signal| signal.reach() == Reach::Own) {
            signal.changed(instance);
        }
    }

    fn lost(&self, instance: &str) {
        tracing::warn!(
            target: target::ORCHESTRATION_DISPATCHER,
            instance,
            "the lease was lost before the turn was committed; whoever holds it repeats the turn"
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

    async fn abandon(&self, token: &str, delay: Duration, redelivery: Redelivery) {
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

    async fn messages(&self, notices: &[Notice]) -> Vec<WorkItem> {
        let mut messages = Vec::with_capacity(notices.len());
        for Notice { parent, details } in notices {
            messages.push(WorkItem::SubOrchFailed {
                parent_instance: parent.instance.clone(),
                parent_execution_id: self.execution_of_parent(Some(parent)).await,
                parent_id: parent.id,
                details: details.clone(),
            });
        }
        messages
    }

    /// The execution in which the parent waits: as stamped, or its latest if the child was started by an older
    /// runtime, which did not stamp it.
    async fn execution_of_parent(&self, parent: Option<&Parent>) -> u64 {
        let Some(parent) = parent else {
            return INITIAL_EXECUTION_ID;
        };
        if let Some(stamped) = parent.execution_id {
            return stamped;
        }
        let history = self.env.store.read(&parent.instance).await.unwrap_or_default();
        let latest = history.iter().map(|event| event.execution_id).max();
        latest.unwrap_or(INITIAL_EXECUTION_ID)
    }

    fn tell(&self, instance: &str, attempt: u32, delay: Duration, why: &Reluctance) {
        let settings = &self.env.settings;
        match why {
            Reluctance::Incompatible { pinned } => tracing::warn!(
                target: target::RUNTIME,
                instance,
                pinned_version = %pinned,
                supported_range = %super::settings::shown(&settings.replayable),
                attempt_count = attempt,
                "incompatible version: the execution is left to runtimes that can replay it"
            ),
            Reluctance::Unreadable { error } => tracing::warn!(
                target: target::ORCHESTRATION_DISPATCHER,
                instance,
                attempt_count = attempt,
                "history could not be read, abandoning with {delay:?} delay: {error}"
            ),
            Reluctance::BetweenExecutions => tracing::warn!(
                target: target::ORCHESTRATION_DISPATCHER,
                instance,
                attempt_count = attempt,
                "messages came before the start of the next execution, abandoning with {delay:?} delay"
            ),
            Reluctance::Unregistered { name, version } => tracing::warn!(
                target: target::ORCHESTRATION_DISPATCHER,
                instance,
                orchestration = %name,
                version = version.as_deref().unwrap_or("latest"),
                attempt_count = attempt,
                "Orchestration not registered, abandoning with {delay:?} delay"
            ),
        }
    }
}
