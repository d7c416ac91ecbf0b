//! Each reason as it comes to be: a SQLite database in memory, and runtimes that do, or do not, what it takes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::worker as told;
use crate::activity::{ActivityContext, ActivityRegistry};
use crate::client::Client;
use crate::insight::{ActivityState, Explanation, FailureKind, Reason, Standing};
use crate::model::filter::{SessionFetchConfig, TagFilter};
use crate::model::insight::{Queue, TagsServed, WorkerInfo};
use crate::model::retry::{BackoffStrategy, RetryPolicy};
use crate::model::work_item::WorkItem;
use crate::providers::sqlite::SqliteProvider;
use crate::providers::transfer::{Side, Stage, TransferRecord, TransferStore};
use crate::providers::{InsightProvider, Provider};
use crate::registry::OrchestrationRegistry;
use crate::runtime::{Runtime, RuntimeOptions};

const LONG: Duration = Duration::from_secs(300);

/// After this, what must come to be does not.
const PATIENCE: Duration = Duration::from_secs(20);

struct Shop {
    store: Arc<SqliteProvider>,
    client: Client,
}

/// All orchestrations that these tests know.
fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("checkout", |ctx, _: String| async move { ctx.schedule_activity("charge", "").await })
        .register("tagged", |ctx, _: String| async move { ctx.schedule_activity("charge", "").with_tag("gpu").await })
        .register("unknown", |ctx, _: String| async move { ctx.schedule_activity("nobody", "").await })
        .register("fails", |ctx, _: String| async move { ctx.schedule_activity("fail", "").await })
        .register("panics", |_, _: String| async move { panic!("ouch") })
        .register("session", |ctx, _: String| async move {
            let first = ctx.schedule_activity_on_session("charge", "1", "s");
            let second = ctx.schedule_activity_on_session("charge", "2", "s");
            ctx.join(vec![first, second]).await;
            Ok(String::new())
        })
        .register("tries", |ctx, _: String| async move {
            let policy = RetryPolicy::new(5).with_backoff(BackoffStrategy::Fixed { delay: LONG });
            ctx.schedule_activity_with_retry("fail", "", policy).await
        })
        .register("waits", |ctx, _: String| async move {
            let (timer, message) = (ctx.schedule_timer(LONG), ctx.dequeue_event("mail"));
            ctx.join3(timer, message, ctx.schedule_wait("approved")).await;
            Ok(String::new())
        })
        .register("parent", |ctx, _: String| async move {
            ctx.schedule_sub_orchestration_with_id("asks", "child", "").await
        })
        .register("asks", |ctx, _: String| async move { Ok(ctx.schedule_wait("approved").await) })
        .register("again", |ctx, _: String| async move { ctx.continue_as_new_versioned("9.9.9", "").await })
        .register("done", |_, _: String| async move { Ok("done".to_owned()) })
        .build()
}

fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("charge", |_: ActivityContext, input: String| async move { Ok(input) })
        .register("fail", |_: ActivityContext, _: String| async move { Err("card declined".to_owned()) })
        .build()
}

fn takes(tags: TagFilter) -> RuntimeOptions {
    RuntimeOptions { worker_tag_filter: tags, ..RuntimeOptions::default() }
}

/// Turns only: activities stay where they are.
fn turns_only() -> RuntimeOptions {
    takes(TagFilter::None)
}

impl Shop {
    async fn open() -> Self {
        let store = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
        Shop { client: Client::new(Arc::clone(&store) as _), store }
    }

    async fn run(&self, options: RuntimeOptions) -> Arc<Runtime> {
        self.run_these(activities(), orchestrations(), options).await
    }

    async fn run_these(
        &self,
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
        options: RuntimeOptions,
    ) -> Arc<Runtime> {
        Runtime::start_with_options(Arc::clone(&self.store) as _, activities, orchestrations, options).await
    }

    async fn begin(&self, instance: &str, orchestration: &str) {
        self.client.start_orchestration(instance, orchestration, "").await.unwrap();
    }

    /// Brings an instance to where it stands when its first turn is over, with nobody there any more.
    async fn first_turn_only(&self, instance: &str, orchestration: &str) {
        let runtime = self.run(turns_only()).await;
        self.begin(instance, orchestration).await;
        self.until(instance, |found| found.stand != Standing::NotStarted && found.stand != Standing::Unknown).await;
        runtime.shutdown(None).await;
    }

