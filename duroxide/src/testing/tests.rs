//! What a test sees of an orchestration: results, requests, time, and what is wrong.

#![cfg(feature = "macros")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::answers::panic_text;
use super::*;
use crate::activity::ActivityContext;
use crate::context::orchestration::OrchestrationContext;
use crate::model::error::AppErrorKind;
use crate::typed::CallError;

#[duroxide_macros::activity]
async fn charge(order: String, cents: u64) -> Result<u64, String>;

#[duroxide_macros::activity]
async fn refund(order: String) -> Result<(), String> {
    let _ = order;
    Ok(())
}

#[duroxide_macros::activity]
async fn ping() -> Result<(), String> {
    Ok(())
}

#[duroxide_macros::event(name = "approved")]
#[derive(serde::Serialize, serde::Deserialize)]
struct Approved {
    by: String,
}

#[duroxide_macros::orchestration]
async fn checkout(ctx: OrchestrationContext, order: String, patience: String) -> Result<String, String> {
    let cents = charge::call(&ctx, order.clone(), 50).await?;
    duroxide::select! {
        approved = ctx.wait::<Approved>() => Ok(format!("{cents} by {}", approved.by)),
        _ = ctx.timer(patience.as_str()) => {
            refund::call(&ctx, order).await?;
            Err("nobody approved".to_owned())
        }
    }
}

#[duroxide_macros::orchestration]
async fn both(ctx: OrchestrationContext, orders: Vec<String>) -> Result<Vec<String>, String> {
    let children = orders.into_iter().map(|order| checkout::call(&ctx, order, "1h".to_owned())).collect();
    Ok(ctx.join(children).await.into_iter().map(|end| end.unwrap_or_else(String::from)).collect())
}

#[duroxide_macros::orchestration]
async fn rounds(ctx: OrchestrationContext, left: u64) -> Result<u64, String> {
    let approved = ctx.queue::<Approved>().await;
    ctx.set_custom_status(approved.by);
    ctx.set_kv_value("left", left.to_string());
    if left > 0 {
        return rounds::continue_as_new(&ctx, left - 1).await;
    }
    Ok(ctx.execution_id())
}

fn tea() -> (String, String) {
    ("tea".to_owned(), "100days".to_owned())
}

fn paid() -> Harness {
    let mut harness = Harness::new();
    harness.mock::<charge>(|order: String, cents| Ok(cents + order.len() as u64));
    harness
}

/// What the harness says before it gives up.
fn complaint(test: impl FnOnce(&mut Harness)) -> String {
    let mut harness = Harness::new();
    let panic = catch_unwind(AssertUnwindSafe(|| test(&mut harness))).expect_err("the test must fail");
    panic_text(&*panic)
}

#[test]
fn time_passes_when_there_is_nothing_else_to_do() {
    let mut harness = paid();
    harness.register::<refund>();
    let error = harness.run::<checkout>(tea()).unwrap_err();
    assert!(matches!(error, CallError::App(text) if text == "nobody approved"));
    assert_eq!(harness.elapsed(), Duration::from_secs(100 * 86_400));
}

#[test]
fn what_was_asked_for_is_told_in_order() {
    let mut harness = paid();
    harness.after("1h").raise(Approved { by: "eve".to_owned() });
    assert_eq!(harness.run::<checkout>(tea()).unwrap(), "53 by eve");
    assert_eq!(harness.elapsed(), Duration::from_secs(3_600));
    let asked =
        [Asked::activity::<charge>(("tea".to_owned(), 50)), Asked::event::<Approved>(), Asked::timer("100days")];
    assert_eq!(harness.asked(), asked);
    assert_eq!(harness.calls::<charge>(), [("tea".to_owned(), 50)]);
    let texts: Vec<String> = asked.iter().map(Asked::to_string).collect();
    assert_eq!(
        texts,
        [
            r#"activity `charge` with {"cents":50,"order":"tea"}"#,
            "event `approved`",
            "timer of 3months 8days 16h 19m 12s"
        ]
    );
}

#[test]
fn a_test_may_go_step_by_step() {
    let mut harness = paid();
    harness.start::<checkout>(tea());
    harness.advance("99days");
    assert!(matches!(harness.status(ROOT), OrchestrationStatus::Running { .. }));
    harness.raise(Approved { by: "eve".to_owned() });
    assert_eq!(harness.finish::<checkout>().unwrap(), "53 by eve");
}

