//! Activities: run, cancel, complete.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::keeper::{Kept, Lease};
use super::processor::{Processor, Weigh};
use super::session;
use super::supply::{Look, Supply};
use super::traced::{self, Traced};
use super::within::{self, Answer};
use super::{Env, Redelivery, builtin, follow, with_retries};
use crate::activity::ActivityHandler;
use crate::activity::context::{ActivityContext, Backing, Identity};
use crate::clock;
use crate::lease::is_poisoned;
use crate::model::error::{AppErrorKind, ErrorDetails, PoisonMessageType};
use crate::model::ids::SYSCALL_PREFIX;
use crate::model::trace::TraceContext;
use crate::model::work_item::{WorkItem, kind_of};
use crate::mutants::{Bug, is_planted};
use crate::observe::target;
use crate::providers::ProviderError;
use crate::providers::express::{ActivityRequest, FetchedActivity};
use crate::providers::running::{Entered, Running};
use crate::providers::signal::WorkQueue;
use crate::trace::spans;

/// Wait before an activity is run again whose result could not be stored, or that found no room for its session.
const AGAIN_DELAY: Duration = Duration::from_millis(100);

/// Wait before somebody looks again at a row that is no activity.
const FOREIGN_DELAY: Duration = Duration::from_secs(60);

/// Does the work of the worker queue.
pub(crate) struct Activities {
    env: Arc<Env>,
    /// Whether an activity of a session was ever taken here.
    has_sessions: AtomicBool,
}

/// One row of the worker queue under its lease.
pub(crate) struct Fetched {
    item: WorkItem,
    token: Arc<str>,
    attempt: u32,
    /// From here on a cancel by this process reaches it, though it may wait for a slot; nobody cancels other rows.
    within_reach: Option<Entered>,
    cancelled: CancellationToken,
}

impl Fetched {
    /// An activity that was leased.
    pub(super) fn new(running: &Arc<Running>, item: WorkItem, token: impl Into<Arc<str>>, attempt: u32) -> Self {
        let cancelled = CancellationToken::new();
        let within_reach = match &item {
            WorkItem::ActivityExecute { instance, execution_id, id, .. } => {
                Some(running.enter((instance.clone(), *execution_id, *id), cancelled.clone()))
            }
            _ => None,
        };
        Fetched { item, token: token.into(), attempt, within_reach, cancelled }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    fn is_in_session(&self) -> bool {
        matches!(self.item, WorkItem::ActivityExecute { session_id: Some(_), .. })
    }
}

/// One activity to be run.
pub(super) struct Job {
    pub(super) instance: String,
    pub(super) execution_id: u64,
    pub(super) id: u64,
    name: String,
    input: String,
    session_id: Option<String>,
    tag: Option<String>,
}

/// One activity whose result is to be stored, its lease still kept.
pub(crate) struct Done {
    fetched: Instant,
    began: Instant,
    token: Arc<str>,
    _kept: Kept,
    _session: Option<session::Entered>,
    job: Job,
    result: Result<String, String>,
}

impl Weigh for Done {
    fn weight(&self) -> usize {
        match &self.result {
            Ok(text) | Err(text) => text.len(),
        }
    }
}

impl Done {
    /// Whose it is: instance and execution.
    pub(super) fn of(&self) -> (&str, u64) {
        (&self.job.instance, self.job.execution_id)
    }

    /// Its lease.
    pub(super) fn token(&self) -> &Arc<str> {
        &self.token
    }

    /// The message that tells its orchestration.
    pub(super) fn message(&self) -> WorkItem {
        completion(&self.job.instance, self.job.execution_id, self.job.id, self.result.clone())
    }
}

/// How an activity ended.
enum Ended {
    Answered(Answer),
    /// Nobody waits for it any more, or its lease was lost.
    Cancelled,
    /// The whole process goes down, and this task will follow.
    Aborted,
}

impl Ended {
    /// The word for it in spans.
    fn outcome(&self) -> &'static str {
        match self {
            Ended::Answered(Answer::Returned(Ok(_)) | Answer::Stored) => "success",
            Ended::Answered(Answer::Returned(Err(_))) => "app_error",
            Ended::Answered(Answer::Unknown(_)) => "infra_error",
            Ended::Cancelled | Ended::Aborted => "cancelled",
        }
    }
}

