//! Whatever is read from outside, be it rows, messages or names, leads to a value or an error and never to a panic.
//!
//! `BOLERO_RANDOM_ITERATIONS=1000000 cargo test -p duroxide --all-features --test fuzz` sets the number of inputs of each
//! target. A failure is shrunk, and printed with its `BOLERO_RANDOM_SEED`. What is damaged are made-up rows, and the rows
//! in `corpus/`, as this version and older ones wrote them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bolero::{TypeGenerator, check};
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{Event, EventKind, Provider, WorkItem};
use duroxide::runtime::OrchestrationHandler;
use duroxide::runtime::replay_engine::ReplayEngine;
use duroxide::{AppErrorKind, Client, ErrorDetails, OrchestrationContext, OrchestrationRegistry};

/// Rows of history, one a line.
const EVENTS: &str = include_str!("corpus/events.txt");
/// Messages, one a line.
const WORK_ITEMS: &str = include_str!("corpus/work_items.txt");

/// Few names, so that rows refer to each other.
#[derive(Debug, Clone, TypeGenerator)]
enum Word {
    A,
    B,
    Child,
    Short([char; 2]),
}

impl Word {
    fn text(&self) -> String {
        match self {
            Word::A => "a".to_owned(),
            Word::B => "b".to_owned(),
            Word::Child => "sub::2".to_owned(),
            Word::Short(letters) => letters.iter().collect(),
        }
    }
}

fn failure(text: String, is_system: bool) -> ErrorDetails {
    if is_system {
        ErrorDetails::Infrastructure { operation: text.clone(), message: text, retryable: false }
    } else {
        ErrorDetails::Application { kind: AppErrorKind::ActivityFailed, message: text, retryable: false }
    }
}

fn kind_of(kind: u8, name: String, text: String, flag: bool) -> EventKind {
    match kind {
        0 => EventKind::OrchestrationStarted {
            name,
            version: "1.0.0".to_owned(),
            input: text.clone(),
            parent_instance: flag.then(|| text.clone()),
            parent_id: flag.then_some(2),
            parent_execution_id: None,
            carry_forward_events: flag.then(|| vec![("a".to_owned(), text)]),
            initial_custom_status: None,
        },
        1 => EventKind::OrchestrationCompleted { output: text },
        2 => EventKind::OrchestrationFailed { details: failure(text, flag) },
        3 | 4 => {
            EventKind::ActivityScheduled { name, input: text, session_id: None, tag: flag.then(|| "t".to_owned()) }
        }
        5 => EventKind::ActivityCompleted { result: text },
        6 => EventKind::ActivityFailed { details: failure(text, flag) },
        7 => EventKind::ActivityCancelRequested { reason: reason(flag) },
        8 => EventKind::TimerCreated { fire_at_ms: u64::from(flag) },
        9 => EventKind::TimerFired { fire_at_ms: u64::MAX },
        10 => EventKind::ExternalSubscribed { name },
        11 => EventKind::ExternalEvent { name, data: text },
        12 => EventKind::OrchestrationChained { instance: name.clone(), name, input: text },
        13 => EventKind::SubOrchestrationScheduled { instance: name.clone(), name, input: text },
        14 => EventKind::SubOrchestrationCompleted { result: text },
        15 => EventKind::SubOrchestrationFailed { details: failure(text, flag) },
        16 => EventKind::SubOrchestrationCancelRequested { reason: reason(flag) },
        17 => EventKind::OrchestrationContinuedAsNew { input: text },
        18 => EventKind::OrchestrationCancelRequested { reason: text },
        19 => EventKind::ExternalSubscribedCancelled { reason: reason(flag) },
        20 => EventKind::QueueSubscribed { name },
        21 => EventKind::QueueEventDelivered { name, data: text },
        22 => EventKind::QueueSubscriptionCancelled { reason: reason(flag) },
        23 => EventKind::CustomStatusUpdated { status: flag.then_some(text) },
        24 => EventKind::KeyValueSet { key: name, value: text, last_updated_at_ms: 0 },
        25 => EventKind::KeyValueCleared { key: name },
        _ => EventKind::KeyValuesCleared,
    }
}

fn reason(is_dropped: bool) -> String {
    if is_dropped { "dropped_future" } else { "orchestration_terminal" }.to_owned()
}

/// A row in the making.
#[derive(Debug, Clone, TypeGenerator)]
struct Row {
    gap: u8,
    source: Option<u8>,
    kind: u8,
    name: Word,
    text: Word,
    flag: bool,
}