    /// Looks until it is so.
    async fn until(&self, instance: &str, is_so: impl Fn(&Explanation) -> bool) -> Explanation {
        let becomes_so = async {
            loop {
                let found = self.client.explain(instance).await.unwrap();
                if is_so(&found) {
                    return found;
                }
                // Whoever brings it about is a task of this thread, or a thread of the store, which answers in order.
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(PATIENCE, becomes_so).await {
            Ok(found) => found,
            Err(_) => {
                let found = self.client.explain(instance).await.unwrap();
                panic!("expected something else within {PATIENCE:?}, found: {found}\n{found:?}");
            }
        }
    }

    async fn until_reason(&self, instance: &str, is_it: impl Fn(&Reason) -> bool) -> Explanation {
        self.until(instance, |found| found.reasons.iter().any(&is_it)).await
    }

    async fn until_activity(&self, instance: &str, is_it: impl Fn(&ActivityState) -> bool) -> Explanation {
        let is_it = |reason: &Reason| matches!(reason, Reason::Activity { state, .. } if is_it(state));
        self.until_reason(instance, is_it).await
    }

    /// A worker that is there, as far as the store knows.
    async fn announce(&self, worker: &WorkerInfo) {
        self.store.announce_worker(worker, LONG).await.unwrap();
    }

    async fn sql(&self, sql: &'static str) {
        sqlx::query(sql).execute(self.store.get_pool()).await.unwrap();
    }
}

#[tokio::test]
async fn an_id_that_nobody_used() {
    let shop = Shop::open().await;
    let found = shop.client.explain("order").await.unwrap();
    assert_eq!((found.stand, &found.reasons[..]), (Standing::Unknown, &[Reason::NoSuchInstance][..]));
}

#[tokio::test]
async fn messages_for_nobody() {
    let shop = Shop::open().await;
    shop.client.raise_event("order", "approved", "").await.unwrap();
    let found = shop.client.explain("order").await.unwrap();
    assert!(matches!(found.reasons[..], [Reason::MessagesForNobody { count: 1, .. }]), "{found}");
    let runtime = shop.run(RuntimeOptions::default()).await;
    // Somebody looked at it since, and put it aside.
    let found = shop.until_reason("order", |it| matches!(it, Reason::MessagesForNobody { .. })).await;
    assert_eq!(found.stand, Standing::Unknown);
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn a_start_without_anybody_to_take_it() {
    let shop = Shop::open().await;
    shop.begin("order", "checkout").await;
    let found = shop.client.explain("order").await.unwrap();
    assert_eq!(found.stand, Standing::NotStarted);
    let expected = [Reason::NoWorkers { last_seen_ms: None }];
    assert_eq!(found.reasons[..1], expected);
    assert!(matches!(found.reasons[1], Reason::StartWaits { .. }) && found.needs_help(), "{found}");
    assert_eq!(found.orchestration.as_ref().map(|it| it.name.as_str()), Some("checkout"));
}

#[tokio::test]
async fn a_start_of_what_no_live_worker_has() {
    let shop = Shop::open().await;
    let runtime = shop.run(RuntimeOptions::default()).await;
    shop.begin("order", "nothing").await;
    let given_back = |it: &Reason| matches!(it, Reason::TurnGivenBack { .. });
    let found = shop.until_reason("order", given_back).await;
    let is_it = |it: &Reason| matches!(it, Reason::NoHandler { name, version: None, .. } if name == "nothing");
    assert!(found.reasons.iter().any(is_it) && found.needs_help(), "{found}");
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn an_instance_in_a_version_that_no_live_worker_has() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "asks").await;
    let newer = OrchestrationRegistry::builder()
        .register_versioned("asks", "2.0.0", |_, _: String| async move { Ok(String::new()) })
        .build();
    let runtime = shop.run_these(activities(), newer, RuntimeOptions::default()).await;
    let found = shop.until_reason("order", |it| matches!(it, Reason::NoHandler { .. })).await;
    let is_it = |it: &Reason| {
        matches!(it, Reason::NoHandler { version: Some(version), found, .. }
            if version == "1.0.0" && found[..] == ["2.0.0"])
    };
    assert!(found.reasons.iter().any(is_it), "{found}");
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn nobody_is_there_any_more() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "asks").await;
    let dead = WorkerInfo { worker_id: "w".into(), ..told("w", true, "1.0.0") };
    shop.store.announce_worker(&dead, Duration::ZERO).await.unwrap();
    let found = shop.client.explain("order").await.unwrap();
    assert!(matches!(found.reasons[0], Reason::NoWorkers { last_seen_ms: Some(_) }), "{found}");
}

#[tokio::test]
async fn an_event_a_message_and_a_timer() {
    let shop = Shop::open().await;
    let runtime = shop.run(RuntimeOptions::default()).await;
    shop.begin("order", "waits").await;
    let found = shop.until("order", |found| found.reasons.len() == 3).await;
    let has = |is_it: fn(&Reason) -> bool| found.reasons.iter().any(is_it);
    assert!(has(|it| matches!(it, Reason::Event { name, .. } if name == "approved")), "{found}");
    assert!(has(|it| matches!(it, Reason::Message { queue, .. } if queue == "mail")), "{found}");
    let in_time = |due_ms: u64, since_ms: u64| due_ms.abs_diff(since_ms + 300_000) < 1_000;
    let timer = found.reasons.iter().find_map(|it| match it {
        Reason::Timer { since_ms, due_ms, is_lost: false, .. } => Some((*since_ms, *due_ms)),
        _ => None,
    });
    assert!(timer.is_some_and(|(since_ms, due_ms)| in_time(due_ms, since_ms)), "{found}");
    assert!(!found.needs_help());
    runtime.shutdown(None).await;
    shop.sql("DELETE FROM orchestrator_queue WHERE work_item GLOB '{\"TimerFired\"*'").await;
    let found = shop.client.explain("order").await.unwrap();
    assert!(found.reasons.iter().any(|it| matches!(it, Reason::Timer { is_lost: true, .. })), "{found}");
}

#[tokio::test]
async fn an_activity_that_runs_on_a_worker() {
    let shop = Shop::open().await;
    let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, may_go_on) = (Arc::clone(&began), Arc::clone(&go_on));
    let slow = ActivityRegistry::builder()
        .register("charge", move |_: ActivityContext, _: String| {
            let (began, go_on) = (Arc::clone(&began), Arc::clone(&go_on));
            async move {
                began.notify_one();
                go_on.notified().await;
                Ok(String::new())
            }
        })
        .build();
    let runtime = shop.run_these(slow, orchestrations(), RuntimeOptions::default()).await;
    shop.begin("order", "checkout").await;
    has_begun.notified().await;
    let runs = |state: &ActivityState| matches!(state, ActivityState::Held { holder, deliveries: 1, .. } if holder.is_alive == Some(true));
    let found = shop.until_activity("order", runs).await;
    assert!(found.to_string().contains("activity `charge` runs on worker "), "{found}");
    may_go_on.notify_one();
    runtime.shutdown(Some(10_000)).await;
}