#[test]
fn a_cancelled_orchestration_ends_as_cancelled() {
    let mut harness = paid();
    harness.after("1h").cancel("enough");
    let error = harness.run::<checkout>(tea()).unwrap_err();
    assert!(matches!(error, CallError::Cancelled { reason } if reason == "enough"), "{:?}", harness.asked());
}

#[test]
fn an_answer_takes_as_long_as_it_is_said_to_take() {
    let mut harness = Harness::new();
    harness.mock::<charge>(|_, cents| Ok(cents)).takes("90days");
    harness.after("91days").raise(Approved { by: "eve".to_owned() });
    assert_eq!(harness.run::<checkout>(tea()).unwrap(), "50 by eve");
    let complaint = complaint(|harness| {
        harness.mock::<charge>(|_, cents| Ok(cents)).takes(Duration::MAX);
        let _ = harness.run::<checkout>(tea());
    });
    assert!(complaint.contains("it waits for\n  activity `charge` with"), "{complaint}");
}

#[test]
fn a_mock_may_fail_a_few_times_and_keep_what_it_saw() {
    let mut harness = Harness::new();
    let mut left = 2;
    harness.mock_named("Flaky", move |input| {
        left -= 1;
        if left > 0 { Err("busy".to_owned()) } else { Ok(input) }
    });
    let flow = async |ctx: OrchestrationContext, input: String| {
        let policy = crate::model::retry::RetryPolicy::new(3);
        ctx.schedule_activity_with_retry("Flaky", input, policy).await
    };
    harness.orchestrations(
        OrchestrationRegistry::builder().register("Flow", move |ctx, input| Box::pin(flow(ctx, input))).build(),
    );
    assert_eq!(harness.run_named("Flow", "x").unwrap(), "x");
}

#[test]
fn activities_and_orchestrations_by_string_run_as_they_are() {
    let mut harness = Harness::new();
    let activities = ActivityRegistry::builder()
        .register("Greet", |ctx: ActivityContext, input: String| async move {
            Ok(format!("{input} from {} in {}", ctx.orchestration_name(), ctx.instance_id()))
        })
        .register("Panic", |_: ActivityContext, _: String| async move { panic!("no") });
    harness.activities(activities.build());
    let orchestrations = OrchestrationRegistry::builder()
        .register("Hello", |ctx: OrchestrationContext, input: String| async move {
            let error = ctx.schedule_activity("Panic", "").await.unwrap_err();
            assert!(error.contains("no"), "{error}");
            ctx.schedule_activity("Greet", input).await
        })
        .register("Fails", |_: OrchestrationContext, input: String| async move { Err(input) });
    harness.orchestrations(orchestrations.build());
    assert_eq!(harness.run_named("Hello", "Hi").unwrap(), "Hi from Hello in root");
    harness.start_named("second", "Fails", "why");
    let failed = ErrorDetails::application(AppErrorKind::OrchestrationFailed, "why");
    assert_eq!(harness.end_of("second").unwrap_err(), failed);
}

#[test]
fn children_run_or_are_mocked() {
    let mut harness = paid();
    harness.register::<checkout>();
    harness.register::<refund>();
    harness.after("10m").to("root::sub::2").raise(Approved { by: "eve".to_owned() });
    let orders = vec!["tea".to_owned(), "milk".to_owned()];
    assert_eq!(harness.run::<both>(orders.clone()).unwrap(), ["53 by eve", "nobody approved"]);
    assert_eq!(harness.elapsed(), Duration::from_secs(3_600));
    assert_eq!(harness.asked_by("root::sub::2").len(), 3);

    let mut harness = Harness::new();
    let mut count = 0;
    harness
        .mock_child::<checkout>(move |order: String, _patience| {
            count += 1;
            if order == "tea" { Ok(format!("{count} {order}")) } else { Err(format!("{count} no {order}")) }
        })
        .takes("1h");
    assert_eq!(harness.run::<both>(orders).unwrap(), ["1 tea", "2 no milk"]);
    let child = |order: &str| Asked::child::<checkout>((order.to_owned(), "1h".to_owned()));
    assert_eq!(harness.asked(), [child("tea"), child("milk")]);
}

