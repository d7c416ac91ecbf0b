//! The same calls on every store have the same outcomes, whatever their order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{
    Event, EventKind, ExecutionMetadata, Provider, ProviderError, PruneOptions, ScheduledActivityIdentifier,
    SessionFetchConfig, TagFilter, WorkItem,
};

use crate::postgres::server::fresh_schema;
use crate::stores::postgres_in;

/// No lease and no delay ends while a run lasts: the stores need not agree about the millisecond.
const LONG: Duration = Duration::from_secs(600);
const INSTANCES: [&str; 3] = ["a", "b", "c"];
const STEPS: usize = 200;
const SEEDS: u64 = 20;
/// A call to a server is a round trip, and a commit a flush: it takes part in fewer runs, and is looked at less often.
const SERVER_SEEDS: u64 = 6;
const SERVER_LOOKS: usize = 10;

/// A stream of choices that its seed repeats (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % sides
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        let at = usize::try_from(self.roll(of.len() as u64)).expect("a short list");
        of[at]
    }

    fn some<T>(&mut self, mut make: impl FnMut(&mut Dice) -> T) -> Vec<T> {
        (0..self.roll(4)).map(|_| make(self)).collect()
    }

    fn delay(&mut self) -> Option<Duration> {
        self.one(&[None, None, None, None, None, Some(LONG)])
    }

    fn flag(&mut self) -> bool {
        self.roll(2) == 0
    }
}

fn start(dice: &mut Dice, instance: &str) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: instance.into(),
        orchestration: "Order".into(),
        input: "{}".into(),
        version: dice.one(&[None, Some("1.0.0")]).map(Into::into),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}

/// A start for an instance that has none, another message for one that has: which place in the queue a message has
/// that comes ahead of its start, the contract leaves open.
fn message(dice: &mut Dice, started: &mut BTreeSet<&'static str>) -> WorkItem {
    let instance = dice.one(&INSTANCES);
    if started.insert(instance) {
        return start(dice, instance);
    }
    let instance = instance.to_owned();
    match dice.roll(4) {
        0 => WorkItem::ActivityCompleted { instance, execution_id: 1, id: dice.roll(5), result: "done".into() },
        1 => WorkItem::CancelInstance { instance, reason: "enough".into() },
        2 => WorkItem::QueueMessage { instance, name: "inbox".into(), data: dice.roll(9).to_string() },
        _ => WorkItem::ExternalRaised { instance, name: "paid".into(), data: dice.roll(9).to_string() },
    }
}

fn activity(dice: &mut Dice) -> WorkItem {
    WorkItem::ActivityExecute {
        instance: dice.one(&INSTANCES).into(),
        execution_id: 1,
        id: dice.roll(5),
        name: "Charge".into(),
        input: "42".into(),
        session_id: dice.one(&[None, None, Some("s"), Some("t")]).map(Into::into),
        tag: dice.one(&[None, None, Some("gpu")]).map(Into::into),
    }
}

fn event(dice: &mut Dice) -> Event {
    let key = || String::from("colour");
    let kind = match dice.roll(5) {
        0 => EventKind::KeyValueSet { key: key(), value: dice.roll(9).to_string(), last_updated_at_ms: dice.roll(9) },
        1 => EventKind::KeyValueCleared { key: key() },
        2 => EventKind::KeyValuesCleared,
        3 => EventKind::CustomStatusUpdated { status: dice.one(&[None, Some("half way")]).map(Into::into) },
        _ => EventKind::ActivityCompleted { result: "done".into() },
    };
    let ids = dice.one(&[1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 3]);
    Event {
        // Zero and duplicates come up, too, but most turns are committed.
        event_id: dice.roll(ids),
        source_event_id: None,
        instance_id: "any".into(),
        execution_id: 1,
        timestamp_ms: 7,
        duroxide_version: "0.0.7".into(),
        kind,
    }
}

fn metadata(dice: &mut Dice) -> ExecutionMetadata {
    ExecutionMetadata {
        status: dice.one(&[None, None, Some("Completed"), Some("Failed"), Some("ContinuedAsNew")]).map(Into::into),
        output: dice.one(&[None, Some("output")]).map(Into::into),
        orchestration_name: Some("Order".into()),
        orchestration_version: Some(dice.one(&["1.0.0", "2"]).into()),
        parent_instance_id: None,
        pinned_duroxide_version: None,
    }
}

/// The stores under comparison.
const STORES: [&str; 3] = ["memory", "SQLite", "PostgreSQL"];

/// What each store gave for the same lease.
type Tokens = [String; STORES.len()];

/// One of each, and the tokens that they gave.
struct Trio {
    stores: [Box<dyn Provider>; STORES.len()],
    /// How many of them are compared at all.
    taking_part: usize,
    /// How many of them the next calls go to.
    asked: usize,
    turns: Vec<Tokens>,
    jobs: Vec<Tokens>,
    started: BTreeSet<&'static str>,
}

