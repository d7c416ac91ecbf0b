//! What orchestrations and activities may ask of their context.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::FnOrchestration;
use duroxide::runtime::Runtime;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::replay_engine::{ReplayEngine, TurnResult};
use duroxide::{
    ActivityContext, BackoffStrategy, Client, DurableFuture, Either2, Either3, Event, EventKind, OrchestrationContext,
    OrchestrationRegistry, OrchestrationStatus, RetryPolicy, SystemStats,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    item: String,
    count: u32,
}

fn order() -> Order {
    Order { item: "tea".to_string(), count: 2 }
}

type Text = Result<String, String>;

/// One turn of `code` from its start; what it came to, and what it asked for.
fn first_turn<F, Fut>(code: F) -> (TurnResult, Vec<String>)
where
    F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Text> + Send + 'static,
{
    let start = EventKind::OrchestrationStarted {
        name: "Flow".to_string(),
        version: "1.0.0".to_string(),
        input: "in".to_string(),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: None,
        initial_custom_status: None,
    };
    let history = vec![Event::with_event_id(1, "order", 1, None, start)];
    let mut engine = ReplayEngine::new("order".to_string(), 1, history).with_persisted_history_len(0);
    let handler = Arc::new(FnOrchestration(code));
    let result = engine.execute_orchestration(handler, "in".into(), "Flow".into(), "1.0.0".into(), "worker");
    let asked = engine.pending_actions().iter().map(|action| format!("{action:?}")).collect();
    (result, asked)
}

async fn schedules(ctx: OrchestrationContext, input: String) -> Text {
    let owned = String::from;
    let version = || Some(owned("2.0.0"));
    let _a: DurableFuture<Text> = ctx.schedule_activity("A", &input);
    let _b: DurableFuture<Text> = ctx.schedule_activity(owned("B"), owned("x")).with_tag("gpu").with_tag(owned("cpu"));
    let _c: DurableFuture<Result<u32, String>> = ctx.schedule_activity_typed::<Order, u32>("C", &order());
    let _d: DurableFuture<Text> = ctx.schedule_activity_on_session("D", "x", "s");
    let _e: DurableFuture<Result<u32, String>> =
        ctx.schedule_activity_on_session_typed::<String, u32>("E", &owned("raw"), owned("s"));
    let _f: DurableFuture<String> = ctx.schedule_wait("f");
    let _g: DurableFuture<Order> = ctx.schedule_wait_typed::<Order>(owned("g"));
    let _h: DurableFuture<String> = ctx.dequeue_event("h");
    #[expect(deprecated, reason = "programs still call it")]
    let _i: DurableFuture<String> = ctx.schedule_wait_persistent("i");
    let _k: DurableFuture<Text> = ctx.schedule_sub_orchestration("K", "x");
    let _l: DurableFuture<Text> = ctx.schedule_sub_orchestration_with_id("L", "l-1", "x");
    let _m: DurableFuture<Text> = ctx.schedule_sub_orchestration_versioned("M", version(), "x");
    let _n: DurableFuture<Text> = ctx.schedule_sub_orchestration_versioned_with_id("N", None, "n-1", "x");
    let _o: DurableFuture<Result<u32, String>> = ctx.schedule_sub_orchestration_typed::<Order, u32>("O", &order());
    let _p: DurableFuture<Result<u32, String>> =
        ctx.schedule_sub_orchestration_with_id_typed::<u8, u32>("P", "p-1", &1);
    ctx.schedule_orchestration("Q", "q-1", "x");
    ctx.schedule_orchestration_typed::<Order>("R", owned("r-1"), &order());
    ctx.schedule_orchestration_versioned("S", version(), "s-1", owned("x"));
    ctx.schedule_orchestration_versioned_typed::<u8>("T", None, "t-1", &1);
    let _u: DurableFuture<Result<Option<String>, String>> = ctx.get_kv_value_from_instance("other", owned("k"));
    let _v: DurableFuture<Result<Option<u32>, String>> =
        ctx.get_kv_value_from_instance_typed::<u32>(owned("other"), "k");
    let _w: DurableFuture<usize> = ctx.schedule_activity("W", "x").map(|result| result.map_or(0, |text| text.len()));
    ctx.schedule_wait("end").await;
    Ok(String::new())
}