#[test]
fn a_mock_is_stronger_than_what_is_registered_before_or_after() {
    let mut harness = paid();
    harness.register::<refund>();
    harness.mock::<refund>(|_| Err("the bank is closed".to_owned()));
    harness.register::<refund>();
    let error = harness.run::<checkout>(tea()).unwrap_err();
    assert!(matches!(error, CallError::App(text) if text == "the bank is closed"));
}

#[test]
fn executions_follow_each_other_with_their_messages_and_values() {
    let mut harness = Harness::new();
    for by in ["a", "b", "c"] {
        harness.after("1s").enqueue(Approved { by: by.to_owned() });
    }
    assert_eq!(harness.run::<rounds>(2).unwrap(), 3);
    assert!(
        matches!(harness.status(ROOT), OrchestrationStatus::Completed { custom_status: Some(by), .. } if by == "c")
    );
    let again = harness.asked().into_iter().filter(|asked| matches!(asked, Asked::ContinueAsNew { .. })).count();
    assert_eq!(again, 2);
}

#[test]
fn what_the_runtime_answers_is_the_same_each_time() {
    let ids = || {
        let mut harness = Harness::new();
        let flow = |ctx: OrchestrationContext, _: String| async move {
            let now = ctx.utc_now().await?;
            assert_eq!(now, std::time::UNIX_EPOCH + Duration::from_secs(1_704_067_200));
            Ok(ctx.new_guid().await? + &ctx.new_guid().await?)
        };
        harness.orchestrations(OrchestrationRegistry::builder().register("Flow", flow).build());
        let id = harness.run_named("Flow", "").unwrap();
        assert!(harness.asked().is_empty());
        id
    };
    let id = ids();
    assert_eq!(id, ids());
    assert_ne!(id[..36], id[36..]);
    assert!(uuid::Uuid::parse_str(&id[..36]).is_ok(), "{id}");
}

#[test]
fn what_nobody_answers_ends_the_test_with_what_to_write() {
    let text = complaint(|harness| drop(harness.run::<checkout>(tea())));
    assert!(
        text.starts_with("orchestration `checkout` (instance `root`, event 2) asked for activity `charge`"),
        "{text}"
    );
    assert!(text.contains("harness.mock::<charge>(|..| Ok(..))"), "{text}");
    let text = complaint(|harness| drop(harness.run::<both>(vec!["tea".to_owned()])));
    assert!(text.contains("is to run orchestration `checkout` 1.0.0, which the harness does not know"), "{text}");
    let text = complaint(|harness| {
        harness.mock::<charge>(|_, cents| Ok(cents));
        drop(harness.run::<rounds>(1));
    });
    assert!(text.contains("it waits for\n  message in queue `approved`"), "{text}");
    let text = complaint(|harness| drop(harness.end_of("nobody")));
    assert_eq!(text, "instance `nobody` was never started");
}

#[test]
fn an_independent_orchestration_that_is_not_known_is_only_started() {
    let mut harness = Harness::new();
    let flow = |ctx: OrchestrationContext, _: String| async move {
        checkout::start_detached(&ctx, "o-1", "tea".to_owned(), "1h".to_owned());
        Ok(String::new())
    };
    harness.orchestrations(OrchestrationRegistry::builder().register("Flow", flow).build());
    harness.run_named("Flow", "").unwrap();
    harness.advance("1day");
    assert_eq!(harness.asked(), [Asked::start::<checkout>("o-1", ("tea".to_owned(), "1h".to_owned()))]);
}

mod later {
    use super::OrchestrationContext;

    #[duroxide_macros::orchestration(name = "rounds", version = "2.0.0")]
    pub(super) async fn rounds(ctx: OrchestrationContext, left: u64) -> Result<u64, String> {
        let _ = ctx.now().await;
        if left == 7 { rounds::continue_as_new(&ctx, 1).version("1.0.0").await } else { Ok(left + 100) }
    }
}

