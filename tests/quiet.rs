//! Payloads never reach the logs: everything that anybody writes while much goes wrong, at every level, is read.
//!
//! A program of its own, because the subscriber is that of the whole process: stores work on threads of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{Provider, TagFilter, WorkItem};
use duroxide::runtime::limits::Limits;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{Runtime, RuntimeOptions};
use duroxide::{
    ActivityContext, Client, Either2, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus, RetryPolicy,
};
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

static TRIES: AtomicU64 = AtomicU64::new(0);

/// Stands in every payload.
const SECRET: &str = "4111-s3cr3t-1111";
const LIMIT: Duration = Duration::from_secs(30);

/// All that was written, a line for each event and each span.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Line>>>);

/// Its target, and its fields.
type Line = (String, Vec<String>);

#[derive(Default)]
struct Fields(Vec<String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push(format!("{}={value:?}", field.name()));
    }
}

impl Lines {
    fn push(&self, target: &str, fields: Fields) {
        self.0.lock().expect("nothing panics under it").push((target.to_owned(), fields.0));
    }
}

impl<S: tracing::Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.push(event.metadata().target(), fields);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        self.push(attributes.metadata().target(), fields);
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        self.push("span", fields);
    }
}

/// The two places where the specification asks for the text: user code's own warning that an attempt failed, and the
/// message that no execution will read.
fn is_asked_for(target: &str, field: &str) -> bool {
    match target {
        "duroxide::orchestration" => field.starts_with("message=Activity 'Flaky' attempt "),
        "duroxide::runtime::execution" => field.starts_with("data="),
        _ => false,
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Numbered {
    number: u64,
}

#[duroxide::orchestration]
async fn typed(_ctx: OrchestrationContext, input: Numbered) -> Result<u64, String> {
    Ok(input.number)
}

fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Echo", |ctx: ActivityContext, input: String| async move {
            let _ = ctx.heartbeat(format!("at {input}")).await;
            Ok(input)
        })
        .register("Fail", |_: ActivityContext, input: String| async move { Err(format!("no: {input}")) })
        .register("Panic", |_: ActivityContext, input: String| async move { panic!("{input}") })
        .register("Flaky", |_: ActivityContext, input: String| async move {
            // Every third call works.
            if TRIES.fetch_add(1, Ordering::Relaxed) % 3 == 2 { Ok(input) } else { Err(input) }
        })
        .register("Hang", |ctx: ActivityContext, input: String| async move {
            ctx.cancelled().await;
            Err(input)
        })
        .build()
}

/// One of everything, all with the secret in it.
async fn busy(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    ctx.set_custom_status(format!("working on {input}"));
    ctx.set_kv_value("card", &input);
    let echoed = ctx.schedule_activity("Echo", &input).await?;
    let failed = ctx.schedule_activity("Fail", &input).await;
    let panicked = ctx.schedule_activity("Panic", &input).await;
    let retried = ctx.schedule_activity_with_retry("Flaky", &input, RetryPolicy::new(4)).await;
    let raced = ctx.select2(ctx.schedule_activity("Hang", &input), ctx.schedule_timer(Duration::from_millis(5))).await;
    assert!(matches!(raced, Either2::Second(())));
    let child = ctx.schedule_sub_orchestration("Fails", &input).await;
    let signal = ctx.schedule_wait("go").await;
    let message = ctx.dequeue_event("inbox").await;
    Err(format!("{echoed} {failed:?} {panicked:?} {retried:?} {child:?} {signal} {message}"))
}

async fn fails(_: OrchestrationContext, input: String) -> Result<String, String> {
    Err(input)
}

/// Leaves more messages unread than the next execution may take along.
async fn renews(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    if ctx.execution_id() > 1 {
        return Ok(input);
    }
    ctx.schedule_wait("renew").await;
    ctx.continue_as_new(input).await
}

async fn greedy(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    ctx.set_kv_value("much", input.repeat(10_000));
    Ok(input)
}

fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Busy", busy)
        .register("Fails", fails)
        .register("Panics", |_: OrchestrationContext, input: String| async move { panic!("{input}") })
        .register("Renews", renews)
        .register("Greedy", greedy)
        .build()
}

fn options() -> RuntimeOptions {
    RuntimeOptions {
        max_attempts: 3,
        dispatcher_min_poll_interval: Duration::from_millis(5),
        ..RuntimeOptions::default()
    }
}

/// What was tried too often already: a turn and an activity, both with the secret.
async fn poisoned(store: &Arc<dyn Provider>) {
    let client = Client::new(Arc::clone(store));
    client.start_orchestration("poisoned", "Busy", SECRET).await.unwrap();
    let item = WorkItem::ActivityExecute {
        instance: "elsewhere".to_owned(),
        execution_id: 1,
        id: 2,
        name: "Echo".to_owned(),
        input: SECRET.to_owned(),
        session_id: None,
        tag: None,
    };
    store.enqueue_for_worker(item).await.unwrap();
    for _ in 0..4 {
        let (lease, now) = (Duration::from_secs(30), Duration::ZERO);
        let turn = store.fetch_orchestration_item(lease, now, None).await.unwrap();
        let (_, token, _) = turn.expect("its start waits");
        store.abandon_orchestration_item(&token, None, false).await.unwrap();
        let work = store.fetch_work_item(lease, now, None, &TagFilter::default()).await.unwrap();
        let (_, token, _) = work.expect("the activity waits");
        store.abandon_work_item(&token, None, false).await.unwrap();
    }
}