#[tokio::test]
async fn an_activity_on_its_way_through_the_queue() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "checkout").await;
    shop.announce(&told("w", true, "1.0.0")).await;
    shop.until_activity("order", |state| *state == ActivityState::Queued).await;

    // Somebody takes it, and the worker behind the store is alive, and then dead.
    let (_, token, _) = shop.take_activity(None).await;
    let held = |is_alive| move |state: &ActivityState| matches!(state, ActivityState::Held { holder, .. } if holder.is_alive == Some(is_alive));
    shop.until_activity("order", held(true)).await;
    shop.store.announce_worker(&told("w", true, "1.0.0"), Duration::ZERO).await.unwrap();
    let found = shop.until_activity("order", held(false)).await;
    assert!(found.to_string().contains("which is dead; others take it in "), "{found}");
    shop.announce(&told("w", true, "1.0.0")).await;

    shop.store.abandon_work_item(&token, Some(LONG), false).await.unwrap();
    let given_back = |state: &ActivityState| matches!(state, ActivityState::GivenBack { deliveries: 1, .. });
    shop.until_activity("order", given_back).await;

    shop.sql("UPDATE worker_queue SET state = 1, visible_at = 0").await;
    let (_, token, _) = shop.take_activity(None).await;
    let result =
        WorkItem::ActivityCompleted { instance: "order".into(), execution_id: 1, id: 2, result: "paid".into() };
    shop.store.ack_work_item(&token, Some(result)).await.unwrap();
    let found = shop.until_activity("order", |state| *state == ActivityState::ResultQueued).await;
    assert!(found.reasons.iter().any(|it| matches!(it, Reason::MessagesWait { count: 1, .. })), "{found}");

    shop.sql("DELETE FROM orchestrator_queue").await;
    let found = shop.until_activity("order", |state| *state == ActivityState::Lost).await;
    assert!(found.needs_help());
}

