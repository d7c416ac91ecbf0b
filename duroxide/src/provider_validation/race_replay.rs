//! The published validations of races: a whole runtime on the store, stopped and started in the middle.

use std::sync::Arc;
use std::time::Duration;

use super::ProviderFactory;
use crate::client::Client;
use crate::context::combinators::Either2;
use crate::context::orchestration::OrchestrationContext;
use crate::model::event::{Event, EventKind};
use crate::model::status::OrchestrationStatus;
use crate::model::work_item::WorkItem;
use crate::providers::Provider;
use crate::runtime::registry::{ActivityRegistry, OrchestrationRegistry, OrchestrationRegistryBuilder};
use crate::runtime::{Runtime, RuntimeOptions, UnregisteredBackoffConfig};

const INSTANCE: &str = "race-replay";

const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that must happen.
const STEP: Duration = Duration::from_millis(5);

/// Longer than any of this takes.
const NEVER: Duration = Duration::from_secs(24 * 3_600);

type Output = Result<String, String>;

/// A store with what its runtimes know.
struct Stage {
    store: Arc<dyn Provider>,
    client: Client,
    orchestrations: OrchestrationRegistry,
}

impl Stage {
    async fn on<F: ProviderFactory + ?Sized>(factory: &F, orchestrations: OrchestrationRegistryBuilder) -> Stage {
        let store = factory.create_provider().await;
        Stage { client: Client::new(Arc::clone(&store)), store, orchestrations: orchestrations.build() }
    }

    async fn run(&self) -> Arc<Runtime> {
        self.run_with(10).await
    }

    async fn run_with(&self, max_attempts: u32) -> Arc<Runtime> {
        let backoff = Duration::from_millis(20);
        let options = RuntimeOptions {
            max_attempts,
            unregistered_backoff: UnregisteredBackoffConfig { base_delay: backoff, max_delay: backoff },
            dispatcher_min_poll_interval: STEP,
            ..RuntimeOptions::default()
        };
        let (store, activities) = (Arc::clone(&self.store), ActivityRegistry::default());
        Runtime::start_with_options(store, activities, self.orchestrations.clone(), options).await
    }

    async fn start(&self, orchestration: &str, input: &str) {
        let started = self.client.start_orchestration(INSTANCE, orchestration, input).await;
        started.expect("a start is accepted");
    }

    /// Runs until the newest execution, this one at least, has so many events of a kind, and stops.
    async fn run_until(&self, execution_id: u64, what: &str, count: usize, is: impl Fn(&EventKind) -> bool) {
        let runtime = self.run().await;
        self.until(execution_id, what, count, is).await;
        runtime.shutdown(None).await;
    }