#[test]
fn the_next_execution_and_an_independent_one_run_in_the_version_asked_for() {
    let mut harness = Harness::new();
    harness.register::<rounds>();
    harness.enqueue(Approved { by: "a".to_owned() });
    harness.after("1s").enqueue(Approved { by: "b".to_owned() });
    harness.after("2s").enqueue(Approved { by: "c".to_owned() });
    // Back to version 1, which stays that.
    assert_eq!(harness.run::<later::rounds>(7).unwrap(), 3);
    let flow = |ctx: OrchestrationContext, _: String| async move {
        later::rounds::start_detached(&ctx, "latest", 1);
        later::rounds::start_detached(&ctx, "first", 0).version("1.0.0");
        Ok(String::new())
    };
    harness.orchestrations(OrchestrationRegistry::builder().register("Flow", flow).build());
    harness.start_named("flow", "Flow", "");
    harness.after("1s").to("first").enqueue(Approved { by: "d".to_owned() });
    harness.end_of("flow").unwrap();
    assert_eq!(harness.end_of("latest").unwrap(), "101");
    assert_eq!(harness.end_of("first").unwrap(), "1");
}

/// Three versions of one orchestration; the first goes on as it is told.
mod moving {
    use super::{OrchestrationContext, checkout};

    #[duroxide_macros::orchestration(name = "Moves")]
    pub(super) async fn first(ctx: OrchestrationContext, how: String) -> Result<String, String> {
        let next = "end".to_owned();
        match how.as_str() {
            "stay" => first::continue_as_new(&ctx, next).await,
            "latest" => first::continue_as_new(&ctx, next).latest().await,
            "second" => second::continue_as_new(&ctx, next).await,
            "another" => checkout::continue_as_new(&ctx, next, String::new()).await,
            _ => Ok(ctx.orchestration_version()),
        }
    }

    #[duroxide_macros::orchestration(name = "Moves", version = "2.0.0")]
    pub(super) async fn second(ctx: OrchestrationContext, _how: String) -> Result<String, String> {
        Ok(ctx.orchestration_version())
    }

    #[duroxide_macros::orchestration(name = "Moves", version = "3.0.0")]
    pub(super) async fn third(ctx: OrchestrationContext, _how: String) -> Result<String, String> {
        Ok(ctx.orchestration_version())
    }
}

#[test]
fn the_next_execution_is_of_the_version_whose_type_is_named_and_of_the_latest_only_on_request() {
    let end = |how: &str| {
        let mut harness = Harness::new();
        harness.register::<moving::second>();
        harness.register::<moving::third>();
        harness.run::<moving::first>(how.to_owned()).unwrap()
    };
    assert_eq!([end("stay"), end("latest"), end("second")], ["1.0.0", "3.0.0", "2.0.0"]);
}

