//! The small world an orchestration is tested in: queues, and a clock that only the test moves.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use semver::Version;

use super::answers::{Answers, Task};
use super::crash::{Crashes, Point};
use super::turns::{Driven, Turns};
use crate::client::Client;
use crate::clock::as_ms;
use crate::dispatch::settings::UnregisteredBackoffConfig;
use crate::dispatch::triage::triage;
use crate::dispatch::verdict::{Closing, Notice, Reluctance, Rules, Turn, Verdict};
use crate::model::commit::Commit;
use crate::model::error::ErrorDetails;
use crate::model::filter::{SemverRange, SessionFetchConfig, TagFilter};
use crate::model::ids::INITIAL_EXECUTION_ID;
use crate::model::measure::Measure;
use crate::model::status::OrchestrationStatus;
use crate::model::work_item::WorkItem;
use crate::providers::memory::MemoryProvider;
use crate::providers::{Event, Provider};
use crate::registry::OrchestrationRegistry;

/// When the tests of everybody begin: 2024-01-01T00:00:00Z.
const BEGINNING_MS: u64 = 1_704_067_200_000;

/// Longer than any test: nothing is taken away from the one process that there is.
const FOR_EVER: Duration = Duration::from_secs(1_000 * 365 * 86_400);

/// Turns of one test. Code that needs more most likely never ends.
const TURNS_MAX: usize = 100_000;

const OURS: &str = "the memory store refuses nothing that the harness asks for";

/// One process with its store. Whoever drives it decides what time it is.
pub(super) struct World {
    clock: Arc<AtomicU64>,
    pub(super) store: Arc<MemoryProvider>,
    pub(super) orchestrations: OrchestrationRegistry,
    pub(super) answers: Answers,
    pub(super) turns: Turns,
    pub(super) crashes: Crashes,
    /// When something that was delayed happens.
    due: BTreeSet<u64>,
    /// Activities that have run and whose answer takes its time, by when it comes and in the order they began.
    running: BTreeMap<(u64, u64), Running>,
    began: u64,
    /// Instances that the test itself started.
    started: BTreeSet<String>,
    /// What was measured, in the order of the commits.
    pub(super) measures: Vec<Measure>,
    turns_left: usize,
    replayable: SemverRange,
    unregistered: UnregisteredBackoffConfig,
    session: SessionFetchConfig,
}

struct Running {
    token: String,
    task: Task,
    completion: WorkItem,
}

/// The outcome of a call that never waits.
pub(super) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the memory store answers at once"),
    }
}

