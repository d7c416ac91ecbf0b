//! Fetch, lease, process, commit or abandon: one loop for both kinds of work.

pub(crate) mod activity;
pub(crate) mod builtin;
mod closing;
mod contain;
mod follow;
pub(crate) mod keeper;
mod names;
pub(crate) mod orchestration;
mod outgoing;
mod processor;
mod remembered;
mod report;
pub(crate) mod session;
pub(crate) mod settings;
mod supply;
#[cfg(feature = "test-hooks")]
pub mod test_hooks;
mod traced;
pub(crate) mod triage;
pub(crate) mod verdict;
mod warm;
mod weight;
mod within;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::activity::ActivityRegistry;
use crate::observe::{MetricsProvider, target};
use crate::providers::running::Running;
use crate::providers::signal::{Reach, Ticket, WorkQueue, WorkSignal};
use crate::providers::{Provider, ProviderError};
use crate::registry::OrchestrationRegistry;

use keeper::Keeper;
use names::Names;
use processor::{Processor, Weigh};
use session::Sessions;
use settings::Settings;
use supply::Supply;
use warm::Warm;
pub use warm::Warmth;

/// Wait after a fetch that failed and will again, and after a panic.
const PERMANENT_ERROR_PAUSE: Duration = Duration::from_millis(100);

/// First and longest wait after fetches that failed for a passing reason.
const RETRYABLE_ERROR_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// Retries of a commit that failed for a passing reason, with 10, 20, 40, 80 and 160 ms before them: together they
/// stay well below any lease.
const ACK_RETRIES: u32 = 5;
const ACK_RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Commits of one slot that may wait for the store at once, beside the one that is being prepared: as many as a store
/// usefully puts into one flush.
const COMMITS_IN_FLIGHT: usize = 32;

/// How long the end of a runtime waits for the store to take back what was leased ahead: well within what is left for
/// aborted tasks.
const GIVE_BACK_MAX: Duration = Duration::from_secs(1);

/// How much longer the next rest is, when a look was right to find nothing.
const LESS_OFTEN: u32 = 4;

/// Longest rest between two looks at a store that tells of all that happens to it: what it cannot tell is that a clock was
/// set, or that the session of a worker that is gone has ended.
const POLL_MAX: Duration = Duration::from_secs(1);

/// A heavier commit is waited for, so that memory stays bounded by slots and not by commits: 64 KiB.
const LIGHT_COMMIT_BYTES: usize = 65_536;

/// Heavier results that lead to turns at once: one is prepared while another is written.
const HEAVY_TURNS: usize = 2;

/// What all slots of a runtime share. When the last slot drops it, nothing of the runtime uses the store any more.
pub(crate) struct Env {
    pub(crate) store: Arc<dyn Provider>,
    pub(crate) metrics: Arc<MetricsProvider>,
    pub(crate) settings: Settings,
    pub(crate) orchestrations: OrchestrationRegistry,
    pub(crate) activities: ActivityRegistry,
    pub(crate) tasks: TaskTracker,
    keeper: Keeper,
    signal: Option<Arc<WorkSignal>>,
    names: Names,
    contexts: traced::Contexts,
    running: Arc<Running>,
    sessions: Sessions,
    warm: Arc<Warm>,
    turns: Arc<Supply<orchestration::Fetched>>,
    jobs: Arc<Supply<activity::Fetched>>,
    /// How many orchestrations may run code at once, in slots and in what follows from activities.
    code: Semaphore,
    /// How many heavy results may be in the turns to which they lead.
    heavy: Semaphore,
    /// Fires when the last slot is gone.
    drained: CancellationToken,
    _drained: DropGuard,
}

impl Env {
    /// Starts the lease keeper; slots are started one by one.
    pub(crate) fn new(
        store: Arc<dyn Provider>,
        metrics: Arc<MetricsProvider>,
        settings: Settings,
        orchestrations: OrchestrationRegistry,
        activities: ActivityRegistry,
        tasks: TaskTracker,
    ) -> Self {
        let drained = CancellationToken::new();
        let signal = store.work_signal();
        Env {
            keeper: Keeper::start(Arc::clone(&store), &tasks),
            names: Names::default(),
            contexts: traced::Contexts::default(),
            // Whichever runtime of this process runs an activity, a cancel by any of them reaches it.
            running: signal.as_ref().map_or_else(Arc::default, |signal| Arc::clone(signal.running())),
            sessions: Sessions::new(settings.sessions_max, signal.clone()),
            signal,
            warm: Arc::new(Warm::new(settings.warmth)),
            turns: Arc::new(Supply::new()),
            jobs: Arc::new(Supply::new()),
            code: Semaphore::new(settings.code_at_once.max(1)),
            heavy: Semaphore::new(HEAVY_TURNS),
            _drained: drained.clone().drop_guard(),
            drained,
            store,
            metrics,
            settings,
            orchestrations,
            activities,
            tasks,
        }
    }