/// The message that tells an orchestration how its activity ended.
pub(crate) fn completion(instance: &str, execution_id: u64, id: u64, result: Result<String, String>) -> WorkItem {
    match result {
        Ok(result) => WorkItem::ActivityCompleted { instance: instance.to_owned(), execution_id, id, result },
        Err(message) => WorkItem::ActivityFailed {
            instance: instance.to_owned(),
            execution_id,
            id,
            details: ErrorDetails::application(AppErrorKind::ActivityFailed, message),
        },
    }
}

impl Processor for Activities {
    type Work = Fetched;
    type Done = Done;
    const QUEUE: WorkQueue = WorkQueue::Worker;

    async fn fetch(&self, worker_id: &Arc<str>) -> Result<Option<Fetched>, ProviderError> {
        let settings = &self.env.settings;
        let owner = settings.node_id.as_deref().unwrap_or(worker_id);
        let session = self.env.sessions.fetch_config(owner, settings.session_lease.timeout);
        let lock_timeout = settings.activity_lease.timeout;
        if let Some(express) = self.env.store.as_express_capability() {
            let tags = settings.tags.clone();
            return self
                .env
                .jobs
                .take(self.look(), async |max| {
                    let request = ActivityRequest { max, lock_timeout, session, tags };
                    let fetched = express.fetch_activities(request).await?.into_iter();
                    let leased = |one: FetchedActivity| self.leased(one.item, one.token, one.attempt);
                    let mut fetched: Vec<_> = fetched.map(leased).collect();
                    // The first is for the slot that asked, in whose name a session was claimed.
                    fetched.sort_by_key(|one| !one.is_in_session());
                    Ok(fetched)
                })
                .await;
        }
        let fetched =
            self.env.store.fetch_work_item(lock_timeout, settings.long_poll, session.as_ref(), &settings.tags).await?;
        Ok(fetched.map(|(item, token, attempt)| self.leased(item, token, attempt)))
    }

    /// Activities are handed over with the turns that ask for them.
    async fn stand(&self) -> Option<Fetched> {
        std::future::pending().await
    }

    fn supply(&self) -> &Arc<Supply<Fetched>> {
        &self.env.jobs
    }

    async fn give_back(&self, work: Fetched) {
        self.abandon(&work.token, Duration::ZERO, Redelivery::Free).await;
    }

    async fn process(&self, worker_id: &Arc<str>, work: Fetched) -> Option<Done> {
        self.env.metrics.record_worker_dispatcher_items_fetched(1);
        let fetched = Instant::now();
        let (token, terms) = (Arc::clone(&work.token), self.env.settings.activity_lease);
        let lease = Lease { queue: WorkQueue::Worker, token, terms };
        let kept = self.env.keeper.hold_until(lease, work.cancelled.clone());
        let done = self.take(worker_id, work, kept, fetched).await;
        if done.is_none() {
            record_duration(&self.env, fetched);
        }
        done
    }

    async fn commit(&self, done: Done) {
        follow::ended(&self.env, done).await;
    }
}