impl Shop {
    async fn take_activity(&self, session: Option<&SessionFetchConfig>) -> (WorkItem, String, u32) {
        let taken = self.store.fetch_work_item(LONG, Duration::ZERO, session, &TagFilter::Any).await;
        taken.unwrap().expect("an activity waits")
    }
}

#[tokio::test]
async fn an_activity_that_no_live_worker_has() {
    let shop = Shop::open().await;
    let runtime = shop.run(RuntimeOptions::default()).await;
    shop.begin("order", "unknown").await;
    let found = shop.until_activity("order", |state| *state == ActivityState::NoHandler).await;
    assert!(found.needs_help());
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn a_tag_that_no_live_worker_serves() {
    let shop = Shop::open().await;
    let runtime = shop.run(RuntimeOptions::default()).await;
    shop.begin("order", "tagged").await;
    let is_it = |state: &ActivityState| *state == ActivityState::NoWorkerForTag { tag: Some("gpu".into()) };
    let found = shop.until_activity("order", is_it).await;
    assert!(found.to_string().contains("no live worker serves tag `gpu`") && found.needs_help(), "{found}");
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn an_activity_without_a_tag_where_only_tags_are_served() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "checkout").await;
    let tags = TagsServed { untagged: false, any: false, tags: vec!["gpu".into()] };
    shop.announce(&WorkerInfo { tags, ..told("w", true, "1.0.0") }).await;
    shop.until_activity("order", |state| *state == ActivityState::NoWorkerForTag { tag: None }).await;
}

#[tokio::test]
async fn a_session_that_somebody_else_has() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "session").await;
    shop.announce(&told("abc", true, "1.0.0")).await;
    let slot = SessionFetchConfig { owner_id: "work-0-abc".into(), lock_timeout: LONG };
    shop.take_activity(Some(&slot)).await;
    let is_it = |state: &ActivityState| {
        matches!(state, ActivityState::SessionHeld { session_id, holder, .. }
            if session_id == "s" && holder.is_alive == Some(true))
    };
    shop.until_activity("order", is_it).await;
}

#[tokio::test]
async fn an_activity_that_failed_and_is_tried_again_later() {
    let shop = Shop::open().await;
    let runtime = shop.run(RuntimeOptions::default()).await;
    shop.begin("order", "tries").await;
    // Whether a timer is the wait before another attempt only a recorded policy can tell; this one is not recorded.
    let waits = |it: &Reason| matches!(it, Reason::Timer { .. } | Reason::Activity { .. });
    let found = shop.until_reason("order", waits).await;
    assert!(!found.needs_help(), "{found}");
    runtime.shutdown(None).await;
}

#[cfg(feature = "macros")]
mod written_by_macros {
    use super::*;
    use crate::OrchestrationContext;

    #[crate::activity(name = "explained.pay", retry(max_attempts = 5, initial = "5m", factor = 1.0, max = "5m"))]
    async fn pay(_cents: u64) -> Result<(), String> {
        Err("card declined".to_owned())
    }

