//! Orchestration turns: triage, run, commit.

mod commit;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument;

use crate::clock;
use crate::context::handler::OrchestrationHandler;
use crate::dispatch::keeper::{Kept, Lease};
use crate::dispatch::processor::{Processor, Weigh};
use crate::dispatch::report::Report;
use crate::dispatch::supply::{Look, Supply};
use crate::dispatch::traced::{self, Life, Traced};
use crate::dispatch::triage::triage;
use crate::dispatch::verdict::{Closing, Head, Notice, Reluctance, Rules, Turn, Verdict};
use crate::dispatch::warm::{self, Figures, Suspended};
use crate::dispatch::{Env, Redelivery, builtin, follow, weight};
use crate::lease::is_poisoned;
use crate::model::commit::Commit;
use crate::model::filter::DispatcherCapabilityFilter;
use crate::model::ids::INITIAL_EXECUTION_ID;
use crate::model::item::OrchestrationItem;
use crate::model::limits::Limits;
use crate::model::work_item::WorkItem;
use crate::mutants::{Bug, is_planted};
use crate::observe::target;
use crate::providers::ProviderError;
use crate::providers::express::{self, TurnRequest};
use crate::providers::signal::WorkQueue;
use crate::replay::batch::read_batch;
use crate::replay::{Execution, Opening, Outcome, Parent, SystemCall, TurnInput};

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
    extent: Extent,
}

/// How much of its history came with an instance.
#[derive(Debug, Clone, Copy)]
enum Extent {
    /// All, from a store that says no more.
    Whole,
    /// All, and it ends here.
    WholeTo(express::Head),
    /// Nothing, since it ends where the execution that rests here does.
    Known(express::Head),
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
    warm: warm::Turn,
    /// Where history ended before, and what it came to.
    base: express::Head,
    figures: Figures,
    /// The execution, if its code waits, and whether its next completions may be committed with their turn.
    waiting: Option<(Box<Execution>, bool)>,
    traced: Traced,
}

/// What a turn needs.
struct Prepared {
    head: Head,
    messages: Vec<WorkItem>,
    collisions: Vec<Notice>,
    is_continue_as_new: bool,
    base: express::Head,
    figures: Figures,
    stage: Stage,
}

/// Where the code of a turn comes from.
enum Stage {
    Resting(Box<Execution>),
    Opened { handler: Arc<dyn OrchestrationHandler>, opening: Opening },
}

impl Stage {
    /// Whether it goes on where this process has seen it before.
    fn life(&self) -> Life {
        match self {
            Stage::Resting(_) => Life::Same,
            Stage::Opened { .. } => Life::Unsure,
        }
    }

    /// The execution, led through its history if it did not rest.
    fn execution(self, limits: Limits) -> Box<Execution> {
        match self {
            Stage::Resting(execution) => execution,
            Stage::Opened { handler, opening } => Box::new(Execution::open(handler, opening).within(limits)),
        }
    }
}

impl Weigh for Box<Done> {
    fn weight(&self) -> usize {
        self.commit.delta.iter().map(|event| weight::of_event(&event.kind)).sum()
    }
}

impl Processor for Orchestrations {
    type Work = Fetched;
    type Done = Box<Done>;
    const QUEUE: WorkQueue = WorkQueue::Orchestrator;

    async fn fetch(&self, _worker_id: &Arc<str>) -> Result<Option<Fetched>, ProviderError> {
        if let Some(express) = self.env.store.as_express_capability() {
            return self
                .env
                .turns
                .take(Look::Shared, async |max| {
                    let fetched = express.fetch_turns(self.request(max)).await?;
                    Ok(fetched.into_iter().map(Fetched::from).collect())
                })
                .await;
        }
        let settings = &self.env.settings;
        let lock_timeout = settings.turn_lease.timeout;
        let fetched =
            self.env.store.fetch_orchestration_item(lock_timeout, settings.long_poll, Some(&self.filter)).await?;
        let whole = |(item, token, attempt): (_, String, _)| {
            let token = token.into();
            Fetched { item, token, attempt, extent: Extent::Whole }
        };
        Ok(fetched.map(whole))
    }

    async fn stand(&self) -> Option<Fetched> {
        let Some(express) = self.env.store.as_express_capability() else {
            return std::future::pending().await;
        };
        let wait = async |max| {
            let fetched = express.await_turns(self.request(max)).await?;
            Ok(fetched.into_iter().map(Fetched::from).collect())
        };
        self.env.turns.stand(wait).await
    }

    fn supply(&self) -> &Arc<Supply<Fetched>> {
        &self.env.turns
    }