#[test]
fn to_continue_as_another_orchestration_fails_with_both_names() {
    let error = Harness::new().run::<moving::first>("another".to_owned()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("checkout::continue_as_new(..) was called in an execution of Moves"), "{text}");
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

#[duroxide_macros::orchestration]
async fn counts(ctx: OrchestrationContext) -> Result<u64, String> {
    Ok(charge::call(&ctx, "tea".to_owned(), next()).await?)
}

fn next() -> u64 {
    COUNTER.fetch_add(1, Ordering::Relaxed)
}

#[test]
fn an_orchestration_that_asks_for_something_else_when_replayed_is_found_at_once() {
    let text = complaint(|harness| {
        harness.mock::<charge>(|_, cents| Ok(cents));
        drop(harness.run::<counts>(()));
    });
    assert!(text.starts_with("orchestration `counts` (instance `root`, execution 1) is not deterministic"), "{text}");
    assert!(text.contains(r#""cents\":"#), "{text}");
    let mut harness = Harness::new();
    harness.replay_every_turn(false);
    harness.mock::<charge>(|_, cents| Ok(cents));
    harness.run::<counts>(()).unwrap();
}

#[test]
fn a_process_that_dies_anywhere_changes_nothing() {
    let points = crash_everywhere(|harness| {
        harness.mock::<charge>(|order: String, cents| Ok(cents + order.len() as u64));
        harness.after("2h").raise(Approved { by: "eve".to_owned() });
        harness.register::<refund>();
        let end = harness.run::<checkout>(tea());
        assert_eq!(harness.calls::<charge>().len(), 1);
        end.unwrap()
    });
    // Three turns with two points each, and one activity with three.
    assert_eq!(points, 9);
    crash_everywhere(|harness| {
        for by in ["a", "b", "c"] {
            harness.after("1s").enqueue(Approved { by: by.to_owned() });
        }
        harness.run::<rounds>(2).unwrap()
    });
    crash_everywhere(|harness| {
        harness.mock::<charge>(|order: String, cents| Ok(cents + order.len() as u64)).takes("1m");
        harness.register::<checkout>();
        harness.mock::<refund>(|_| Ok(()));
        harness.after("10m").to("root::sub::2").raise(Approved { by: "eve".to_owned() });
        harness.run::<both>(vec!["tea".to_owned(), "milk".to_owned()]).unwrap()
    });
}

#[test]
fn an_outcome_that_hangs_on_what_died_with_the_process_is_told_with_the_place() {
    let text = complaint(|_| {
        crash_everywhere(|harness| {
            // An activity that is not idempotent: each run of it answers something else.
            let runs = AtomicU64::new(0);
            let count = move |_: ActivityContext, _: String| {
                let run = runs.fetch_add(1, Ordering::Relaxed);
                async move { Ok(run.to_string()) }
            };
            harness.activities(ActivityRegistry::builder().register("Count", count).build());
            let flow = |ctx: OrchestrationContext, _: String| async move { ctx.schedule_activity("Count", "").await };
            harness.orchestrations(OrchestrationRegistry::builder().register("Flow", flow).build());
            harness.run_named("Flow", "").unwrap();
        });
    });
    assert!(
        text.starts_with(
            "a crash changes the outcome: the process died when activity `Count` (instance `root`, execution 1, \
             event 2) had run and its answer was not stored (point 4 of 7)\n  without the crash: instance `root`"
        ),
        "{text}"
    );
    let text = complaint(|_| {
        let runs = AtomicU64::new(0);
        crash_everywhere(|harness| {
            harness.after("1s").enqueue(Approved { by: "eve".to_owned() });
            harness.run::<rounds>(0).unwrap();
            assert!(runs.fetch_add(1, Ordering::Relaxed) < 3, "a fourth run");
        });
    });
    let place = "the turn of `rounds` after event 2 (instance `root`, execution 1) was run and not stored";
    assert_eq!(text, format!("the process died when {place} (point 3 of 4), and then: a fourth run"));
}

#[duroxide_macros::activity(retry(max_attempts = 3, initial = "1m", factor = 2.0, max = "1h"), timeout = "1h")]
async fn deliver(parcel: String) -> Result<String, String>;

#[duroxide_macros::orchestration]
async fn delivery(ctx: OrchestrationContext, parcel: String) -> Result<String, String> {
    Ok(deliver::call(&ctx, parcel).await?)
}

#[test]
fn what_is_tried_again_is_asked_for_again_and_its_waits_cost_nothing() {
    let points = crash_everywhere(|harness| {
        let mut tries = 0;
        harness.mock::<deliver>(move |parcel| {
            tries += 1;
            if tries < 3 { Err("nobody at home".to_owned()) } else { Ok(parcel) }
        });
        assert_eq!(harness.run::<delivery>("box".to_owned()).unwrap(), "box");
        assert_eq!(harness.calls::<deliver>().len(), 3);
        assert_eq!(harness.elapsed(), Duration::from_secs(180));
        Recording::new(harness.history(ROOT)).replay::<delivery>().unwrap();
    });
    assert!(points > 12, "{points}");
    let mut harness = Harness::new();
    harness.mock::<deliver>(Ok).takes("2h");
    assert!(
        matches!(harness.run::<delivery>("box".to_owned()).unwrap_err(), CallError::App(text) if text == "no answer in the time given")
    );
}

#[test]
fn todays_code_is_held_to_what_was_recorded() {
    let mut harness = paid();
    harness.register::<refund>();
    harness.start::<checkout>(tea());
    harness.advance("1day");
    Recording::new(harness.history(ROOT)).replay::<checkout>().unwrap();
    drop(harness.finish::<checkout>());
    let history = harness.history(ROOT);
    Recording::new(history.clone()).replay::<checkout>().unwrap();
    let json = serde_json::to_string(&history).unwrap();
    Recording::from_json(&json).unwrap().replay_in(&harness.world.orchestrations).unwrap();

    let changed = |code: fn(OrchestrationContext, String) -> BoxedCode| {
        let registry = OrchestrationRegistry::builder().register("checkout", code).build();
        Recording::new(history.clone()).replay_in(&registry).unwrap_err().to_string()
    };
    let text = changed(|_, _| Box::pin(async { Ok("done".to_owned()) }));
    assert!(text.starts_with("today's code does not fit the history that `checkout` 1.0.0 recorded: "), "{text}");
    let input = r#"{"cents":50,"order":"tea"}"#;
    let text = changed(|ctx, _| Box::pin(async move { ctx.schedule_activity("Bill", "").await }));
    assert!(text.contains("Bill") && text.contains("ActivityScheduled"), "{text}");
    assert!(text.contains(&format!("{input:?}")), "{text}");
}

type BoxedCode = std::pin::Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

#[test]
fn a_recording_that_is_none_is_refused() {
    assert!(matches!(Recording::from_json("{}"), Err(ReplayError::Unreadable { .. })));
    assert!(matches!(Recording::new(Vec::new()).replay::<checkout>(), Err(ReplayError::NoStart { .. })));
    let mut harness = paid();
    harness.start::<checkout>(tea());
    harness.advance("1h");
    let recording = Recording::new(harness.history(ROOT));
    let other = recording.replay::<both>().unwrap_err();
    assert_eq!(
        other.to_string(),
        "the history is that of orchestration `checkout`, and it was to be replayed by `both`"
    );
    let error = recording.replay_in(&OrchestrationRegistry::default()).unwrap_err();
    assert_eq!(error.to_string(), "orchestration `checkout` 1.0.0 is not registered");
}

#[duroxide_macros::orchestration(name = "checkout")]
async fn checkout_with_more(ctx: OrchestrationContext, order: String, patience: String) -> Result<String, String> {
    let end = checkout_as_before(&ctx, order, patience).await;
    ping::call(&ctx).await?;
    end
}

#[duroxide_macros::durable]
async fn checkout_as_before(ctx: &OrchestrationContext, order: String, patience: String) -> Result<String, String> {
    let cents = charge::call(ctx, order.clone(), 50).await?;
    duroxide::select! {
        approved = ctx.wait::<Approved>() => Ok(format!("{cents} by {}", approved.by)),
        _ = ctx.timer(patience.as_str()) => {
            refund::call(ctx, order).await?;
            Err("nobody approved".to_owned())
        }
    }
}

#[test]
fn code_that_asks_for_more_than_an_ended_history_has_is_told() {
    let mut harness = paid();
    harness.after("1h").raise(Approved { by: "eve".to_owned() });
    harness.run::<checkout>(tea()).unwrap();
    let text = Recording::new(harness.history(ROOT)).replay::<checkout_with_more>().unwrap_err().to_string();
    assert!(text.contains("history has OrchestrationCompleted"), "{text}");
    assert!(text.contains("the code comes to ActivityScheduled { name: \"ping\""), "{text}");
}

#[duroxide_macros::orchestration]
async fn measured(ctx: OrchestrationContext, order: String) -> Result<u64, String> {
    ctx.counter("orders_total", 1, &[("kind", "begun")]);
    let approved = ctx.queue::<Approved>();
    let cents = charge::call(&ctx, order, 50).await?;
    ctx.histogram("order_cents", 50.0, &[]);
    approved.await;
    ctx.counter("orders_total", 1, &[("kind", "done")]);
    Ok(cents)
}

/// Whether or not each turn is replayed, and wherever the process dies: a figure is there once. (A crash between a commit and
/// the recording is not among these: it loses figures.)
#[test]
fn what_is_measured_is_there_once_whatever_happens() {
    let count = |kind| Measure { name: "orders_total", labels: vec![("kind", kind)], figure: Figure::Count(1) };
    let sample = Measure { name: "order_cents", labels: Vec::new(), figure: Figure::Sample(50.0) };
    let expected = [count("begun"), sample, count("done")];
    crash_everywhere(|harness| {
        harness.mock::<charge>(|_, cents| Ok(cents));
        harness.after("1h").enqueue(Approved { by: "ada".to_owned() });
        assert_eq!(harness.run::<measured>("o-1".to_owned()).unwrap(), 50);
        assert_eq!(harness.measured(), expected);
    });
}