    #[crate::orchestration(name = "explained.order")]
    async fn order(ctx: OrchestrationContext, cents: u64) -> Result<(), String> {
        pay::call(&ctx, cents).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn an_activity_that_failed_tells_which_attempt_comes_next_and_when() {
        let shop = Shop::open().await;
        let runtime = Runtime::builder(Arc::clone(&shop.store) as _).register::<pay>().register::<order>();
        let runtime = runtime.start().await.unwrap();
        shop.client.start_orchestration("order", "explained.order", "1").await.unwrap();
        let between = |state: &ActivityState| matches!(state, ActivityState::BetweenAttempts { .. });
        let found = shop.until_activity("order", between).await;
        let said = found.to_string();
        assert!(said.contains("activity `explained.pay` (called at ") && said.contains("stores.rs:"), "{said}");
        assert!(said.contains(") failed 1 of 5 attempts: "), "{said}");
        assert!(said.contains("card declined") && said.contains("; next in 4 min "), "{said}");
        let place = found.orchestration.as_ref().and_then(|it| it.defined_at.as_deref()).unwrap_or_default();
        assert!(place.contains("stores.rs:"), "{said}");
        runtime.shutdown(None).await;
    }
}

#[tokio::test]
async fn a_child_whose_end_was_lost() {
    let shop = Shop::open().await;
    let runtime = shop.run(RuntimeOptions::default()).await;
    shop.begin("order", "parent").await;
    shop.until("order", |found| found.children.first().is_some_and(|child| child.stand == Standing::Running)).await;
    runtime.shutdown(None).await;
    // The child goes on, and its parent does not.
    shop.client.raise_event("child", "approved", "").await.unwrap();
    let child_only = OrchestrationRegistry::builder()
        .register("asks", |ctx, _: String| async move { Ok(ctx.schedule_wait("approved").await) })
        .build();
    let runtime = shop.run_these(activities(), child_only, turns_only()).await;
    let is_told = |it: &Reason| matches!(it, Reason::Child { has_ended: true, is_lost: false, .. });
    let found = shop.until_reason("order", is_told).await;
    assert!(!found.reasons.iter().any(|it| matches!(it, Reason::Child { is_lost: true, .. })), "{found}");
    runtime.shutdown(None).await;
    shop.sql("DELETE FROM orchestrator_queue").await;
    let found = shop.client.explain("order").await.unwrap();
    let is_lost = |it: &Reason| matches!(it, Reason::Child { has_ended: false, is_lost: true, .. });
    assert!(found.reasons.iter().any(is_lost) && found.needs_help(), "{found}");
}

#[tokio::test]
async fn a_child_and_what_it_waits_for() {
    let shop = Shop::open().await;
    let runtime = shop.run(RuntimeOptions::default()).await;
    shop.begin("order", "parent").await;
    let asks = |found: &Explanation| {
        let child = found.children.first();
        child.is_some_and(|child| matches!(child.reasons[..], [Reason::Event { .. }]))
    };
    let found = shop.until("order", asks).await;
    assert!(
        matches!(&found.reasons[..], [Reason::Child { instance_id, has_ended: false, .. }] if instance_id == "child")
    );
    let flat = shop.client.explain_deep("order", 0).await.unwrap();
    assert_eq!(flat.children, []);
    runtime.shutdown(None).await;
    // The child ends, and nobody is there to tell its parent.
    let result = WorkItem::SubOrchCompleted {
        parent_instance: "order".into(),
        parent_execution_id: 1,
        parent_id: 2,
        result: String::new(),
    };
    shop.store.enqueue_for_orchestrator(result, None).await.unwrap();
    let found = shop.client.explain("order").await.unwrap();
    assert!(found.reasons.iter().any(|it| matches!(it, Reason::Child { has_ended: true, .. })), "{found}");
    assert_eq!(found.children, []);
}

#[tokio::test]
async fn a_cancellation_that_nobody_has_processed() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "asks").await;
    shop.client.cancel_instance("order", "why").await.unwrap();
    let found = shop.client.explain("order").await.unwrap();
    assert!(found.reasons.iter().any(|it| matches!(it, Reason::CancelWaits { .. })), "{found}");
}

/// Our own turns end what they cancel; a history from elsewhere need not have got that far.
#[tokio::test]
async fn a_cancellation_that_was_heard_of_and_not_followed() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "asks").await;
    shop.sql(
        "UPDATE history SET event_type = 'OrchestrationCancelRequested', event_data = json_set(
             json_remove(event_data, '$.name'), '$.type', 'OrchestrationCancelRequested', '$.reason', 'why')
         WHERE event_id = 2",
    )
    .await;
    let found = shop.client.explain("order").await.unwrap();
    let is_it = |it: &Reason| matches!(it, Reason::Cancelling { message, .. } if message == "why");
    assert!(found.reasons.iter().any(is_it), "{found}");
}