    async fn give_back(&self, work: Fetched) {
        self.abandon(&work.token, Duration::ZERO, Redelivery::Free).await;
    }

    async fn process(&self, _worker_id: &Arc<str>, work: Fetched) -> Option<Box<Done>> {
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

    async fn commit(&self, done: Box<Done>) {
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

    fn request(&self, max: usize) -> TurnRequest {
        TurnRequest {
            max,
            lock_timeout: self.env.settings.turn_lease.timeout,
            filter: Some(self.filter.clone()),
            known: Arc::clone(&self.env.warm) as _,
        }
    }

    /// One turn, up to its commit; one that needs no code is committed here.
    async fn turn(&self, work: Fetched, kept: Kept, began: Instant) -> Option<Box<Done>> {
        let token = Arc::clone(&work.token);
        #[cfg(feature = "test-hooks")]
        if let Some(delay) = crate::dispatch::test_hooks::get_orch_processing_delay(&work.item.instance) {
            tokio::time::sleep(delay).await;
        }
        let (warm, rested) = self.env.warm.begin(&work.item.instance).await;
        let rested = rested.filter(|rested| work.continues(rested));
        let prepared = match (work.extent, rested) {
            (Extent::Known(head), Some(rested)) if self.is_plain(&work) => {
                Some(prepared_known(work.item, head, rested))
            }
            (Extent::Known(_), _) => {
                // It was evicted in between, or there is more to decide than a turn: again, with its history.
                self.abandon(&token, Duration::ZERO, Redelivery::Free).await;
                None
            }
            (Extent::Whole | Extent::WholeTo(_), rested) => self.decide(work, rested).await,
        };
        match prepared {
            Some(prepared) => Some(Box::new(self.run(token, kept, prepared, warm, began).await)),
            None => {
                follow::over(&self.env, warm).await;
                None
            }
        }
    }

    /// Whether a batch holds nothing but messages for an execution that runs, and was not tried too often.
    fn is_plain(&self, work: &Fetched) -> bool {
        let is_start = |message: &WorkItem| {
            matches!(message, WorkItem::StartOrchestration { .. } | WorkItem::ContinueAsNew { .. })
        };
        !is_poisoned(work.attempt, self.env.settings.max_attempts) && !work.item.messages.iter().any(is_start)
    }

    /// What becomes of an item with its whole history. What needs no code is committed here.
    async fn decide(&self, work: Fetched, rested: Option<Suspended>) -> Option<Prepared> {
        let base = work.end_of_history();
        let Fetched { item, token, attempt, .. } = work;
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
            Verdict::Run(turn) => return Some(prepared_whole(*turn, base, rested)),
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

    async fn run(&self, token: Arc<str>, kept: Kept, prepared: Prepared, warm: warm::Turn, began: Instant) -> Done {
        let Prepared { head, messages, collisions, is_continue_as_new, base, figures, stage } = prepared;
        let report = Report::of_turn(&head, &figures, is_continue_as_new);
        let takes_completions = messages.iter().all(leaves_completions_alone);
        let traced = traced::turn(&self.env, &head, stage.life()).await;
        let _code = self.env.code.acquire().await.expect("nobody closes the semaphore");
        let mut execution = traced.span.in_scope(|| {
            let mut execution = stage.execution(self.env.settings.limits);
            execution.advance(TurnInput { start: head.start.clone(), messages, now_ms: clock::now_ms() });
            execution
        });
        let concluding = conclude(&self.env, &mut execution, &head, Some(&kept));
        let mut commit = concluding.instrument(traced.span.clone()).await;
        let report = report.concluded(&commit, &mut execution);
        let waits = *execution.outcome() == Outcome::Continue;
        // Who looks after executions of older versions is told of each turn of them, so each is a replay.
        let waiting = (waits && !execution.is_foreign()).then_some((execution, takes_completions));
        commit.orchestrator_items.extend(self.messages(&collisions).await);
        Done { began, token, _kept: kept, head, commit, collisions, report, warm, base, figures, waiting, traced }
    }

    fn tell(&self, instance: &str, attempt: u32, delay: Duration, why: &Reluctance) {
        let settings = &self.env.settings;
        match why {
            Reluctance::Incompatible { pinned } => tracing::warn!(
                target: target::RUNTIME,
                instance,
                pinned_version = %pinned,
                supported_range = %crate::dispatch::settings::shown(&settings.replayable),
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

impl From<express::FetchedTurn> for Fetched {
    fn from(fetched: express::FetchedTurn) -> Self {
        let express::FetchedTurn { item, token, attempt, known, head } = fetched;
        let extent = if known { Extent::Known(head) } else { Extent::WholeTo(head) };
        Fetched { item, token: token.into(), attempt, extent }
    }
}

impl Fetched {
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Where history ends.
    fn end_of_history(&self) -> express::Head {
        match self.extent {
            Extent::Known(head) | Extent::WholeTo(head) => head,
            Extent::Whole => warm::head_of(express::Head::of_new(self.item.execution_id, 0), &self.item.history),
        }
    }

    /// Whether history ends where a resting execution does.
    fn continues(&self, rested: &Suspended) -> bool {
        let end = self.end_of_history();
        express::Head { seen: end.seen, ..rested.head } == end || is_planted(Bug::RestsUnconfirmed)
    }
}

/// A turn of an execution that rested, whose history did not even come along.
fn prepared_known(item: OrchestrationItem, base: express::Head, rested: Suspended) -> Prepared {
    let batch = read_batch(item.messages, false, &item.instance);
    let Suspended { execution, figures, .. } = rested;
    Prepared {
        head: Head::of_running(&execution, base.last_event_id),
        messages: batch.messages,
        collisions: Vec::new(),
        is_continue_as_new: false,
        base,
        figures,
        stage: Stage::Resting(execution),
    }
}

/// A turn of an execution whose history came along; it is replayed unless the execution rested.
fn prepared_whole(turn: Turn, base: express::Head, rested: Option<Suspended>) -> Prepared {
    let Turn { head, handler, input, history, messages, kv_snapshot, collisions, is_continue_as_new } = turn;
    let figures = Figures::of_history(&history);
    let base = if history.is_empty() { express::Head::of_new(head.execution_id, base.seen) } else { base };
    let stage = match rested {
        Some(rested) if !history.is_empty() => Stage::Resting(rested.execution),
        _ => Stage::Opened {
            handler,
            opening: Opening {
                instance: head.instance.clone(),
                execution_id: head.execution_id,
                name: head.name.clone(),
                version: head.version.clone(),
                input,
                history,
                kv_snapshot,
                now_ms: clock::now_ms(),
            },
        },
    };
    Prepared { head, messages, collisions, is_continue_as_new, base, figures, stage }
}

/// Whether a message leaves room for completions that are committed with their turn: what comes from outside, and may
/// come often, does not.
fn leaves_completions_alone(message: &WorkItem) -> bool {
    match message {
        WorkItem::StartOrchestration { .. }
        | WorkItem::ContinueAsNew { .. }
        | WorkItem::ActivityCompleted { .. }
        | WorkItem::ActivityFailed { .. }
        | WorkItem::TimerFired { .. }
        | WorkItem::ActivityExecute { .. } => true,
        WorkItem::ExternalRaised { .. }
        | WorkItem::SubOrchCompleted { .. }
        | WorkItem::SubOrchFailed { .. }
        | WorkItem::CancelInstance { .. }
        | WorkItem::QueueMessage { .. } => false,
    }
}

/// Answers what the code asked of the runtime itself, and ends the turn. `kept` is its lease, if it has one.
pub(super) async fn conclude(env: &Env, execution: &mut Execution, head: &Head, kept: Option<&Kept>) -> Commit {
    answer_system_calls(env, execution, head, kept).await;
    let parent_execution = execution_of_parent(env, execution.parent()).await;
    execution.conclude(Some(parent_execution))
}

async fn answer_system_calls(env: &Env, execution: &mut Execution, head: &Head, kept: Option<&Kept>) {
    for _ in 0..SYSTEM_CALL_ROUNDS {
        let mut answers = Vec::new();
        for call in execution.system_calls() {
            answers.extend(answer(env, call, head).await);
        }
        if answers.is_empty() || kept.is_some_and(|kept| kept.lost().is_cancelled()) {
            return;
        }
        execution.advance(TurnInput { start: None, messages: answers, now_ms: clock::now_ms() });
    }
}

async fn answer(env: &Env, call: SystemCall, head: &Head) -> Option<WorkItem> {
    let answer = builtin::answer(&*env.store, &call.call).await?;
    Some(crate::dispatch::activity::completion(&head.instance, head.execution_id, call.id, answer))
}

/// The execution in which the parent waits: as stamped, or its latest if the child was started by an older runtime,
/// which did not stamp it.
async fn execution_of_parent(env: &Env, parent: Option<&Parent>) -> u64 {
    let Some(parent) = parent else {
        return INITIAL_EXECUTION_ID;
    };
    if let Some(stamped) = parent.execution_id {
        return stamped;
    }
    let history = env.store.read(&parent.instance).await.unwrap_or_default();
    let latest = history.iter().map(|event| event.execution_id).max();
    latest.unwrap_or(INITIAL_EXECUTION_ID)
}