/// Stores the result of an activity by itself: its message waits in the queue of its orchestration.
pub(super) async fn complete(env: &Env, done: Done) {
    let completion = Some(done.message()).filter(|_| !is_planted(Bug::ResultIsNotSent));
    let acked = with_retries(|| env.store.ack_work_item(&done.token, completion.clone())).await;
    if let Err(error) = &acked {
        tracing::warn!(
            target: target::WORKER,
            instance = %done.job.instance,
            execution_id = done.job.execution_id,
            activity_id = done.job.id,
            activity_name = %done.job.name,
            "the result of an activity could not be stored; it runs again if it is still wanted: {error}"
        );
        // An attempt is a run, and this one ran, whatever became of its result: one that can never be stored must end as
        // poison, not run for ever. Refused when the row is gone, which is as good.
        let _ = env.store.abandon_work_item(&done.token, Some(AGAIN_DELAY), false).await;
    }
    match acked {
        Ok(()) => completed(env, &done),
        Err(_) => {
            env.metrics.record_activity_infra_error();
            record_duration(env, done.fetched);
        }
    }
}

/// The result of an activity was stored.
pub(super) fn completed(env: &Env, done: &Done) {
    record(env, &done.job, if done.result.is_ok() { "success" } else { "app_error" }, done.began);
    record_duration(env, done.fetched);
}

fn record_duration(env: &Env, fetched: Instant) {
    env.metrics.record_worker_dispatcher_execution_duration(clock::as_ms(fetched.elapsed()));
}

fn record(env: &Env, job: &Job, outcome: &str, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    env.metrics.record_activity_execution(&job.name, outcome, seconds, 0, job.tag.as_deref());
}

impl Activities {
    pub(crate) fn new(env: Arc<Env>) -> Self {
        Activities { env, has_sessions: AtomicBool::new(false) }
    }

    fn leased(&self, item: WorkItem, token: String, attempt: u32) -> Fetched {
        Fetched::new(&self.env.running, item, token, attempt)
    }

    /// Sessions belong to the slot, unless the whole process has a name.
    fn look(&self) -> Look {
        let own = self.has_sessions.load(Ordering::Relaxed) && self.env.settings.node_id.is_none();
        if own { Look::Own } else { Look::Shared }
    }

    /// One delivery, up to its result.
    async fn take(&self, worker_id: &Arc<str>, work: Fetched, kept: Kept, fetched: Instant) -> Option<Done> {
        let Fetched { item, token, attempt, within_reach, cancelled } = work;
        if cancelled.is_cancelled() {
            // While it waited for a slot: its row is gone.
            self.abandon(&token, Duration::ZERO, Redelivery::Free).await;
            return None;
        }
        if is_poisoned(attempt, self.env.settings.max_attempts) {
            self.poison(&token, item, attempt).await;
            return None;
        }
        let mut job = match Job::of(item) {
            Ok(job) => job,
            Err(foreign) => {
                self.leave(&token, &foreign).await;
                return None;
            }
        };
        let session = match &job.session_id {
            None => None,
            Some(session_id) => {
                self.has_sessions.store(true, Ordering::Relaxed);
                let entered = self.env.sessions.enter(session_id);
                if entered.is_none() {
                    self.abandon(&token, AGAIN_DELAY, Redelivery::Free).await;
                    return None;
                }
                entered
            }
        };
        let began = Instant::now();
        let result = self.result(worker_id, &token, &kept, attempt, &mut job).await?;
        drop(within_reach);
        Some(Done { fetched, began, token, _kept: kept, _session: session, job, result })
    }

    /// What the activity returns; `None` when it is not run here or its result counts for nothing.
    async fn result(
        &self,
        worker_id: &Arc<str>,
        token: &Arc<str>,
        kept: &Kept,
        attempt: u32,
        job: &mut Job,
    ) -> Option<Result<String, String>> {
        if let Some((_, handler)) = self.env.activities.resolve_handler(&job.name) {
            return self.run(worker_id, token, kept, attempt, job, handler).await;
        }
        let answer = if job.name.starts_with(SYSCALL_PREFIX) {
            builtin::answer(&*self.env.store, &builtin::call_named(&job.name, &job.input)).await
        } else {
            None
        };
        if answer.is_none() {
            self.unregistered(token, job, attempt).await;
        }
        answer
    }