    async fn until(&self, execution_id: u64, what: &str, count: usize, is: impl Fn(&EventKind) -> bool) {
        let waiting = async {
            loop {
                let history = self.store.read(INSTANCE).await.expect("a history can be read");
                let reached = history.first().is_some_and(|event| event.execution_id >= execution_id);
                if reached && history.iter().filter(|event| is(&event.kind)).count() >= count {
                    return;
                }
                tokio::time::sleep(STEP).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "expected {count} {what} in execution {execution_id}, found none in time");
    }

    /// Runs to the end.
    async fn end(&self) -> Output {
        let runtime = self.run().await;
        let ended = self.ended().await;
        runtime.shutdown(None).await;
        ended
    }

    async fn ended(&self) -> Output {
        match self.client.wait_for_orchestration(INSTANCE, PATIENCE).await.expect("the orchestration ends") {
            OrchestrationStatus::Completed { output, .. } => Ok(output),
            OrchestrationStatus::Failed { details, .. } => Err(details.display_message()),
            other @ (OrchestrationStatus::Running { .. } | OrchestrationStatus::NotFound) => {
                panic!("expected an end, found {other:?}")
            }
        }
    }

    async fn enqueue(&self, message: &str) {
        self.client.enqueue_event(INSTANCE, "queue", message).await.expect("a message is accepted");
    }

    async fn raise(&self, data: &str) {
        self.client.raise_event(INSTANCE, "event", data).await.expect("an event is accepted");
    }

    async fn append(&self, event: Event) {
        let appended = self.store.append_with_execution(INSTANCE, 1, vec![event]).await;
        appended.expect("an event can be appended");
    }

    /// An execution whose first event another version recorded, woken by an event that nobody waits for.
    async fn begun_by(&self, stamp: &str, orchestration: &str) {
        self.append(started_by(stamp, orchestration)).await;
        self.raise("wake").await;
    }

    async fn executions(&self) -> Vec<Vec<Event>> {
        let mut executions = Vec::new();
        for execution_id in 1.. {
            let events = self.store.read_with_execution(INSTANCE, execution_id).await.expect("a history can be read");
            if events.is_empty() {
                break;
            }
            executions.push(events);
        }
        executions
    }
}

fn registry() -> OrchestrationRegistryBuilder {
    OrchestrationRegistry::builder()
}

fn is_dequeue(kind: &EventKind) -> bool {
    matches!(kind, EventKind::QueueSubscribed { .. })
}

fn is_wait(kind: &EventKind) -> bool {
    matches!(kind, EventKind::ExternalSubscribed { .. })
}

/// A dequeue loses a race, and the next ones get what it did not; three stops in between change nothing.
async fn queue_race(ctx: OrchestrationContext, _: String) -> Output {
    let lost = match ctx.select2(ctx.schedule_timer(Duration::ZERO), ctx.dequeue_event("queue")).await {
        Either2::First(()) => "timer".to_owned(),
        Either2::Second(message) => message,
    };
    let first = ctx.dequeue_event("queue").await;
    let second = ctx.dequeue_event("queue").await;
    Ok(format!("{lost} {first} {second}"))
}

async fn assert_queue_race(stage: &Stage) {
    stage.run_until(1, "dequeues", 2, is_dequeue).await;
    stage.enqueue("one").await;
    stage.run_until(1, "dequeues", 3, is_dequeue).await;
    stage.enqueue("two").await;
    assert_eq!(stage.end().await.as_deref(), Ok("timer one two"));
}

/// A dequeue that lost a race stays lost on replay, and takes no message along.
///
/// # Panics
/// When the store or the runtime decides otherwise.
pub async fn test_queue_race_cancellation_replay<F: ProviderFactory + ?Sized>(factory: &F) {
    let stage = Stage::on(factory, registry().register("Race", queue_race)).await;
    stage.start("Race", "").await;
    assert_queue_race(&stage).await;
}

/// An execution that was begun by 0.1.30 keeps what it decided.
///
/// # Panics
/// When the store or the runtime decides otherwise.
pub async fn test_legacy_queue_race_decision_preserved<F: ProviderFactory + ?Sized>(factory: &F) {
    let stage = Stage::on(factory, registry().register("Race", queue_race)).await;
    stage.begun_by("0.1.30", "Race").await;
    assert_queue_race(&stage).await;
}

/// The stamp of the first event comes back as it was given, whatever it is.
///
/// # Panics
/// When it does not.
pub async fn test_queue_replay_version_stamp_roundtrip<F: ProviderFactory + ?Sized>(factory: &F) {
    for stamp in ["0.1.30", "0.1.31", "1.0.0-beta.1+build", "no version at all"] {
        let stage = Stage::on(factory, registry()).await;
        let started = started_by(stamp, "Race");
        stage.append(started.clone()).await;
        assert_eq!(stage.store.read(INSTANCE).await.expect("a history can be read"), [started]);
    }
}

/// The first event of an execution that another version began.
fn started_by(stamp: &str, orchestration: &str) -> Event {
    let kind = EventKind::OrchestrationStarted {
        name: orchestration.to_owned(),
        version: "1.0.0".to_owned(),
        input: String::new(),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: None,
        initial_custom_status: None,
    };
    let mut started = Event::with_event_id(1, INSTANCE, 1, None, kind);
    started.duroxide_version = stamp.to_owned();
    started
}

/// A wait that lost a race stays lost on replay: the next event is for the next wait.
///
/// # Panics
/// When the store or the runtime decides otherwise.
pub async fn test_positional_wait_race_replay<F: ProviderFactory + ?Sized>(factory: &F) {
    let race = |ctx: OrchestrationContext, _: String| async move {
        let lost = ctx.select2(ctx.schedule_timer(Duration::ZERO), ctx.schedule_wait("event")).await.index();
        let won = ctx.select2(ctx.schedule_timer(NEVER), ctx.schedule_wait("event")).await;
        let last = ctx.schedule_wait("event").await;
        Ok(format!("{lost} {won:?} {last}"))
    };
    let stage = Stage::on(factory, registry().register("Race", race)).await;
    stage.start("Race", "").await;
    stage.run_until(1, "waits", 2, is_wait).await;
    stage.raise("one").await;
    stage.run_until(1, "waits", 3, is_wait).await;
    stage.raise("two").await;
    assert_eq!(stage.end().await.as_deref(), Ok("0 Second(\"one\") two"));
}

/// Execution 1 goes on as execution 2 once it has read a message, and execution 2 reads the rest.
async fn relay(ctx: OrchestrationContext, input: String) -> Output {
    if input.is_empty() {
        let read = ctx.select2(ctx.dequeue_event("queue"), ctx.schedule_timer(NEVER)).await;
        let Either2::First(read) = read else {
            return Err("a timer of a day rang".to_owned());
        };
        return ctx.continue_as_new(read).await;
    }
    let (second, third) = (ctx.dequeue_event("queue").await, ctx.dequeue_event("queue").await);
    Ok(format!("{input} {second} {third}"))
}

/// What nobody read goes on to the next execution, once and in order.
///
/// # Panics
/// When the store or the runtime decides otherwise.
pub async fn test_continue_as_new_queue_race_replay<F: ProviderFactory + ?Sized>(factory: &F) {
    let stage = Stage::on(factory, registry().register("Relay", relay)).await;
    stage.start("Relay", "").await;
    for message in ["one", "two"] {
        stage.enqueue(message).await;
    }
    stage.run_until(2, "dequeues", 2, is_dequeue).await;
    stage.enqueue("three").await;
    assert_eq!(stage.end().await.as_deref(), Ok("one two three"));
}

/// Messages that arrive while one execution, begun by the version `stamp`, becomes the next are for the next.
///
/// # Panics
/// When one is lost or read twice.
pub async fn test_continue_as_new_transition_delivery<F: ProviderFactory + ?Sized>(factory: &F, stamp: &str) {
    let stage = Stage::on(factory, registry().register("Relay", relay)).await;
    stage.begun_by(stamp, "Relay").await;
    stage.run_until(1, "dequeues", 1, is_dequeue).await;
    let runtime = stage.run().await;
    for message in ["one", "two", "three"] {
        stage.enqueue(message).await;
    }
    assert_eq!(stage.ended().await.as_deref(), Ok("one two three"));
    runtime.shutdown(None).await;
    assert_eq!(stage.executions().await.len(), 2);
}

/// A second start of an instance that went on as new has no effect.
///
/// # Panics
/// When it begins anything.
pub async fn test_continue_as_new_duplicate_start<F: ProviderFactory + ?Sized>(factory: &F) {
    let stage = Stage::on(factory, registry().register("Relay", relay)).await;
    stage.start("Relay", "").await;
    stage.enqueue("one").await;
    stage.run_until(2, "dequeues", 1, is_dequeue).await;
    stage.start("Relay", "again").await;
    for message in ["two", "three"] {
        stage.enqueue(message).await;
    }
    assert_eq!(stage.end().await.as_deref(), Ok("one two three"));
    assert_eq!(stage.executions().await.len(), 2);
}

fn moves_on(ctx: OrchestrationContext, _: String) -> impl Future<Output = Output> + Send {
    ctx.continue_as_new_versioned("2.0.0", "next")
}

fn is_continued(kind: &EventKind) -> bool {
    matches!(kind, EventKind::OrchestrationContinuedAsNew { .. })
}

/// The next execution waits for a runtime that knows its version, and loses nothing meanwhile.
///
/// # Panics
/// When it does not begin, or a message is lost.
pub async fn test_continue_as_new_unregistered_backoff<F: ProviderFactory + ?Sized>(factory: &F) {
    let mut stage = Stage::on(factory, registry().register("Moves", moves_on)).await;
    stage.start("Moves", "").await;
    stage.run_until(1, "ends", 1, is_continued).await;
    stage.enqueue("one").await;
    let second = |ctx: OrchestrationContext, input: String| async move {
        Ok(format!("{input} {}", ctx.dequeue_event("queue").await))
    };
    stage.orchestrations =
        OrchestrationRegistry::builder_from(&stage.orchestrations).register_versioned("Moves", "2.0.0", second).build();
    assert_eq!(stage.end().await.as_deref(), Ok("next one"));
}

/// A next execution that nobody can ever run fails as an execution of its own; the one before it stays as it ended.
///
/// # Panics
/// When the first execution changes, or there is no second.
pub async fn test_continue_as_new_poisoned_successor_is_own_execution<F: ProviderFactory + ?Sized>(factory: &F) {
    let stage = Stage::on(factory, registry().register("Moves", moves_on)).await;
    stage.start("Moves", "").await;
    let runtime = stage.run_with(2).await;
    let error = stage.ended().await.expect_err("nobody knows the next version");
    runtime.shutdown(None).await;
    assert!(error.contains("poison"), "expected poison, found {error}");
    let executions = stage.executions().await;
    let kinds = |at: usize| executions.get(at).and_then(|events: &Vec<Event>| events.last()).map(|event| &event.kind);
    assert!(kinds(0).is_some_and(is_continued), "the first one ends as before: {executions:?}");
    let is_failed = |kind: &EventKind| matches!(kind, EventKind::OrchestrationFailed { .. });
    assert!(kinds(1).is_some_and(is_failed), "the second one is an execution that failed: {executions:?}");
}

/// A second start, of another version, cannot replace the handler of an instance that runs.
///
/// # Panics
/// When it does.
pub async fn test_duplicate_start_preserves_pinned_handler<F: ProviderFactory + ?Sized>(factory: &F) {
    let first = |ctx: OrchestrationContext, input: String| async move {
        Ok(format!("first {input} {}", ctx.schedule_wait("event").await))
    };
    let second = |_: OrchestrationContext, _: String| async move { Ok("second".to_owned()) };
    let both = registry().register("Two", first).register_versioned("Two", "2.0.0", second);
    let stage = Stage::on(factory, both).await;
    let versioned = stage.client.start_orchestration_versioned(INSTANCE, "Two", "1.0.0", "in").await;
    versioned.expect("a start is accepted");
    stage.run_until(1, "waits", 1, is_wait).await;
    let again = WorkItem::StartOrchestration {
        instance: INSTANCE.to_owned(),
        orchestration: "Two".to_owned(),
        input: "again".to_owned(),
        version: Some("2.0.0".to_owned()),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    };
    stage.store.enqueue_for_orchestrator(again, None).await.expect("a message is accepted");
    stage.raise("now").await;
    assert_eq!(stage.end().await.as_deref(), Ok("first in now"));
}