/// Ours are answered in the turn that asks; older runtimes leave them to workers.
#[tokio::test]
async fn a_question_to_the_runtime_that_nobody_answers() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "checkout").await;
    let name = "UPDATE history SET event_data = json_set(event_data, '$.name', '__duroxide_syscall:get_kv_value')
         WHERE event_id = 2";
    shop.sql(name).await;
    let found = shop.client.explain("order").await.unwrap();
    assert!(found.reasons.iter().any(|it| matches!(it, Reason::SystemCall { .. })), "{found}");
    assert!(found.to_string().contains("waits for the runtime to answer `get_kv_value` since "), "{found}");
}

#[tokio::test]
async fn a_message_that_nobody_has_processed() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "asks").await;
    shop.client.raise_event("order", "approved", "").await.unwrap();
    let found = shop.client.explain("order").await.unwrap();
    assert!(found.reasons.iter().any(|it| matches!(it, Reason::MessagesWait { count: 1, .. })), "{found}");
}

#[tokio::test]
async fn a_turn_in_the_hands_of_a_worker_that_lives_or_not() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "asks").await;
    shop.client.raise_event("order", "approved", "").await.unwrap();
    shop.announce(&told("w", true, "1.0.0")).await;
    let taken = shop.store.fetch_orchestration_item(LONG, Duration::ZERO, None).await.unwrap();
    let (_, token, _) = taken.expect("a message waits");
    let held = |is_alive| move |it: &Reason| matches!(it, Reason::TurnHeld { holder, .. } if holder.is_alive == Some(is_alive));
    shop.until_reason("order", held(true)).await;
    shop.store.announce_worker(&told("w", true, "1.0.0"), Duration::ZERO).await.unwrap();
    shop.until_reason("order", held(false)).await;
    shop.announce(&told("w", true, "1.0.0")).await;
    shop.store.abandon_orchestration_item(&token, Some(LONG), false).await.unwrap();
    shop.until_reason("order", |it| matches!(it, Reason::TurnGivenBack { attempts: 1, .. })).await;
}

#[tokio::test]
async fn rows_that_could_not_be_read() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "checkout").await;
    shop.sql("UPDATE worker_queue SET work_item = 'garbage'").await;
    let taken = shop.store.fetch_work_item(LONG, Duration::ZERO, None, &TagFilter::Any).await;
    assert!(matches!(taken, Ok(None)), "{taken:?}");
    let found = shop.client.explain("order").await.unwrap();
    let is_it = |it: &Reason| matches!(it, Reason::Quarantined { queue: Queue::Worker, .. });
    assert!(found.reasons.iter().any(is_it) && found.needs_help(), "{found}");
}

#[tokio::test]
async fn a_history_that_cannot_be_read() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "asks").await;
    shop.sql("UPDATE history SET event_data = 'garbage'").await;
    let found = shop.client.explain("order").await.unwrap();
    assert_eq!(found.stand, Standing::Running);
    assert!(found.reasons.iter().any(|it| matches!(it, Reason::HistoryUnreadable { .. })), "{found}");
    assert_eq!(found.orchestration.map(|it| it.name), Some("asks".to_owned()));
}

#[tokio::test]
async fn an_execution_of_a_later_version_of_this_library() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "asks").await;
    shop.sql("UPDATE history SET event_data = json_set(event_data, '$.duroxide_version', '99.0.0')").await;
    let runtime = shop.run(RuntimeOptions::default()).await;
    let found = shop.until_reason("order", |it| matches!(it, Reason::NoReplayer { .. })).await;
    let is_it = |it: &Reason| matches!(it, Reason::NoReplayer { pinned, .. } if pinned == "99.0.0");
    assert!(found.reasons.iter().any(is_it) && found.needs_help(), "{found}");
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn a_store_that_is_being_moved() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "asks").await;
    let record = TransferRecord {
        id: "t".into(),
        side: Side::Source,
        stage: Stage::Copying,
        peer: "elsewhere".into(),
        shift_ms: 0,
        checkpoint: None,
    };
    shop.store.close(&record).await.unwrap();
    let found = shop.client.explain("order").await.unwrap();
    let is_it = |it: &Reason| matches!(it, Reason::StoreClosed { message } if message.contains("elsewhere"));
    assert!(is_it(&found.reasons[0]) && found.needs_help(), "{found}");
}