/// What a caller can tell: the value, or whether to try again.
fn seen<T>(outcome: Result<T, ProviderError>) -> Result<T, bool> {
    outcome.map_err(|error| error.is_retryable())
}

/// The same call on all stores; stops the test when they disagree.
macro_rules! same {
    ($trio:expr, $store:ident, $at:ident => $call:expr) => {{
        let mut first = None;
        for $at in 0..$trio.asked {
            let _ = $at;
            let $store: &dyn Provider = $trio.stores[$at].as_ref();
            let outcome = seen($call);
            match &first {
                None => first = Some(outcome),
                Some(first) => assert_eq!(
                    format!("{first:?}"),
                    format!("{outcome:?}"),
                    "memory and {} differ: {}",
                    STORES[$at],
                    stringify!($call)
                ),
            }
        }
        first.expect("there are stores")
    }};
}

impl Trio {
    async fn new(taking_part: usize) -> Self {
        let sqlite = SqliteProvider::new_in_memory().await.expect("a fresh database opens");
        let postgres = postgres_in(&fresh_schema()).await;
        Trio {
            stores: [Box::new(MemoryProvider::new()), Box::new(sqlite), Box::new(postgres)],
            taking_part,
            asked: taking_part,
            turns: Vec::new(),
            jobs: Vec::new(),
            started: BTreeSet::new(),
        }
    }

    fn turn(&self, dice: &mut Dice) -> Tokens {
        recent(&self.turns, dice)
    }

    fn job(&self, dice: &mut Dice) -> Tokens {
        recent(&self.jobs, dice)
    }

    async fn fetch_turn(&mut self) {
        let mut tokens = Vec::new();
        let _ = same!(self, store, at => {
            let fetched = store.fetch_orchestration_item(LONG, Duration::ZERO, None).await;
            fetched.map(|fetched| fetched.map(|(item, token, attempts)| {
                tokens.push(token);
                let values: BTreeMap<String, (String, u64)> = item
                    .kv_snapshot
                    .iter()
                    .map(|(key, entry)| (key.clone(), (entry.value.clone(), entry.last_updated_at_ms)))
                    .collect();
                (
                    (item.instance, item.orchestration_name, item.execution_id, item.version),
                    (item.history, item.messages, item.history_error.is_some(), values, attempts),
                )
            }))
        });
        tokens.resize(if tokens.is_empty() { 0 } else { STORES.len() }, String::new());
        if let Ok(tokens) = tokens.try_into() {
            self.turns.push(tokens);
        }
    }

    async fn ack_turn(&mut self, dice: &mut Dice) {
        let tokens = self.turn(dice);
        let execution_id = dice.one(&[1, 1, 2]);
        let delta = dice.some(event);
        let activities = dice.some(activity);
        let messages = dice.some(|dice| message(dice, &mut self.started));
        let metadata = metadata(dice);
        let cancelled = dice.some(|dice| ScheduledActivityIdentifier {
            instance: dice.one(&INSTANCES).into(),
            execution_id: 1,
            activity_id: dice.roll(5),
        });
        let _ = same!(self, store, at => {
            store.ack_orchestration_item(
                &tokens[at],
                execution_id,
                delta.clone(),
                activities.clone(),
                messages.clone(),
                metadata.clone(),
                cancelled.clone(),
            ).await
        });
    }

    async fn fetch_job(&mut self, dice: &mut Dice) {
        let owner = dice.one(&[None, Some("x"), Some("y")]);
        let session = owner.map(|owner| SessionFetchConfig { owner_id: owner.into(), lock_timeout: LONG });
        let tags = match dice.roll(3) {
            0 => TagFilter::Any,
            1 => TagFilter::DefaultOnly,
            _ => TagFilter::tags(["gpu"]),
        };
        let mut tokens = Vec::new();
        let _ = same!(self, store, at => {
            let fetched = store.fetch_work_item(LONG, Duration::ZERO, session.as_ref(), &tags).await;
            fetched.map(|fetched| fetched.map(|(item, token, attempts)| {
                tokens.push(token);
                (item, attempts)
            }))
        });
        tokens.resize(if tokens.is_empty() { 0 } else { STORES.len() }, String::new());
        if let Ok(tokens) = tokens.try_into() {
            self.jobs.push(tokens);
        }
    }