impl Row {
    fn event(&self) -> Event {
        let kind = kind_of(self.kind % 27, self.name.text(), self.text.text(), self.flag);
        let source = self.source.map(|source| u64::from(source % 12));
        let mut event = Event::with_event_id(u64::from(self.gap % 3), "i", 1, source, kind);
        event.timestamp_ms = 1;
        event
    }
}

/// Mostly a history that begins well: ids grow, the first row is a start.
fn history(seed: u8, rows: &[Row]) -> Vec<Event> {
    let mut events: Vec<Event> = rows.iter().take(14).map(Row::event).collect();
    let mut id = 0;
    for event in &mut events {
        id += 1 + event.event_id * u64::from(seed.is_multiple_of(5));
        event.event_id = id;
    }
    if !seed.is_multiple_of(8)
        && let Some(first) = events.first_mut()
    {
        first.kind = kind_of(0, "All".to_owned(), String::new(), seed.is_multiple_of(2));
    }
    // A damaged row may have any id.
    if seed % 16 == 3
        && let Some(last) = events.last_mut()
    {
        last.event_id = u64::MAX;
    }
    events
}

/// A message in the making.
#[derive(Debug, Clone, TypeGenerator)]
struct Message {
    kind: u8,
    name: Word,
    text: Word,
    id: u8,
    execution: u8,
}

impl Message {
    fn work_item(&self) -> WorkItem {
        let (instance, name, text) = ("i".to_owned(), self.name.text(), self.text.text());
        let (id, execution_id) = (u64::from(self.id % 12), u64::from(self.execution % 3));
        match self.kind % 9 {
            0 => WorkItem::ActivityCompleted { instance, execution_id, id, result: text },
            1 => WorkItem::ActivityFailed { instance, execution_id, id, details: failure(text, id % 2 == 0) },
            2 => WorkItem::TimerFired { instance, execution_id, id, fire_at_ms: id },
            3 => WorkItem::ExternalRaised { instance, name, data: text },
            4 => WorkItem::QueueMessage { instance, name, data: text },
            5 => WorkItem::SubOrchCompleted {
                parent_instance: instance,
                parent_execution_id: execution_id,
                parent_id: id,
                result: text,
            },
            6 => WorkItem::SubOrchFailed {
                parent_instance: instance,
                parent_execution_id: execution_id,
                parent_id: id,
                details: failure(text, id % 2 == 0),
            },
            7 => WorkItem::CancelInstance { instance, reason: text },
            _ => {
                WorkItem::ActivityExecute { instance, execution_id, id, name, input: text, session_id: None, tag: None }
            }
        }
    }
}

/// Asks for one of everything that histories record.
fn handler() -> Arc<dyn OrchestrationHandler> {
    let registry = OrchestrationRegistry::builder().register("All", |ctx: OrchestrationContext, _| async move {
        let _ = ctx.select2(ctx.schedule_activity("a", "b"), ctx.schedule_wait("a")).await;
        let _ = ctx.select2(ctx.dequeue_event("a"), ctx.schedule_timer(std::time::Duration::ZERO)).await;
        ctx.set_kv_value("a", "b");
        let child = ctx.schedule_sub_orchestration("b", "a").await;
        ctx.clear_kv_value("a");
        ctx.dequeue_event("b").await;
        child
    });
    let registry = registry.build();
    registry.resolve_handler("All").map(|(_, handler)| handler).unwrap_or_else(|| unreachable!("it was registered"))
}

/// Where, and what stands there then.
type Damage = Vec<(u16, u8)>;