#[tokio::test]
async fn an_execution_that_has_not_begun_after_the_one_before() {
    let shop = Shop::open().await;
    let runtime = shop.run(RuntimeOptions::default()).await;
    shop.begin("order", "again").await;
    let found = shop.until("order", |found| found.stand == Standing::BetweenExecutions).await;
    assert!(!found.reasons.is_empty(), "{found}");
    shop.until_reason("order", |it| matches!(it, Reason::TurnGivenBack { .. })).await;
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn nothing_that_the_store_knows_of() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "asks").await;
    shop.announce(&told("w", true, "1.0.0")).await;
    shop.sql("DELETE FROM history WHERE event_id > 1").await;
    // The worker that is there has another orchestration only, which is said, too.
    let found = shop.client.explain("order").await.unwrap();
    assert!(matches!(found.reasons[..], [Reason::NoHandler { .. }]), "{found}");
    let runtime = shop.run(turns_only()).await;
    let found = shop.until("order", |found| matches!(found.reasons[..], [Reason::Nothing { .. }])).await;
    assert!(found.needs_help());
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn what_has_ended_and_how() {
    let shop = Shop::open().await;
    let runtime = shop.run(RuntimeOptions::default()).await;
    shop.begin("done", "done").await;
    let found = shop.until("done", |found| found.stand == Standing::Completed).await;
    assert!(matches!(found.reasons[..], [Reason::Completed { .. }]), "{found}");
    shop.begin("asked", "asks").await;
    shop.client.cancel_instance("asked", "why").await.unwrap();
    for (instance, orchestration, expected) in [
        ("failed", "fails", FailureKind::Returned),
        ("panicked", "panics", FailureKind::Panicked),
        ("asked", "", FailureKind::Cancelled),
    ] {
        if !orchestration.is_empty() {
            shop.begin(instance, orchestration).await;
        }
        let found = shop.until(instance, |found| found.stand == Standing::Failed).await;
        assert!(matches!(found.reasons[..], [Reason::Failed { kind, .. }] if kind == expected), "{found}");
    }
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn code_that_asks_for_something_else_than_history_records() {
    let shop = Shop::open().await;
    shop.first_turn_only("order", "asks").await;
    shop.client.raise_event("order", "approved", "").await.unwrap();
    let other = OrchestrationRegistry::builder()
        .register("asks", |ctx, _: String| async move { ctx.schedule_activity("charge", "").await })
        .build();
    let runtime = shop.run_these(activities(), other, RuntimeOptions::default()).await;
    let is_it = |it: &Reason| matches!(it, Reason::Failed { kind: FailureKind::Nondeterminism, .. });
    shop.until_reason("order", is_it).await;
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn what_was_tried_too_often_or_could_never_be_read() {
    let shop = Shop::open().await;
    shop.first_turn_only("poisoned", "asks").await;
    shop.first_turn_only("damaged", "asks").await;
    shop.sql("UPDATE history SET event_data = 'garbage' WHERE instance_id = 'damaged'").await;
    for instance in ["poisoned", "damaged"] {
        shop.client.raise_event(instance, "approved", "").await.unwrap();
    }
    shop.sql("UPDATE orchestrator_queue SET attempt_count = 1000 WHERE instance_id = 'poisoned'").await;
    let options = RuntimeOptions { max_attempts: 1, ..RuntimeOptions::default() };
    let runtime = shop.run(options).await;
    let poisoned = |it: &Reason| matches!(it, Reason::Failed { kind: FailureKind::Poison, .. });
    shop.until_reason("poisoned", poisoned).await;
    // What ended it stands behind what cannot be read.
    let found = shop.until("damaged", |found| found.stand == Standing::Failed).await;
    assert!(matches!(found.reasons[0], Reason::HistoryUnreadable { .. }), "{found}");
    runtime.shutdown(None).await;
}