    /// Fires when the last slot is gone.
    pub(crate) fn drained(&self) -> CancellationToken {
        self.drained.clone()
    }
}

impl Drop for Env {
    /// A store that still reads what is known of it keeps nothing alive that may hold the store.
    fn drop(&mut self) {
        self.warm.clear();
    }
}

/// Gives back what was leased ahead and waited too long; and all of it when the last slot is gone, since a commit may
/// bring activities when nobody is left to run them.
pub(crate) fn tend_supplies(env: &Env) -> impl Future<Output = ()> + Send + use<> {
    let (store, turns, jobs) = (Arc::clone(&env.store), Arc::clone(&env.turns), Arc::clone(&env.jobs));
    let drained = env.drained();
    async move {
        loop {
            let (stale_turns, stale_jobs, over) = tokio::select! {
                biased;
                () = drained.cancelled() => (turns.empty(), jobs.empty(), true),
                stale = turns.stale() => (stale, Vec::new(), false),
                stale = jobs.stale() => (Vec::new(), stale, false),
            };
            // Refused when the lease is over, which is as good.
            let giving_back = async {
                for work in stale_turns {
                    let _ = store.abandon_orchestration_item(work.token(), None, true).await;
                }
                for work in stale_jobs {
                    let _ = store.abandon_work_item(work.token(), None, true).await;
                }
            };
            if over {
                // A store that does not answer must not keep the process: leases end by themselves.
                let _ = tokio::time::timeout(GIVE_BACK_MAX, giving_back).await;
                return;
            }
            tokio::select! {
                biased;
                () = giving_back => {}
                () = drained.cancelled() => {}
            }
        }
    }
}

/// A look at the store that found nothing.
#[derive(Clone, Copy)]
struct Look {
    /// What had been told before.
    ticket: Option<Ticket>,
    at: Instant,
    /// How long it stands for others, if nothing is told.
    lasts: Duration,
}

/// Whether giving work back counts as an attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Redelivery {
    Counts,
    Free,
}

/// One of the tasks that do one kind of work, one item at a time.
pub(crate) struct Slot<P> {
    processor: Arc<P>,
    worker_id: Arc<str>,
    tasks: TaskTracker,
    signal: Option<Arc<WorkSignal>>,
    poll_min: Duration,
    stop: CancellationToken,
}

impl<P: Processor> Slot<P> {
    pub(crate) fn new(processor: P, worker_id: String, env: &Env, stop: CancellationToken) -> Self {
        Slot {
            processor: Arc::new(processor),
            worker_id: worker_id.into(),
            tasks: env.tasks.clone(),
            signal: env.signal.clone(),
            poll_min: env.settings.poll_min,
            stop,
        }
    }

    /// Takes and does work until stopped. What was taken is finished first.
    pub(crate) async fn run(self) {
        let mut commits = JoinSet::new();
        self.work(&mut commits).await;
        while commits.join_next().await.is_some() {}
        for work in self.processor.supply().empty() {
            self.processor.give_back(work).await;
        }
    }

    async fn work(&self, commits: &mut JoinSet<()>) {
        let mut failures = 0;
        let mut nothing = None;
        while !self.stop.is_cancelled() {
            // Taken before looking, so that what arrives in between ends the wait.
            let ticket = self.signal.as_ref().map(|signal| signal.ticket(P::QUEUE));
            let began = Instant::now();
            let hungry = self.processor.supply().hungry();
            let fetched = tokio::select! {
                biased;
                // A fetch that has ended is seen first: it may have brought work.
                fetched = contain::contain(self.fetch(nothing)) => fetched,
                () = self.stop.cancelled() => return,
            };
            match fetched {
                Ok(Ok(Some(work))) => {
                    drop(hungry);
                    failures = 0;
                    self.process(work, commits).await;
                    // A store that answers at once would otherwise never let go of the thread.
                    tokio::task::coop::consume_budget().await;
                }
                Ok(Ok(None)) => {
                    failures = 0;
                    let look = match nothing {
                        Some(look) if self.counts(&look) => look,
                        before => Look { ticket, at: began, lasts: self.rest_after(before) },
                    };
                    nothing = Some(look);
                    let rest = look.lasts.saturating_sub(look.at.elapsed());
                    if let Some(work) = self.idle(look.ticket, rest).await {
                        drop(hungry);
                        self.process(work, commits).await;
                    }
                }
                Ok(Err(error)) => {
                    failures += 1;
                    self.pause_after(&error, failures).await;
                }
                Err(panic) => self.recover(&panic).await,
            }
        }
    }

    /// Takes what was fetched ahead, or asks the store unless it is known to have nothing.
    async fn fetch(&self, nothing: Option<Look>) -> Result<Option<P::Work>, ProviderError> {
        match nothing {
            Some(look) if self.counts(&look) => Ok(self.processor.supply().pop()),
            Some(_) | None => self.processor.fetch(&self.worker_id).await,
        }
    }

