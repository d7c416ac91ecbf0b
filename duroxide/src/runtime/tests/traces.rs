//! One trace from a start to the last activity, with a propagator and a subscriber of the test's own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Span, Subscriber};

use super::faulty::{Fault, Faulty, busy};
use super::{LONG, activities, store};
use crate::activity::{ActivityContext, ActivityRegistry};
use crate::client::Client;
use crate::context::orchestration::OrchestrationContext;
use crate::providers::{Provider, ProviderError};
use crate::registry::OrchestrationRegistry;
use crate::runtime::{Runtime, RuntimeOptions};
use crate::trace::{Propagator, TARGET, TraceContext};

/// Every span of the library, by the number that stands for its span id.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    names: BTreeMap<u64, String>,
    parents: HashMap<u64, u64>,
    traces: HashMap<u64, u64>,
    entered: Vec<u64>,
    committed: BTreeMap<u64, bool>,
}

impl Spans {
    fn with<T>(&self, act: impl FnOnce(&mut Book) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Each span with its parent, by their names, in the order of their creation.
    fn tree(&self) -> Vec<String> {
        self.with(|book| {
            let name = |id: &u64| book.names[id].clone();
            let line = |id: &u64| match book.parents.get(id) {
                Some(parent) => format!("{} < {}", name(id), name(parent)),
                None => name(id),
            };
            book.names.keys().map(line).collect()
        })
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == TARGET
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        struct Name(String);
        impl tracing::field::Visit for Name {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "otel.name" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut name = Name(String::new());
        attributes.record(&mut name);
        self.with(|book| {
            let id = book.names.len() as u64 + 1;
            book.names.insert(id, name.0);
            let parent = attributes.is_contextual().then(|| book.entered.last().copied()).flatten();
            let trace = match parent {
                Some(parent) => {
                    book.parents.insert(id, parent);
                    book.traces[&parent]
                }
                None => id,
            };
            book.traces.insert(id, trace);
            Id::from_u64(id)
        })
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        struct Committed(Option<bool>);
        impl tracing::field::Visit for Committed {
            fn record_bool(&mut self, field: &tracing::field::Field, value: bool) {
                if field.name() == "committed" {
                    self.0 = Some(value);
                }
            }
            fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
        }
        let mut committed = Committed(None);
        values.record(&mut committed);
        if let Some(committed) = committed.0 {
            self.with(|book| book.committed.insert(span.into_u64(), committed));
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        self.with(|book| book.entered.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        self.with(|book| book.entered.retain(|id| *id != span.into_u64()));
    }
}

impl Propagator for Spans {
    fn context_of(&self, span: &Span) -> Option<TraceContext> {
        let id = span.id()?.into_u64();
        let trace = self.with(|book| book.traces[&id]);
        TraceContext::new(&format!("00-{trace:032x}-{id:016x}-01"), Some("test=1")).ok()
    }

    fn set_parent(&self, span: &Span, parent: &TraceContext) {
        assert_eq!(parent.tracestate(), Some("test=1"));
        let of = |hex: &str| u64::from_str_radix(hex, 16).unwrap();
        if let Some(id) = span.id() {
            self.with(|book| {
                book.parents.insert(id.into_u64(), of(parent.span_id()));
                book.traces.insert(id.into_u64(), of(&parent.trace_id()[16..]));
            });
        }
    }
}

fn orders() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Order", |ctx: OrchestrationContext, generation: String| async move {
            ctx.schedule_activity("Echo", "x").await?;
            if generation == "first" {
                return ctx.continue_as_new("second").await;
            }
            ctx.schedule_orchestration("Audit", "audit", "");
            ctx.schedule_sub_orchestration("Ship", "").await
        })
        .register("Ship", |ctx: OrchestrationContext, _: String| async move { ctx.schedule_activity("Tell", "").await })
        .register("Audit", |_: OrchestrationContext, _: String| async move { Ok(String::new()) })
        .build()
}

/// Tells the trace that it is a part of.
fn telling() -> ActivityRegistry {
    let tell = |ctx: ActivityContext, _: String| async move {
        Ok(ctx.trace_context().map_or_else(|| "none".to_owned(), |context| context.trace_id().to_owned()))
    };
    ActivityRegistry::builder_from(&activities()).register("Tell", tell).build()
}

async fn run(store: Arc<dyn Provider>, spans: Option<&Spans>) -> String {
    let (mut client, mut builder) = (Client::new(Arc::clone(&store)), Runtime::builder(store));
    if let Some(spans) = spans {
        let propagator = || Arc::new(spans.clone());
        (client, builder) = (client.with_propagator(propagator()), builder.propagator(propagator()));
    }
    let runtime = builder.activities(telling()).orchestrations(orders()).start().await.unwrap();
    client.start_orchestration("order", "Order", "first").await.unwrap();
    client.wait_for_orchestration("audit", LONG).await.unwrap();
    let output = super::ended(&client, "order").await.unwrap();
    runtime.shutdown(None).await;
    output
}

const TREE: &[&str] = &[
    "start Order",
    "orchestration Order < start Order",
    "activity Echo < start Order",
    // The turn that ends the first execution, and the two of the next: not one for each replay.
    "orchestration Order < start Order",
    "orchestration Order < start Order",
    "activity Echo < start Order",
    "orchestration Order < start Order",
    "orchestration Audit < orchestration Order",
    "orchestration Ship < orchestration Order",
    "activity Tell < orchestration Order",
    "orchestration Ship < orchestration Order",
    "orchestration Order < start Order",
];

#[tokio::test(start_paused = true)]
async fn a_start_its_turns_activities_and_children_are_one_trace() {
    for quick in [false, true] {
        let spans = Spans::default();
        let _collecting = tracing::subscriber::set_default(spans.clone());
        let store: Arc<dyn Provider> = if quick { Faulty::quick() } else { store() };
        let trace = run(store, Some(&spans)).await;
        assert_eq!(trace, format!("{:032x}", 1), "the activity of the child knows the trace of the start");
        let (mut found, mut expected) = (spans.tree(), TREE.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "quick: {quick}");
        spans.with(|book| {
            assert_eq!(book.traces.values().copied().collect::<BTreeSet<_>>(), BTreeSet::from([1]));
            assert_eq!(book.committed.len(), 8);
            assert!(book.committed.values().all(|committed| *committed));
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_not_committed_says_so() {
    let spans = Spans::default();
    let _collecting = tracing::subscriber::set_default(spans.clone());
    let store = Faulty::new([("ack_orchestration_item", (0..6).map(|_| busy()).collect())]);
    run(store, Some(&spans)).await;
    let lost = spans.with(|book| book.committed.values().filter(|committed| !**committed).count());
    assert_eq!(lost, 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_propagator_no_trace_is_read_or_kept() {
    let store = Faulty::new([]);
    assert_eq!(run(store.clone(), None).await, "none");
    assert_eq!(store.calls("trace"), Vec::<String>::new());
    let traced = Faulty::new([]);
    run(traced.clone(), Some(&Spans::default())).await;
    // Nobody records: what is there is carried on all the same, and here there is nothing.
    assert_eq!(traced.calls("trace start"), Vec::<String>::new());
    assert_eq!(traced.calls("trace keep"), Vec::<String>::new());
    // Once for each new instance and execution of it, or for each turn where nothing stays in memory; and for each activity,
    // whose instance may be another by now.
    let turns = if std::env::var_os("DUROXIDE_WARMTH").is_none() { 4 } else { 8 };
    assert_eq!(traced.calls("trace read").len(), turns + 3);
}

/// An id that is started, deleted and started again, with the first turns of its second life somewhere else.
#[tokio::test(start_paused = true)]
async fn the_second_life_of_an_id_is_in_its_own_trace() {
    let spans = Spans::default();
    let _collecting = tracing::subscriber::set_default(spans.clone());
    let store: Arc<dyn Provider> = store();
    let propagator = || Arc::new(spans.clone());
    let client = Client::new(Arc::clone(&store)).with_propagator(propagator());
    let run = async |options: RuntimeOptions| {
        let builder = Runtime::builder(Arc::clone(&store)).options(options).propagator(propagator());
        builder.activities(telling()).orchestrations(orders()).start().await.unwrap()
    };
    // One does the activities of both lives, and another one the turns.
    let works = run(RuntimeOptions { orchestration_concurrency: 0, ..RuntimeOptions::default() }).await;
    let mut traces = Vec::new();
    for _ in 0..2 {
        let turns = run(RuntimeOptions { worker_concurrency: 0, ..RuntimeOptions::default() }).await;
        client.start_orchestration("ship", "Ship", "").await.unwrap();
        traces.push(super::ended(&client, "ship").await.unwrap());
        turns.shutdown(None).await;
        client.delete_instance("ship", false).await.unwrap();
    }
    assert_ne!(traces[0], traces[1], "two starts are two traces");
    works.shutdown(None).await;
}

#[tokio::test(start_paused = true)]
async fn a_trace_that_cannot_be_read_or_kept_stops_nobody() {
    let spans = Spans::default();
    let _collecting = tracing::subscriber::set_default(spans.clone());
    let trouble = || (0..50).map(|_| Fault::Error(ProviderError::retryable("test", "no"))).collect::<Vec<_>>();
    let store = Faulty::new([("read_trace", trouble()), ("keep_traces", trouble())]);
    assert_ne!(run(store, Some(&spans)).await, "none");
    assert!(spans.tree().contains(&"orchestration Order".to_owned()), "a root of its own: {:?}", spans.tree());
}