#[test]
fn every_schedule_call_asks_for_what_it_says() {
    let (result, asked) = first_turn(schedules);
    assert!(matches!(result, TurnResult::Continue), "{result:?}");
    let activity = |id: u64, name: &str, input: &str, session: &str, tag: &str| {
        format!(
            "CallActivity {{ scheduling_event_id: {id}, name: {name:?}, input: {input:?}, session_id: {session}, tag: {tag} }}"
        )
    };
    let child = |id: u64, name: &str, version: &str, instance: &str, input: &str| {
        format!(
            "StartSubOrchestration {{ scheduling_event_id: {id}, name: {name:?}, version: {version}, instance: {instance:?}, input: {input:?} }}"
        )
    };
    let detached = |id: u64, name: &str, version: &str, instance: &str, input: &str| {
        format!(
            "StartOrchestrationDetached {{ scheduling_event_id: {id}, name: {name:?}, version: {version}, instance: {instance:?}, input: {input:?} }}"
        )
    };
    let json = r#"{"count":2,"item":"tea"}"#;
    let remote = r#"{"instance_id":"other","key":"k"}"#;
    let (new, none, session) = ("Some(\"2.0.0\")", "None", "Some(\"s\")");
    let expected = [
        activity(2, "A", "in", none, none),
        activity(3, "B", "x", none, "Some(\"cpu\")"),
        activity(4, "C", json, none, none),
        activity(5, "D", "x", session, none),
        activity(6, "E", "raw", session, none),
        "WaitExternal { scheduling_event_id: 7, name: \"f\" }".to_string(),
        "WaitExternal { scheduling_event_id: 8, name: \"g\" }".to_string(),
        "DequeueEvent { scheduling_event_id: 9, name: \"h\" }".to_string(),
        "DequeueEvent { scheduling_event_id: 10, name: \"i\" }".to_string(),
        child(11, "K", none, "sub::11", "x"),
        child(12, "L", none, "l-1", "x"),
        child(13, "M", new, "sub::13", "x"),
        child(14, "N", none, "n-1", "x"),
        child(15, "O", none, "sub::15", json),
        child(16, "P", none, "p-1", "1"),
        detached(17, "Q", none, "q-1", "x"),
        detached(18, "R", none, "r-1", json),
        detached(19, "S", new, "s-1", "x"),
        detached(20, "T", none, "t-1", "1"),
        activity(21, "__duroxide_syscall:get_kv_value", remote, none, none),
        activity(22, "__duroxide_syscall:get_kv_value", remote, none, none),
        activity(23, "W", "x", none, none),
        "WaitExternal { scheduling_event_id: 24, name: \"end\" }".to_string(),
    ];
    assert_eq!(asked.len(), expected.len(), "{asked:#?}");
    for (found, expected) in asked.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
}

#[test]
fn retry_helpers_are_lazy_and_system_values_are_not() {
    let (_, asked) = first_turn(|ctx, _| async move {
        let policy = || RetryPolicy::new(2).with_backoff(BackoffStrategy::None);
        let _a = ctx.schedule_activity_with_retry("A", "x", policy());
        let _b = ctx.schedule_activity_with_retry_typed::<Order, u32>("B", &order(), policy());
        let _c = ctx.schedule_activity_with_retry_on_session("C", "x", policy(), "s");
        let _d = ctx.schedule_activity_with_retry_on_session_typed::<Order, u32>("D", &order(), policy(), "s");
        let _guid = ctx.new_guid();
        let _now = ctx.utc_now();
        ctx.schedule_wait("end").await;
        Ok(String::new())
    });
    let names: Vec<bool> = asked.iter().map(|action| action.contains("__duroxide_syscall:")).collect();
    assert_eq!(names, [true, true, false], "{asked:#?}");
}

#[test]
fn only_activities_have_tags() {
    let (result, _) = first_turn(|ctx, _| async move {
        ctx.schedule_timer(Duration::from_secs(1)).with_tag("gpu").await;
        Ok(String::new())
    });
    let TurnResult::Failed(details) = result else {
        panic!("a timer has no tag");
    };
    let text = details.display_message();
    assert!(text.contains("with_tag() can only be called on activity futures"), "{text}");
}