    async fn step(&mut self, dice: &mut Dice) {
        match dice.roll(16) {
            0..=2 => {
                let (item, delay) = (message(dice, &mut self.started), dice.delay());
                let _ = same!(self, store, at => store.enqueue_for_orchestrator(item.clone(), delay).await);
            }
            3 | 4 => {
                let item = activity(dice);
                let _ = same!(self, store, at => store.enqueue_for_worker(item.clone()).await);
            }
            5 | 6 => self.fetch_turn().await,
            7..=9 => self.ack_turn(dice).await,
            10 => {
                let (tokens, delay, ignore) = (self.turn(dice), dice.delay(), dice.flag());
                let _ = same!(self, store, at => store.abandon_orchestration_item(&tokens[at], delay, ignore).await);
                let tokens = self.turn(dice);
                let _ = same!(self, store, at => store.renew_orchestration_item_lock(&tokens[at], LONG).await);
            }
            11 | 12 => self.fetch_job(dice).await,
            13 => {
                let tokens = self.job(dice);
                let completion = dice.flag().then(|| message(dice, &mut self.started));
                let _ = same!(self, store, at => store.ack_work_item(&tokens[at], completion.clone()).await);
            }
            14 => {
                let (tokens, delay, ignore) = (self.job(dice), dice.delay(), dice.flag());
                let _ = same!(self, store, at => store.abandon_work_item(&tokens[at], delay, ignore).await);
                let tokens = self.job(dice);
                let _ = same!(self, store, at => store.renew_work_item_lock(&tokens[at], LONG).await);
                let owners = dice.one::<&[&str]>(&[&[], &["x"], &["x", "y"]]);
                let _ = same!(self, store, at => store.renew_session_lock(owners, LONG, LONG).await);
            }
            _ => self.administer(dice).await,
        }
    }

    async fn administer(&mut self, dice: &mut Dice) {
        let (id, force) = (dice.one(&INSTANCES), dice.flag());
        if dice.roll(4) == 0 {
            let deleted = same!(self, store, at => admin(store).delete_instance(id, force).await);
            if deleted.is_ok() {
                self.started.remove(id);
            }
        } else {
            let options = PruneOptions::default();
            let _ = same!(self, store, at => admin(store).prune_executions(id, options.clone()).await);
        }
        let _ = same!(self, store, at => store.cleanup_orphaned_sessions(LONG).await);
    }

    /// Everything a reader can see; of PostgreSQL, where each look is a round trip, not after each step.
    async fn compare(&mut self, step: usize) {
        let is_their_turn = step % SERVER_LOOKS == SERVER_LOOKS - 1;
        self.asked = if is_their_turn { self.taking_part } else { STORES.len() - 1 };
        self.look().await;
        self.asked = self.taking_part;
    }

    async fn look(&self) {
        let _ = same!(self, store, at => admin(store).list_instances().await);
        let _ = same!(self, store, at => admin(store).get_system_metrics().await);
        let _ = same!(self, store, at => admin(store).get_queue_depths().await.map(|depths| depths.worker_queue));
        for id in INSTANCES {
            let _ = same!(self, store, at => admin(store).list_executions(id).await);
            let _ = same!(self, store, at => store.read(id).await);
            let _ = same!(self, store, at => store.read_with_execution(id, 1).await);
            let _ = same!(self, store, at => store.get_custom_status(id, 0).await);
            let _ = same!(self, store, at => store.get_kv_value(id, "colour").await);
            let _ = same!(self, store, at => store.get_instance_stats(id).await.map(|stats| stats.map(|stats| {
                (stats.history_event_count, stats.queue_pending_count, stats.kv_user_key_count, stats.kv_total_value_bytes)
            })));
            let _ = same!(self, store, at => admin(store).get_instance_info(id).await.map(|info| {
                (info.orchestration_name, info.orchestration_version, info.current_execution_id, info.status, info.output)
            }));
            for execution_id in [1, 2] {
                let _ = same!(self, store, at => admin(store).get_execution_info(id, execution_id).await.map(|info| {
                    (info.status, info.output, info.completed_at.is_some(), info.event_count)
                }));
            }
        }
    }
}

fn admin(store: &dyn Provider) -> &dyn duroxide::providers::ProviderAdmin {
    store.as_management_capability().expect("every store is manageable")
}

/// One of the last few leases, live or not; or one that nobody ever had.
fn recent(leases: &[Tokens], dice: &mut Dice) -> Tokens {
    let back = dice.one(&[0, 0, 0, 0, 1, 2, 3]);
    let lease = leases.iter().rev().nth(back).cloned();
    lease.unwrap_or_else(|| std::array::from_fn(|_| "made up".to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_stores_agree_on_every_call() {
    let mut turns = 0;
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let mut trio = Trio::new(if seed < SERVER_SEEDS { 3 } else { 2 }).await;
        for step in 0..STEPS {
            // Named for whoever reads the output of a failure.
            println!("seed {seed}, step {step}");
            trio.step(&mut dice).await;
            trio.compare(step).await;
        }
        turns += trio.turns.len();
    }
    assert!(turns > 100, "the runs must reach turns, found {turns}");
}