impl World {
    pub(super) fn new(crashes: Crashes) -> Self {
        let clock = Arc::new(AtomicU64::new(BEGINNING_MS));
        let read = Arc::clone(&clock);
        World {
            store: Arc::new(MemoryProvider::with_clock(Arc::new(move || read.load(Ordering::Relaxed)))),
            clock,
            orchestrations: OrchestrationRegistry::default(),
            answers: Answers::default(),
            turns: Turns::default(),
            crashes,
            due: BTreeSet::new(),
            running: BTreeMap::new(),
            began: 0,
            started: BTreeSet::new(),
            measures: Vec::new(),
            turns_left: TURNS_MAX,
            replayable: SemverRange::new(Version::new(0, 0, 0), Version::new(u64::MAX, 0, 0)),
            unregistered: UnregisteredBackoffConfig::default(),
            session: SessionFetchConfig { owner_id: "harness".to_owned(), lock_timeout: FOR_EVER },
        }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// How long the test has lasted, by its own clock.
    pub(super) fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now_ms() - BEGINNING_MS)
    }

    pub(super) fn client(&self) -> Client {
        Client::new(Arc::clone(&self.store) as _)
    }

    /// Puts a message on its way.
    pub(super) fn send(&mut self, message: WorkItem, delay: Duration) {
        if let WorkItem::StartOrchestration { instance, .. } = &message {
            self.started.insert(instance.clone());
        }
        self.due.insert(self.now_ms().saturating_add(as_ms(delay)));
        at_once(self.store.enqueue_for_orchestrator(message, Some(delay))).expect(OURS);
    }

    /// Does everything that can be done without time passing.
    pub(super) fn settle(&mut self) {
        while self.take_turn() || self.end_activity() || self.take_activity() {}
    }

    /// Lets everything happen that happens within `span`.
    pub(super) fn advance(&mut self, span: Duration) {
        let until = self.now_ms().saturating_add(as_ms(span));
        self.settle();
        while self.skip_to_next(until) {
            self.settle();
        }
        self.clock.store(until, Ordering::Relaxed);
        self.settle();
    }

    /// Moves the clock to when the next thing happens, if that is not after `until`.
    pub(super) fn skip_to_next(&mut self, until: u64) -> bool {
        let now_ms = self.now_ms();
        self.due.retain(|at| *at > now_ms);
        match self.due.first() {
            // An answer at the end of time never comes.
            Some(at) if *at <= until && *at < u64::MAX => {
                self.clock.store(*at, Ordering::Relaxed);
                true
            }
            _ => false,
        }
    }

    pub(super) fn status(&self, instance: &str) -> OrchestrationStatus {
        at_once(self.client().get_orchestration_status(instance)).expect(OURS)
    }

    /// The end of every instance, of those that have one.
    pub(super) fn ends(&self) -> BTreeMap<String, OrchestrationStatus> {
        let instances = at_once(self.store.list_instances()).expect(OURS);
        instances.into_iter().map(|instance| (instance.clone(), self.status(&instance))).collect()
    }

    /// All events of all executions.
    pub(super) fn history(&self, instance: &str) -> Vec<Event> {
        let executions = at_once(self.store.list_executions(instance)).expect(OURS);
        let read = |execution| at_once(self.store.read_with_execution(instance, execution)).expect(OURS);
        executions.into_iter().flat_map(read).collect()
    }

    /// One turn of one instance, if one is to be run.
    fn take_turn(&mut self) -> bool {
        let fetched = at_once(self.store.fetch_orchestration_item(FOR_EVER, Duration::ZERO, None)).expect(OURS);
        let Some((item, token, _)) = fetched else { return false };
        let (instance, execution_id) = (item.instance.clone(), item.execution_id);
        let awaited = self.started.contains(&instance) || item.messages.iter().any(has_parent);
        self.turns_left = self.turns_left.checked_sub(1).unwrap_or_else(|| {
            panic!("{TURNS_MAX} turns were run, the last of `{instance}`: does it ever end? `advance` ends by itself")
        });
        let rules = Rules {
            registry: &self.orchestrations,
            replayable: &self.replayable,
            unregistered: &self.unregistered,
            max_attempts: u32::MAX,
            now_ms: self.now_ms(),
        };
        match triage(item, 1, &rules) {
            Verdict::Run(turn) => self.run(&token, *turn),
            Verdict::Terminal(closing) | Verdict::Poison(closing) => self.close(&token, closing),
            Verdict::Drop => {
                let mut closing = Closing::default();
                closing.commit.execution_id = execution_id;
                self.close(&token, closing);
            }
            Verdict::Abandon { .. } if !awaited => {
                // An independent orchestration that the test does not care for: that it was started is all there is.
                at_once(self.store.abandon_orchestration_item(&token, Some(FOR_EVER), true)).expect(OURS);
            }
            Verdict::Abandon { why, .. } => panic!("{}", unknown(&instance, &why)),
        }
        true
    }

    fn run(&mut self, token: &str, turn: Turn) {
        let instance = turn.head.instance.clone();
        let events = turn.history.len();
        let Driven { mut commit, measures, goes_on } = self.turns.drive(&turn, &*self.store, self.now_ms());
        let point = |stored| Point::turn(&turn.head, events, stored);
        if self.crashes.passing(point(false)) {
            at_once(self.store.abandon_orchestration_item(token, None, true)).expect(OURS);
            return self.die();
        }
        commit.orchestrator_items.extend(notices(&turn.collisions));
        self.commit(token, commit);
        self.measures.extend(measures);
        self.turns.keep(instance, goes_on);
        if self.crashes.passing(point(true)) {
            self.die();
        }
    }

    fn commit(&mut self, token: &str, commit: Commit) {
        for message in &commit.orchestrator_items {
            if let WorkItem::TimerFired { fire_at_ms, .. } = message {
                self.due.insert(*fire_at_ms);
            }
        }
        let Commit { execution_id, delta, worker_items, orchestrator_items, metadata, cancelled_activities } = commit;
        let acked = self.store.ack_orchestration_item(
            token,
            execution_id,
            delta,
            worker_items,
            orchestrator_items,
            metadata,
            cancelled_activities,
        );
        at_once(acked).expect(OURS);
    }

    fn close(&mut self, token: &str, closing: Closing) {
        let mut commit = closing.commit;
        commit.orchestrator_items.extend(notices(&closing.notices));
        self.commit(token, commit);
    }

    /// One activity, if one is asked for.
    fn take_activity(&mut self) -> bool {
        let fetch = self.store.fetch_work_item(FOR_EVER, Duration::ZERO, Some(&self.session), &TagFilter::Any);
        let Some((item, token, _)) = at_once(fetch).expect(OURS) else { return false };
        let task = Task::of(item, &token);
        if self.crashes.passing(Point::taken(&task)) {
            self.give_back(&token);
            self.die();
            return true;
        }
        let by = self.orchestration_of(&task);
        let (result, due_ms) = self.answers.answer(&task, &by, &self.store, self.now_ms());
        if self.crashes.passing(Point::ran(&task)) {
            self.give_back(&token);
            self.die();
            return true;
        }
        let completion = task.completion(result);
        self.began += 1;
        self.due.insert(due_ms);
        self.running.insert((due_ms, self.began), Running { token, task, completion });
        true
    }

    /// The name and version of the orchestration that asks for an activity.
    fn orchestration_of(&self, task: &Task) -> (String, String) {
        let history = at_once(self.store.read_with_execution(&task.instance, task.execution_id)).expect(OURS);
        super::asked::started_as(&history).unwrap_or_default()
    }

    /// The answer of one activity arrives, if one is due.
    fn end_activity(&mut self) -> bool {
        let now_ms = self.now_ms();
        let Some(first) = self.running.first_entry().filter(|first| first.key().0 <= now_ms) else {
            return false;
        };
        let Running { token, task, completion } = first.remove();
        // Refused when it was cancelled meanwhile: its answer counts for nothing.
        let _ = at_once(self.store.ack_work_item(&token, Some(completion)));
        if self.crashes.passing(Point::answered(&task)) {
            self.die();
        }
        true
    }

    fn give_back(&self, token: &str) {
        // Refused when it was cancelled meanwhile.
        let _ = at_once(self.store.abandon_work_item(token, None, true));
    }

    /// The process ends and another begins: only what is stored is left.
    fn die(&mut self) {
        self.turns.forget();
        for (_, running) in std::mem::take(&mut self.running) {
            self.give_back(&running.token);
        }
    }
}