/// Everything at once; returns what clients were told of what the runtime itself had to say.
async fn run(store: Arc<dyn Provider>) -> Vec<String> {
    let client = Client::new(Arc::clone(&store));
    let runtime = Runtime::builder(Arc::clone(&store))
        .options(options())
        .activities(activities())
        .orchestrations(orchestrations())
        .register::<typed>()
        .start()
        .await
        .unwrap();
    for (id, name) in [
        ("busy", "Busy"),
        ("panics", "Panics"),
        ("greedy", "Greedy"),
        ("renews", "Renews"),
        ("nobody", "Unknown"),
        ("cancelled", "Busy"),
    ] {
        client.start_orchestration(id, name, SECRET).await.unwrap();
    }
    client.start_orchestration("typed", "typed", format!(r#"{{"number":"{SECRET}"}}"#)).await.unwrap();
    client.wait_for_kv_value("busy", "card", LIMIT).await.unwrap();
    // Nobody waits for this one, and the others find nobody.
    client.raise_event("renews", "unknown", SECRET).await.unwrap();
    client.raise_event("no such instance", "go", SECRET).await.unwrap();
    for _ in 0..120 {
        client.enqueue_event("renews", "unread", SECRET).await.unwrap();
    }
    waiting_for(&store, "renews", "renew").await;
    client.raise_event("renews", "renew", SECRET).await.unwrap();
    waiting_for(&store, "busy", "go").await;
    client.raise_event("busy", "go", SECRET).await.unwrap();
    client.enqueue_event("busy", "inbox", SECRET).await.unwrap();
    client.cancel_instance("cancelled", SECRET).await.unwrap();
    let mut told = Vec::new();
    for id in ["busy", "panics", "greedy", "renews", "cancelled", "poisoned", "typed"] {
        let status = client.wait_for_orchestration(id, LIMIT).await.unwrap();
        if let OrchestrationStatus::Failed { details, .. } = &status
            && ["greedy", "typed"].contains(&id)
        {
            told.push(details.display_message());
        }
    }
    // It came to an end, and these come late.
    client.raise_event("busy", "go", SECRET).await.unwrap();
    told.extend(client.start_orchestration("sub::1", "Busy", SECRET).await.err().map(|error| error.to_string()));
    let mut limits = Limits::default();
    limits.payload_bytes = 8;
    let strict = Client::new(Arc::clone(&store)).with_limits(limits);
    told.push(strict.enqueue_event("busy", "inbox", SECRET).await.unwrap_err().to_string());
    runtime.shutdown(None).await;
    told
}

/// Until the instance waits for the event.
async fn waiting_for(store: &Arc<dyn Provider>, instance: &str, event: &str) {
    let waits = async {
        loop {
            let history = store.read(instance).await.unwrap_or_default();
            let is_there = history
                .iter()
                .any(|row| matches!(&row.kind, duroxide::EventKind::ExternalSubscribed { name } if name == event));
            if is_there {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, waits).await.expect("it comes to wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_carry_no_payloads() {
    let lines = Lines::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines.clone())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = Arc::new(SqliteProvider::open(folder.path().join("store.db")).await.unwrap());
    let stores: [Arc<dyn Provider>; 2] = [Arc::new(MemoryProvider::new()), Arc::clone(&file) as _];
    let mut told = Vec::new();
    for store in stores {
        poisoned(&store).await;
        told.extend(run(store).await);
    }
    told.extend(damaged(&file).await);
    assert!(!told.is_empty());
    for text in told {
        assert!(!text.contains(SECRET), "an error shows a payload: {text}");
    }
    let lines = lines.0.lock().unwrap().clone();
    let mut allowed = 0;
    for (target, fields) in &lines {
        for field in fields.iter().filter(|field| field.contains(SECRET)) {
            assert!(is_asked_for(target, field), "a log line shows a payload: {target} {field}");
            allowed += 1;
        }
    }
    // Otherwise this looked at nothing.
    assert!(allowed > 0, "what the specification asks for is there");
    let heard = |words: &str| lines.iter().any(|(_, fields)| fields.iter().any(|field| field.contains(words)));
    for words in [
        "poison: the turn",
        "poison: the activity",
        "a queue row cannot be read",
        "history could not be read",
        "not registered",
        "nothing waits for it",
        "has ended",
        "Dropping carry-forward",
        "Retrying",
    ] {
        assert!(heard(words), "nobody wrote `{words}`");
    }
}

/// Rows that somebody damaged: what was in them is payload, whether it can be read or not.
async fn damaged(file: &Arc<SqliteProvider>) -> Vec<String> {
    let store: Arc<dyn Provider> = Arc::clone(file) as _;
    let client = Client::new(Arc::clone(&store));
    for id in ["row", "history"] {
        client.start_orchestration(id, "Renews", SECRET).await.unwrap();
    }
    let runtime = Runtime::builder(Arc::clone(&store))
        .options(options())
        .orchestrations(orchestrations())
        .activities(activities());
    let runtime = runtime.start().await.unwrap();
    for id in ["row", "history"] {
        waiting_for(&store, id, "renew").await;
    }
    runtime.shutdown(None).await;
    client.raise_event("row", "renew", SECRET).await.unwrap();
    client.raise_event("history", "renew", SECRET).await.unwrap();
    let message = format!(r#"{{"ExternalRaised":{{"instance":"row","name":"renew","data":["{SECRET}"]}}}}"#);
    let queue = "UPDATE orchestrator_queue SET work_item = ? WHERE instance_id = 'row'";
    sqlx::query(queue).bind(message).execute(file.get_pool()).await.unwrap();
    let event = format!(r#"{{"event_id":"{SECRET}"}}"#);
    let history = "UPDATE history SET event_data = ? WHERE instance_id = 'history' AND event_id = 2";
    sqlx::query(history).bind(event).execute(file.get_pool()).await.unwrap();
    let told: Vec<String> = store.read("history").await.err().map(|error| error.to_string()).into_iter().collect();
    let runtime = Runtime::builder(Arc::clone(&store))
        .options(options())
        .orchestrations(orchestrations())
        .activities(activities());
    let runtime = runtime.start().await.unwrap();
    client.raise_event("row", "renew", SECRET).await.unwrap();
    client.wait_for_orchestration("row", LIMIT).await.unwrap();
    let until_poison = async {
        loop {
            let info = client.get_instance_info("history").await.unwrap();
            if info.status == "Failed" {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, until_poison).await.expect("it is poison in the end");
    runtime.shutdown(None).await;
    told
}