#[test]
fn key_values_and_status_are_seen_at_once() {
    let (result, asked) = first_turn(|ctx, _| async move {
        ctx.set_kv_value("b", String::from("2"));
        ctx.set_kv_value_typed::<&str>(String::from("a"), &"quoted");
        ctx.set_kv_value_typed("c", &order());
        assert_eq!(ctx.get_kv_value("a").as_deref(), Some("\"quoted\""));
        assert_eq!(ctx.get_kv_value_typed::<Order>("c"), Ok(Some(order())));
        assert_eq!(ctx.get_kv_value_typed::<u8>("none"), Ok(None));
        let error = ctx.get_kv_value_typed::<u8>("c").unwrap_err();
        assert!(error.starts_with("KV deserialization error for key 'c': "), "{error}");
        assert_eq!(ctx.get_kv_all_keys(), ["a", "b", "c"]);
        let all: HashMap<String, String> = ctx.get_kv_all_values();
        assert_eq!((all.len(), ctx.get_kv_length()), (3, 3));
        ctx.clear_kv_value("a");
        assert_eq!(ctx.prune_kv_values_updated_before(0), 0);
        ctx.clear_all_kv_values();
        assert_eq!(ctx.get_kv_length(), 0);
        ctx.set_custom_status("half");
        assert_eq!(ctx.get_custom_status().as_deref(), Some("half"));
        ctx.reset_custom_status();
        assert_eq!(ctx.get_custom_status(), None);
        let stats: Option<SystemStats> = ctx.get_system_stats();
        assert_eq!((stats, ctx.is_logging_enabled()), (None, false));
        ctx.trace("notice", "text");
        ctx.trace_info("text");
        ctx.trace_warn(String::from("text"));
        ctx.trace_error("text");
        ctx.trace_debug("text");
        let who = (ctx.instance_id(), ctx.execution_id(), ctx.orchestration_name(), ctx.orchestration_version());
        assert_eq!(who, ("order".to_string(), 1, "Flow".to_string(), "1.0.0".to_string()));
        Ok(ctx.is_replaying().to_string())
    });
    assert!(matches!(&result, TurnResult::Completed(output) if output == "false"), "{result:?}");
    let names: Vec<&str> = asked.iter().filter_map(|action| action.split(' ').next()).collect();
    assert_eq!(
        names,
        [
            "SetKeyValue",
            "SetKeyValue",
            "SetKeyValue",
            "ClearKeyValue",
            "ClearKeyValues",
            "UpdateCustomStatus",
            "UpdateCustomStatus"
        ]
    );
}

#[test]
fn combinators_take_any_future() {
    let (result, _) = first_turn(|ctx, _| async move {
        let word = String::from("borrowed");
        let joined: Vec<usize> = ctx.join(vec![async { word.len() }]).await;
        let nothing: Vec<u8> = ctx.join(Vec::<std::future::Ready<u8>>::new()).await;
        let pair: (u8, &str) = ctx.join2(async { 1 }, async { "two" }).await;
        let triple: (u8, u8, u8) = ctx.join3(async { 1 }, async { 2 }, async { 3 }).await;
        let mut never = ctx.schedule_wait("never");
        let first: Either2<String, u8> = ctx.select2(&mut never, async { 1 }).await;
        let nested = ctx.select2(async { ctx.select2(&mut never, async { 1 }).await }, async { 2 }).await;
        let third: Either3<String, (), u8> = ctx.select3(&mut never, std::future::pending(), async { 3 }).await;
        assert_eq!((joined, nothing.len(), pair, triple), (vec![8], 0, (1, "two"), (1, 2, 3)));
        assert_eq!((first, nested), (Either2::Second(1), Either2::First(Either2::Second(1))));
        assert_eq!(third, Either3::Third(3));
        Ok(String::new())
    });
    assert!(matches!(result, TurnResult::Completed(_)), "{result:?}");
}

#[test]
fn continue_as_new_never_resolves() {
    type Code = fn(OrchestrationContext, String) -> std::pin::Pin<Box<dyn Future<Output = Text> + Send>>;
    let table: [(Code, &str, Option<&str>); 3] = [
        (|ctx, _| Box::pin(async move { ctx.continue_as_new("next").await }), "next", None),
        (|ctx, _| Box::pin(async move { ctx.continue_as_new_typed::<u8>(&7).await }), "7", None),
        (|ctx, _| Box::pin(async move { ctx.continue_as_new_versioned("2.0.0", "next").await }), "next", Some("2.0.0")),
    ];
    for (code, next, expected) in table {
        let (TurnResult::ContinueAsNew { input, version, .. }, _) = first_turn(code) else {
            panic!("continue-as-new ends the execution");
        };
        assert_eq!((input.as_str(), version.as_deref()), (next, expected));
    }
}

#[test]
fn futures_and_contexts_travel() {
    fn is<T: Send + Sync + Clone>() {}
    fn travels<T: Send + Unpin + 'static>() {}
    is::<OrchestrationContext>();
    is::<ActivityContext>();
    travels::<DurableFuture<String>>();
    let ctx = OrchestrationContext::new(Vec::new(), 1, "i".into(), "n".into(), "1.0.0".into(), None);
    let stored: Vec<DurableFuture<Text>> = (0..3).map(|n| ctx.schedule_activity("A", n.to_string())).collect();
    drop(ctx);
    assert_eq!(stored.len(), 3);
}