    async fn run(
        &self,
        worker_id: &Arc<str>,
        token: &Arc<str>,
        kept: &Kept,
        attempt: u32,
        job: &mut Job,
        handler: Arc<dyn ActivityHandler>,
    ) -> Option<Result<String, String>> {
        let began = Instant::now();
        let input = std::mem::take(&mut job.input);
        let Traced { span, context: trace } = traced::activity(&self.env, job, worker_id, attempt).await;
        let context = self.context(worker_id, token, kept, attempt, job, trace).await;
        let limits = self.env.settings.limits;
        let task = if handler.is_transactional() {
            let (env, token) = (Arc::clone(&self.env), Arc::clone(token));
            let call = within::Call::new(handler, (context, input), job, limits);
            let work = async move { within::run(&*env.store, &token, call).await };
            self.env.tasks.spawn(work.instrument(span.clone()))
        } else {
            let work = async move { Answer::Returned(handler.invoke(context, input).await) };
            self.env.tasks.spawn(work.instrument(span.clone()))
        };
        let ended = self.ended(AbortOnDropHandle::new(task), kept).await;
        spans::ended(&span, ended.outcome());
        drop(span);
        match ended {
            Ended::Answered(Answer::Returned(result)) => return Some(limits.returned(result)),
            Ended::Answered(Answer::Stored) => record(&self.env, job, "success", began),
            Ended::Answered(Answer::Unknown(error)) => self.unstored(token, job, &error).await,
            Ended::Cancelled => {
                record(&self.env, job, "cancelled", began);
                // The row is gone when it was cancelled. When it is not, the lease was lost for another reason, and
                // the activity must run again.
                let _ = self.env.store.abandon_work_item(token, None, false).await;
            }
            Ended::Aborted => {}
        }
        None
    }

    /// Waits for the activity. One that is cancelled gets some time to stop by itself.
    async fn ended(&self, mut task: AbortOnDropHandle<Answer>, kept: &Kept) -> Ended {
        tokio::select! {
            biased;
            () = kept.lost().cancelled(), if !is_planted(Bug::LostLeaseIsIgnored) => {
                let grace = self.env.settings.cancellation_grace;
                // Its result counts for nothing, unless it is stored: then that is how the lease was lost. When the time
                // is over, dropping the handle aborts it.
                match tokio::time::timeout(grace, task).await {
                    Ok(Ok(Answer::Stored)) => Ended::Answered(Answer::Stored),
                    _ => Ended::Cancelled,
                }
            }
            joined = &mut task => match joined {
                Ok(answer) => Ended::Answered(answer),
                Err(error) if error.is_panic() => Ended::Answered(Answer::Returned(Err(error.to_string()))),
                Err(_) => Ended::Aborted,
            },
        }
    }

    async fn context(
        &self,
        worker_id: &Arc<str>,
        token: &Arc<str>,
        kept: &Kept,
        attempt: u32,
        job: &Job,
        trace: Option<TraceContext>,
    ) -> ActivityContext {
        let store = &self.env.store;
        let named = self.env.names.of(&**store, &job.instance, job.execution_id).await;
        let identity = Identity {
            instance_id: job.instance.clone(),
            execution_id: job.execution_id,
            orchestration_name: named.name,
            orchestration_version: named.version,
            activity_name: job.name.clone(),
            activity_id: job.id,
            worker_id: Arc::clone(worker_id),
            session_id: job.session_id.clone(),
            tag: job.tag.clone(),
            attempt,
        };
        let backing = Backing {
            store: Arc::clone(store),
            token: Arc::clone(token),
            limits: self.env.settings.limits,
            // A child token: user code that cancels its own does not end the lease.
            cancellation: kept.lost().child_token(),
            trace,
            propagation: self.env.settings.propagation.clone(),
        };
        ActivityContext::new(identity, backing)
    }