    /// Whether a look that found nothing would find nothing again: the store has told of no work since, and would
    /// have. All the same it is looked at from time to time.
    fn counts(&self, look: &Look) -> bool {
        self.stayed_quiet(look) && look.at.elapsed() < look.lasts
    }

    /// Whether a store that tells of all work has told of none since.
    fn stayed_quiet(&self, look: &Look) -> bool {
        match (&self.signal, look.ticket) {
            (Some(signal), Some(ticket)) => signal.reach() == Reach::All && signal.is_quiet(P::QUEUE, ticket),
            _ => false,
        }
    }

    /// How long a look that found nothing lasts: where the store tells of what comes with time, too, longer whenever the
    /// one before it was right to find nothing.
    fn rest_after(&self, before: Option<Look>) -> Duration {
        let foresees = self.signal.as_ref().is_some_and(|signal| signal.foresees());
        match before {
            Some(before) if foresees && self.stayed_quiet(&before) => {
                (before.lasts * LESS_OFTEN).min(POLL_MAX.max(self.poll_min))
            }
            Some(_) | None => self.poll_min,
        }
    }

    async fn process(&self, work: P::Work, commits: &mut JoinSet<()>) {
        match contain::contain(self.processor.process(&self.worker_id, work)).await {
            Ok(Some(done)) => self.commit(done, commits).await,
            Ok(None) => {}
            Err(panic) => self.recover(&panic).await,
        }
    }

    /// Leaves a light commit to itself and waits for a heavy one.
    async fn commit(&self, done: P::Done, commits: &mut JoinSet<()>) {
        let is_light = done.weight() <= LIGHT_COMMIT_BYTES;
        let processor = Arc::clone(&self.processor);
        let worker_id = Arc::clone(&self.worker_id);
        let commit = async move {
            if let Err(panic) = contain::contain(processor.commit(done)).await {
                report_panic(&worker_id, &panic);
            }
        };
        if is_light {
            while commits.try_join_next().is_some() {}
            if commits.len() >= COMMITS_IN_FLIGHT {
                commits.join_next().await;
            }
            commits.spawn(self.tasks.track_future(commit));
        } else {
            commit.await;
        }
    }

    /// The work comes back when its lease ends; the slot goes on.
    async fn recover(&self, panic: &str) {
        report_panic(&self.worker_id, panic);
        self.sleep(PERMANENT_ERROR_PAUSE).await;
    }

    /// Waits for the rest of the poll interval, or until work is signalled or handed over.
    async fn idle(&self, ticket: Option<Ticket>, rest: Duration) -> Option<P::Work> {
        if rest.is_zero() {
            tokio::task::yield_now().await;
            return None;
        }
        match (&self.signal, ticket) {
            (Some(signal), Some(ticket)) => {
                tokio::select! {
                    biased;
                    // What was handed over is leased: it is taken before anything else is heard.
                    stood = contain::contain(self.processor.stand()) => match stood {
                        Ok(work) => work,
                        Err(panic) => {
                            self.recover(&panic).await;
                            None
                        }
                    },
                    () = self.stop.cancelled() => None,
                    () = self.processor.supply().arrived() => None,
                    () = signal.wait(P::QUEUE, ticket, rest) => None,
                }
            }
            _ => {
                self.sleep(rest).await;
                None
            }
        }
    }

    async fn pause_after(&self, error: &ProviderError, failures: u32) {
        let worker_id = &self.worker_id;
        match P::QUEUE {
            WorkQueue::Orchestrator => {
                tracing::warn!(target: target::ORCHESTRATION_DISPATCHER, %worker_id, "fetch failed: {error}");
            }
            WorkQueue::Worker => tracing::warn!(target: target::WORKER, %worker_id, "fetch failed: {error}"),
        }
        self.sleep(fetch_pause(error, failures)).await;
    }

    async fn sleep(&self, duration: Duration) {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(duration) => {}
        }
    }
}

fn report_panic(worker_id: &str, panic: &str) {
    tracing::error!(target: target::RUNTIME, worker_id, "a dispatcher slot panicked and goes on: {panic}");
}

/// `failures` counts the failed fetches in a row, this one included.
fn fetch_pause(error: &ProviderError, failures: u32) -> Duration {
    let (first, longest) = RETRYABLE_ERROR_PAUSE;
    if error.is_retryable() { first.saturating_mul(1 << failures.min(16)).min(longest) } else { PERMANENT_ERROR_PAUSE }
}

/// Repeats a commit while it fails for a passing reason.
///
/// It may have happened all the same; then the repetition is refused as not ours, which is as good.
async fn with_retries<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, ProviderError>
where
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    let mut retries = 0;
    loop {
        match attempt().await {
            Err(error) if error.is_retryable() && retries < ACK_RETRIES => {
                tokio::time::sleep(ACK_RETRY_PAUSE * (1 << retries)).await;
                retries += 1;
            }
            ended => return ended,
        }
    }
}