#[test]
fn a_child_id_must_not_begin_like_a_generated_one() {
    let (result, asked) =
        first_turn(|ctx, _| async move { ctx.schedule_sub_orchestration_with_id("A", "sub::mine", "").await });
    let TurnResult::Failed(details) = result else {
        panic!("the refusal reaches the code");
    };
    assert_eq!(
        details.display_message(),
        "sub-orchestration instance id 'sub::mine' starts with the reserved marker 'sub::', which the runtime uses to \
         mark auto-generated child ids; use an id that does not begin with it"
    );
    assert!(asked.is_empty());
}

/// What an activity sees of itself.
async fn inspect(ctx: ActivityContext, input: Order) -> Result<HashMap<String, String>, String> {
    ctx.trace_info("text");
    ctx.trace_warn("text");
    ctx.trace_error(String::from("text"));
    ctx.trace_debug("text");
    let token: tokio_util::sync::CancellationToken = ctx.cancellation_token();
    let cancelled = tokio::time::timeout(Duration::ZERO, ctx.cancelled()).await.is_ok();
    assert_eq!((ctx.is_cancelled(), token.is_cancelled(), cancelled), (false, false, false));
    let client: Client = ctx.get_client();
    let status = client.get_orchestration_status(ctx.instance_id()).await.map_err(|error| error.to_string())?;
    let seen = [
        ("instance", ctx.instance_id().to_string()),
        ("execution", ctx.execution_id().to_string()),
        ("orchestration", ctx.orchestration_name().to_string()),
        ("version", ctx.orchestration_version().to_string()),
        ("activity", ctx.activity_name().to_string()),
        ("session", ctx.session_id().unwrap_or("none").to_string()),
        ("tag", ctx.tag().unwrap_or("none").to_string()),
        ("item", input.item),
        ("running", matches!(status, OrchestrationStatus::Running { .. }).to_string()),
        ("shows its store", format!("{ctx:?}").contains("Sqlite").to_string()),
    ];
    Ok(seen.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
}

#[tokio::test(flavor = "current_thread")]
async fn an_activity_knows_itself_and_typed_values_travel() {
    let flaky_attempts = Arc::new(Mutex::new(0));
    let attempts = Arc::clone(&flaky_attempts);
    let activities = ActivityRegistry::builder()
        .register_typed("Inspect", inspect)
        .register("Flaky", move |_: ActivityContext, input: String| {
            let attempts = Arc::clone(&attempts);
            async move {
                let mut attempts = attempts.lock().map_err(|error| error.to_string())?;
                *attempts += 1;
                if *attempts < 3 { Err("again".to_string()) } else { Ok(input) }
            }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register_typed("Flow", |ctx: OrchestrationContext, input: Order| async move {
            let seen: HashMap<String, String> = ctx.schedule_activity_on_session_typed("Inspect", &input, "s").await?;
            let policy = RetryPolicy::new(3).with_backoff(BackoffStrategy::None);
            let flaky = ctx.schedule_activity_with_retry("Flaky", "third", policy).await?;
            assert_eq!(flaky, "third");
            let event: Order = ctx.schedule_wait_typed("go").await;
            let queued = ctx.dequeue_event_typed::<Order>("q").await;
            assert_eq!((&event, &queued), (&input, &input));
            let _: SystemTime = ctx.utc_now().await?;
            Ok(seen)
        })
        .build();
    let store = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    let runtime = Runtime::start_with_store(store.clone(), activities, orchestrations).await;
    let client = Client::new(store);
    client.start_orchestration_typed("order", "Flow", order()).await.unwrap();
    client.enqueue_event_typed("order", "q", &order()).await.unwrap();
    // A signal that comes before its wait is lost: wait until the attempts are over and the wait is recorded.
    loop {
        let history = client.read_execution_history("order", 1).await.unwrap_or_default();
        if history.iter().any(|event| matches!(event.kind, EventKind::ExternalSubscribed { .. })) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.raise_event_typed("order", "go", &order()).await.unwrap();
    let seen = client
        .wait_for_orchestration_typed::<HashMap<String, String>>("order", Duration::from_secs(10))
        .await
        .unwrap()
        .unwrap();
    runtime.shutdown(None).await;
    let expected = [
        ("instance", "order"),
        ("execution", "1"),
        ("orchestration", "Flow"),
        ("version", "1.0.0"),
        ("activity", "Inspect"),
        ("session", "s"),
        ("tag", "none"),
        ("item", "tea"),
        ("running", "true"),
        ("shows its store", "false"),
    ];
    for (key, value) in expected {
        assert_eq!(seen.get(key).map(String::as_str), Some(value), "{key}");
    }
}
