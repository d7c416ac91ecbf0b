//! The defects of the published crate, each as a test that is red on it.
//!
//! | defect | here | inside the library |
//! |---|---|---|
//! | D1 an event or cancel for nobody stops the queue | `queues::d01_…` | `runtime::tests::faults::messages_for_nobody_stop_nobody` |
//! | D2 so does a dropped, never started child | `queues::d02_…` | `replay::tests::drops::a_child_dropped_in_the_turn_that_ends_…` |
//! | D3 one failed renewal loses an activity | `leases::d03_…` | `runtime::tests::faults::one_failed_renewal_does_not_cost_an_activity` |
//! | D4 a limit broken by a child: parent waits, two ends | `code::d04_…` | `replay::tests::ends::a_broken_limit_fails_once_and_tells_the_parent` |
//! | D5 `with_tag` after an await aborts the process | `code::d05_…` | `replay::tests::machine::a_late_tag_fails_the_orchestration_…` |
//! | D6 the abandon after failed acks never happens | `leases::d06_…` (three) | `runtime::tests::faults::a_turn_that_the_store_is_too_busy_for_…` |
//! | D7 key-values are stamped again on replay | `code::d07_…` | `replay::tests::steps::pruning_by_age_decides_the_same_on_replay` |
//! | D8 messages that do not parse are deleted | `queues::d08_…` (two) | `what_cannot_be_read_is_set_aside_…` of each store |
//! | D9 times are 0 | `stores::d09_…` | |
//! | D10 acknowledged before durable | `stores::d10_…`: a kill only | `providers::sqlite::tests::{pragmas_of_a_file_are_read_back_and_in_force, power_loss_takes_leases_at_most_only_their_batch_goes_without_a_flush, a_leases_flush_is_that_of_its_batch}`; power cuts in a model of the disk: `tests/power` |
//! | D11 a duplicate failure is nondeterminism | `queues::d11_…` | `replay::tests::mismatches::duplicate_completion_and_stale_messages_are_dropped` |
//! | D12 depths, gauges and counters are wrong | `figures::d12_…` (three) | `runtime::tests::journeys` |
//! | D13 runtime ids collide | `stores::d13_…` | |
//! | D14 a child of a deleted parent is never acknowledged | `queues::d14_…` | |
//! | D15 a panic ends a dispatcher slot | `leases::d15_…` (two) | `runtime::tests::faults::a_slot_survives_a_store_that_panics` |
//! | D16 deletion is checked too early, versions overflow | `stores::d16_…` (two) | |
//! | D17 nobody answers system calls without workers | `code::d17_…` | `runtime::tests::journeys::system_calls_are_answered_…` |
//! | D18 large results fail orchestrations | `stores::d18_…`; memory is for the benchmarks | |
//! | D19 nothing is reported of a read-only store | `stores::d19_…` (five) | |
//! | D20 awaiting a foreign future hangs | `code::d20_…` | `replay::tests::machine::a_foreign_future_alone_…` |

mod code;
mod faulty;
mod figures;
mod leases;
mod queues;
mod stores;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{Event, EventKind, Provider};
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{OrchestrationRegistry, Runtime, RuntimeOptions, Warmth};
use duroxide::{ActivityContext, Client, OrchestrationStatus};

/// Longer than anything here takes; past it a test fails instead of hanging. In virtual time it costs nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than [`PATIENCE`]: whoever waits for the end of such a lease fails.
const LEASE_FOR_EVER: Duration = Duration::from_secs(3_600);

/// Runs each test in memory, on a SQLite file and on PostgreSQL: `d01_…::in_memory`, `d01_…::on_sqlite`,
/// `d01_…::on_postgres`.
///
/// In memory the clock is virtual, of the store as well; SQLite has threads of its own, and PostgreSQL a clock,
/// so they run in real time.
macro_rules! on_every_store {
    ($($defect:ident),* $(,)?) => {
        $(
            mod $defect {
                #[tokio::test(start_paused = true)]
                async fn in_memory() {
                    super::$defect($crate::defects::memory_in_virtual_time()).await;
                }

                #[tokio::test]
                async fn on_sqlite() {
                    let (store, _kept) = $crate::stores::sqlite_file().await;
                    super::$defect(store).await;
                }

                #[tokio::test]
                async fn on_postgres() {
                    let (store, _kept) = $crate::stores::postgres().await;
                    super::$defect(store).await;
                }
            }
        )*
    };
}
use on_every_store;