    /// What an activity wrote in its transaction was not stored as far as is known.
    async fn unstored(&self, token: &Arc<str>, job: &Job, error: &ProviderError) {
        tracing::warn!(
            target: target::WORKER,
            instance = %job.instance,
            execution_id = job.execution_id,
            activity_id = job.id,
            activity_name = %job.name,
            "what an activity wrote in its transaction was not stored; it runs again if it is still wanted: {error}"
        );
        self.env.metrics.record_activity_infra_error();
        // Refused when the row is gone: then all is stored after all, or nobody wants it any more.
        let _ = self.env.store.abandon_work_item(token, Some(AGAIN_DELAY), false).await;
    }

    async fn ack(&self, token: &Arc<str>, completion: WorkItem) -> Result<(), ProviderError> {
        with_retries(|| self.env.store.ack_work_item(token, Some(completion.clone()))).await
    }

    async fn poison(&self, token: &Arc<str>, item: WorkItem, attempt: u32) {
        let text = serde_json::to_string(&item).unwrap_or_default();
        let job = match Job::of(item) {
            Ok(job) => job,
            Err(foreign) => return self.leave(token, &foreign).await,
        };
        tracing::error!(
            target: target::WORKER,
            instance = %job.instance,
            activity_id = job.id,
            activity_name = %job.name,
            attempt,
            "poison: the activity was tried too often and fails"
        );
        let failed = WorkItem::ActivityFailed {
            instance: job.instance.clone(),
            execution_id: job.execution_id,
            id: job.id,
            details: ErrorDetails::Poison {
                attempt_count: attempt,
                max_attempts: self.env.settings.max_attempts,
                message_type: PoisonMessageType::Activity {
                    instance: job.instance,
                    execution_id: job.execution_id,
                    activity_name: job.name,
                    activity_id: job.id,
                },
                message: text,
            },
        };
        match self.ack(token, failed).await {
            Ok(()) => self.env.metrics.record_activity_poison(),
            Err(error) => {
                tracing::warn!(target: target::WORKER, "a poisoned activity could not be failed: {error}");
                self.abandon(token, AGAIN_DELAY, Redelivery::Counts).await;
            }
        }
    }

    async fn unregistered(&self, token: &Arc<str>, job: &Job, attempt: u32) {
        let delay = self.env.settings.unregistered.delay(attempt);
        tracing::warn!(
            target: target::WORKER,
            instance = %job.instance,
            activity_name = %job.name,
            attempt_count = attempt,
            "Activity not registered, abandoning with {delay:?} delay"
        );
        self.env.metrics.record_activity_config_error();
        self.abandon(token, delay, Redelivery::Counts).await;
    }

    /// A row that is no activity stays where somebody can look at it.
    async fn leave(&self, token: &Arc<str>, foreign: &WorkItem) {
        tracing::error!(
            target: target::WORKER,
            instance = foreign.target_instance(),
            kind = kind_of(foreign),
            "the worker queue holds something that is no activity; it is left there"
        );
        self.abandon(token, FOREIGN_DELAY, Redelivery::Counts).await;
    }

    async fn abandon(&self, token: &str, delay: Duration, redelivery: Redelivery) {
        let ignore_attempt = redelivery == Redelivery::Free;
        let abandoned = self.env.store.abandon_work_item(token, Some(delay), ignore_attempt).await;
        if let Err(error) = abandoned {
            // The lease ends by itself.
            tracing::warn!(target: target::WORKER, "an activity could not be given back before its lease ends: {error}");
        }
    }
}

impl Job {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The item itself when it is no activity.
    fn of(item: WorkItem) -> Result<Self, Box<WorkItem>> {
        match item {
            WorkItem::ActivityExecute { instance, execution_id, id, name, input, session_id, tag } => {
                Ok(Job { instance, execution_id, id, name, input, session_id, tag })
            }
            foreign => Err(Box::new(foreign)),
        }
    }
}