fn has_parent(message: &WorkItem) -> bool {
    matches!(message, WorkItem::StartOrchestration { parent_instance: Some(_), .. })
}

/// Nobody else will come and take the turn: what it needs must be told to the harness.
fn unknown(instance: &str, why: &Reluctance) -> String {
    let Reluctance::Unregistered { name, version } = why else {
        return format!("the turn of `{instance}` cannot be run: {why:?}");
    };
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    format!(
        "instance `{instance}` is to run orchestration `{name}`{version}, which the harness does not know\n\
         = help: `harness.register::<{name}>()` runs it\n\
         = help: `harness.mock_child::<{name}>(..)` answers in its place\n\
         = help: `harness.orchestrations(registry)` adds those that are registered by strings"
    )
}

/// What parents are told of children that will not answer.
fn notices(notices: &[Notice]) -> impl Iterator<Item = WorkItem> {
    notices.iter().map(|Notice { parent, details }| failed_child(parent, details.clone()))
}

fn failed_child(parent: &crate::replay::Parent, details: ErrorDetails) -> WorkItem {
    WorkItem::SubOrchFailed {
        parent_instance: parent.instance.clone(),
        parent_execution_id: parent.execution_id.unwrap_or(INITIAL_EXECUTION_ID),
        parent_id: parent.id,
        details,
    }
}