/// The same for what depends on the wall clock, with which events are stamped.
macro_rules! on_every_store_in_real_time {
    ($($defect:ident),* $(,)?) => {
        $(
            mod $defect {
                #[tokio::test]
                async fn in_memory() {
                    let (store, _kept) = $crate::stores::memory();
                    super::$defect(store).await;
                }

                #[tokio::test]
                async fn on_sqlite() {
                    let (store, _kept) = $crate::stores::sqlite_file().await;
                    super::$defect(store).await;
                }

                #[tokio::test]
                async fn on_postgres() {
                    let (store, _kept) = $crate::stores::postgres().await;
                    super::$defect(store).await;
                }
            }
        )*
    };
}
use on_every_store_in_real_time;

fn memory_in_virtual_time() -> Arc<dyn Provider> {
    let began = tokio::time::Instant::now();
    let began_ms = now_ms();
    let clock = move || began_ms + began.elapsed().as_millis() as u64;
    Arc::new(MemoryProvider::with_clock(Arc::new(clock)))
}

#[expect(clippy::disallowed_methods, reason = "a store in virtual time begins at the wall clock")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// Options of a runtime whose store does not tell when there is work, so that it looks often.
fn options() -> RuntimeOptions {
    RuntimeOptions { dispatcher_min_poll_interval: Duration::from_millis(2), ..RuntimeOptions::default() }
}

/// `Echo` returns its input, `Fail` fails with it.
fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move { Ok(input) })
        .register("Fail", |_: ActivityContext, input: String| async move { Err(input) })
        .build()
}

/// `Echo` calls the activity of that name, `Waits` returns the event `go`.
fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Echo", |ctx, input: String| async move { ctx.schedule_activity("Echo", input).await })
        .register("Waits", |ctx, _| async move { Ok(ctx.schedule_wait("go").await) })
        .build()
}

/// One runtime and one client on a store.
struct Stage {
    store: Arc<dyn Provider>,
    client: Client,
    runtime: Arc<Runtime>,
}

impl Stage {
    async fn on(store: Arc<dyn Provider>, orchestrations: OrchestrationRegistry) -> Stage {
        Stage::with(store, activities(), orchestrations, options()).await
    }

    /// Each turn replays.
    async fn cold(store: Arc<dyn Provider>, orchestrations: OrchestrationRegistry) -> Stage {
        let runtime = Runtime::builder(Arc::clone(&store)).options(options()).warmth(Warmth::Off);
        let runtime = runtime.activities(activities()).orchestrations(orchestrations).start().await;
        Stage { client: Client::new(Arc::clone(&store)), runtime: runtime.expect("all is registered once"), store }
    }

    async fn with(
        store: Arc<dyn Provider>,
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
        options: RuntimeOptions,
    ) -> Stage {
        Stage {
            client: Client::new(Arc::clone(&store)),
            runtime: Runtime::start_with_options(Arc::clone(&store), activities, orchestrations, options).await,
            store,
        }
    }

    async fn start(&self, instance: &str, orchestration: &str, input: &str) {
        let started = self.client.start_orchestration(instance, orchestration, input).await;
        started.unwrap();
    }

    async fn ended(&self, instance: &str) -> Result<String, String> {
        match self.client.wait_for_orchestration(instance, PATIENCE).await {
            Ok(OrchestrationStatus::Completed { output, .. }) => Ok(output),
            Ok(OrchestrationStatus::Failed { details, .. }) => Err(details.display_message()),
            other => panic!("{instance} did not end: {other:?}"),
        }
    }

    async fn run(&self, instance: &str, orchestration: &str, input: &str) -> Result<String, String> {
        self.start(instance, orchestration, input).await;
        self.ended(instance).await
    }

    /// Waits until the orchestration waits for an event: one that comes earlier is not delivered.
    async fn until_waiting(&self, instance: &str) {
        let is_wait = |event: &Event| matches!(event.kind, EventKind::ExternalSubscribed { .. });
        eventually("the orchestration waits for its event", async || {
            self.store.read(instance).await.unwrap().iter().any(is_wait)
        })
        .await;
    }

    /// The queues move: a new orchestration runs through both of them.
    async fn assert_others_run(&self) {
        assert_eq!(self.run("another", "Echo", "alive").await.as_deref(), Ok("alive"));
    }

    async fn end(self) {
        self.runtime.shutdown(None).await;
    }
}

async fn eventually(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_true().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "it never came about: {what}");
}