/// Replaces some bytes of a text, six at most.
fn damaged(text: &str, damage: &Damage) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (at, byte) in damage.iter().take(6) {
        let at = usize::from(*at) % bytes.len();
        bytes[at] = *byte;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One of the lines, if `at` says so.
fn line(lines: &'static str, at: Option<u8>) -> Option<&'static str> {
    let lines: Vec<&str> = lines.lines().collect();
    at.map(|at| lines[usize::from(at) % lines.len()])
}

#[test]
fn fuzz_event() {
    let target = check!().with_type::<(Row, Option<u8>, Damage)>().with_iterations(150_000);
    target.for_each(|(row, old, damage)| {
        let event = row.event();
        let text = serde_json::to_string(&event).expect("an event is plain data");
        assert_eq!(serde_json::from_str::<Event>(&text).expect("it was just written"), event);
        let text = line(EVENTS, *old).unwrap_or(&text);
        if let Ok(read) = serde_json::from_str::<Event>(&damaged(text, damage)) {
            let again = serde_json::to_string(&read).expect("an event is plain data");
            assert_eq!(serde_json::from_str::<Event>(&again).ok(), Some(read));
        }
    });
}

#[test]
fn fuzz_work_item() {
    let target = check!().with_type::<(Message, Option<u8>, Damage)>().with_iterations(120_000);
    target.for_each(|(message, old, damage)| {
        let text = serde_json::to_string(&message.work_item()).expect("a message is plain data");
        let text = line(WORK_ITEMS, *old).unwrap_or(&text);
        if let Ok(read) = serde_json::from_str::<WorkItem>(&damaged(text, damage)) {
            let again = serde_json::to_string(&read).expect("a message is plain data");
            assert_eq!(serde_json::from_str::<WorkItem>(&again).ok(), Some(read));
        }
    });
}

#[test]
fn fuzz_history() {
    let target = check!().with_type::<(u8, Vec<Row>, Vec<Message>, u8)>().with_iterations(80_000);
    target.for_each(|(seed, rows, messages, old)| {
        let history = history(*seed, rows);
        let persisted = usize::from(old % 15).min(history.len());
        let mut engine = ReplayEngine::new("i".to_owned(), 1, history).with_persisted_history_len(persisted);
        engine.prep_completions(messages.iter().take(6).map(Message::work_item).collect());
        engine.execute_orchestration(handler(), String::new(), "All".to_owned(), "1.0.0".to_owned(), "fuzz");
        // Whatever it was, the machine goes on from where it was: ids only grow.
        let ids: Vec<u64> = engine.history_delta().iter().map(|event| event.event_id).collect();
        assert!(ids.is_sorted(), "{ids:?}");
    });
}

#[test]
fn fuzz_names() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("it needs nothing");
    let runtime = AssertUnwindSafe(runtime);
    let target = check!().with_type::<(Name, Name, Name)>().with_iterations(20_000);
    target.for_each(move |(instance, name, key)| {
        let (instance, name, key) = (instance.text(), name.text(), key.text());
        let rows = async {
            let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
            let client = Client::new(Arc::clone(&store));
            let started = client.start_orchestration(&instance, &name, &key).await;
            let is_reserved = instance.starts_with("sub::") || instance.contains("::sub::");
            assert_eq!(started.is_err(), is_reserved, "{started:?}");
            let _ = client.raise_event(&instance, &name, &key).await;
            let _ = client.cancel_instance(&instance, &name).await;
            let _ = client.get_kv_value(&instance, &key).await;
            duroxide::build_child_instance_id(&instance, &name).len()
        };
        assert!(runtime.block_on(rows) >= name.len());
    });
}

/// Parts of names: what has a meaning somewhere, and anything.
#[derive(Debug, Clone, TypeGenerator)]
enum Part {
    Marker,
    Child,
    Colons,
    Quote,
    Nul,
    Percent,
    Letters([char; 3]),
}

type Parts = Vec<Part>;

#[derive(Debug, Clone, TypeGenerator)]
struct Name(Parts);

impl Name {
    fn text(&self) -> String {
        let part = |part: &Part| match part {
            Part::Marker => "sub::".to_owned(),
            Part::Child => "::sub::".to_owned(),
            Part::Colons => "::".to_owned(),
            Part::Quote => "'; DROP TABLE \"history\" --".to_owned(),
            Part::Nul => "\0".to_owned(),
            Part::Percent => "%_{}".to_owned(),
            Part::Letters(letters) => letters.iter().collect(),
        };
        self.0.iter().take(8).map(part).collect()
    }
}

#[test]
fn every_line_of_the_corpus_is_read_and_every_kind_is_there() {
    let kinds = |lines: &'static str, read: fn(&str) -> String| {
        let kinds: std::collections::BTreeSet<String> = lines.lines().map(read).collect();
        kinds.len()
    };
    let event = |line: &str| {
        let event: Event = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        word(&format!("{:?}", event.kind))
    };
    let message = |line: &str| {
        let item: WorkItem = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        word(&format!("{item:?}"))
    };
    assert_eq!(kinds(EVENTS, event), 26);
    assert_eq!(kinds(WORK_ITEMS, message), 11);
}

/// Input: `TimerFired { fire_at_ms: 1 }`
/// Output: `TimerFired`
fn word(debug: &str) -> String {
    debug.split([' ', '{']).next().unwrap_or_default().to_owned()
}
