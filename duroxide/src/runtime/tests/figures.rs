//! What a runtime tells to the recorder behind the `metrics` facade, series by series.

use std::collections::BTreeMap;
use std::sync::Mutex;

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

use super::faulty::{Faulty, refused};
use super::*;
use crate::dispatch::settings::UnregisteredBackoffConfig;
use crate::observe::ObservabilityConfig;

/// How often something was recorded in each series, written as `name{label=value, ..}`.
#[derive(Default)]
struct Book(Arc<Mutex<BTreeMap<String, u64>>>);

struct Line(String, Arc<Mutex<BTreeMap<String, u64>>>);

impl Line {
    fn add(&self, times: u64) {
        *self.1.lock().unwrap().entry(self.0.clone()).or_default() += times;
    }
}

impl CounterFn for Line {
    fn increment(&self, value: u64) {
        self.add(value);
    }

    fn absolute(&self, value: u64) {
        self.add(value);
    }
}

impl HistogramFn for Line {
    fn record(&self, _value: f64) {
        self.add(1);
    }
}

impl Book {
    fn line(&self, key: &Key) -> Arc<Line> {
        let labels: Vec<String> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Line(format!("{}{{{}}}", key.name(), labels.join(", ")), Arc::clone(&self.0)))
    }

    /// The series of this name, without it.
    fn series(&self, name: &str) -> Vec<(String, u64)> {
        let lines = self.0.lock().unwrap();
        let of_name = lines.iter().filter_map(|(line, times)| Some((line.strip_prefix(name)?.to_owned(), *times)));
        of_name.filter(|(labels, _)| labels.starts_with('{')).collect()
    }

    /// How often this operation of the store succeeded.
    #[cfg(feature = "sqlite")]
    fn operations(&self, operation: &str) -> u64 {
        let name = "duroxide_provider_operation_duration_seconds";
        let wanted = format!("{{operation={operation}, status=success}}");
        self.series(name).into_iter().find(|(labels, _)| *labels == wanted).map_or(0, |(_, times)| times)
    }
}

impl Recorder for Book {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.line(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.line(key))
    }
}

/// The operations that 0.1 times, and no others.
#[cfg(feature = "sqlite")]
const TIMED: [&str; 8] = [
    "fetch_orchestration_item",
    "ack_orchestration_item",
    "read",
    "fetch_work_item",
    "ack_work_item",
    "renew_session_lock",
    "cleanup_orphaned_sessions",
    "enqueue_orchestrator",
];

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn each_activity_is_acknowledged_once_whichever_way_it_goes_and_other_operations_are_not_timed() {
    use crate::providers::instrumented::InstrumentedProvider;

    let book = Book::default();
    let _recorder = metrics::set_default_local_recorder(&book);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Chain", |ctx, input: String| async move {
            for _ in 0..3 {
                ctx.schedule_activity("Echo", input.clone()).await?;
            }
            let all = (0..5).map(|_| ctx.schedule_activity("Echo", input.clone())).collect();
            Ok(ctx.join(all).await.len().to_string())
        })
        .build();
    let store = Arc::new(crate::providers::sqlite::SqliteProvider::new_in_memory().await.unwrap());
    let (runtime, client) = start(&store, orchestrations).await;
    client.start_orchestration("i", "Chain", "x").await.unwrap();
    assert_eq!(ended(&client, "i").await.unwrap(), "5");
    let metrics = Arc::clone(runtime.observability_handle().unwrap().metrics_provider());
    runtime.shutdown(None).await;
    assert_eq!(book.operations("ack_work_item"), 8);

    let measured = Client::new(Arc::new(InstrumentedProvider::new(store, Some(metrics))));
    let before = book.operations("read");
    measured.get_orchestration_status("i").await.unwrap();
    assert_eq!(book.operations("read"), before + 1, "a look at the status takes the place of a read");
    for (labels, _) in book.series("duroxide_provider_operation_duration_seconds") {
        let is_listed = TIMED.iter().any(|operation| labels.starts_with(&format!("{{operation={operation}, ")));
        assert!(is_listed, "{labels}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_cannot_be_stored_is_counted_without_a_name() {
    let book = Book::default();
    let _recorder = metrics::set_default_local_recorder(&book);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Calls", |ctx, input: String| async move { ctx.schedule_activity("Echo", input).await })
        .build();
    let store = Faulty::new([("ack_work_item", vec![refused()])]);
    let (runtime, client) = start(&store, orchestrations).await;
    client.start_orchestration("i", "Calls", "x").await.unwrap();
    assert_eq!(ended(&client, "i").await.unwrap(), "x", "it ran again");
    let seen = runtime.metrics_snapshot().unwrap();
    runtime.shutdown(None).await;
    assert_eq!((seen.activity_success, seen.activity_infra_errors), (1, 1));
    let executions = book.series("duroxide_activity_executions_total");
    let outcomes: Vec<&str> = executions.iter().map(|(labels, _)| labels.as_str()).collect();
    assert_eq!(
        outcomes,
        ["{activity_name=Echo, outcome=success, retry_attempt=0, tag=default}", "{outcome=infra_error}"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_gauge_of_active_orchestrations_follows_those_that_end_without_running() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Leaves", |ctx, _| async move { ctx.continue_as_new_versioned("9.0.0", "").await })
        .build();
    let options = RuntimeOptions {
        max_attempts: 2,
        unregistered_backoff: UnregisteredBackoffConfig {
            base_delay: Duration::from_millis(1),
            max_delay: Duration::from_millis(1),
        },
        // The store is not asked in between: what happens must keep the gauge right by itself.
        observability: ObservabilityConfig { gauge_poll_interval: 100 * LONG, ..ObservabilityConfig::default() },
        ..RuntimeOptions::default()
    };
    let (runtime, client) = start_with(&store(), orchestrations, options).await;
    // One whose first execution runs and whose second one has no code, and one that never had any.
    for (instance, name) in [("successor", "Leaves"), ("first", "Missing")] {
        client.start_orchestration(instance, name, "").await.unwrap();
        assert!(ended(&client, instance).await.unwrap_err().contains("exceeded 3 attempts"), "{instance}");
    }
    let metrics = Arc::clone(runtime.observability_handle().unwrap().metrics_provider());
    runtime.shutdown(None).await;
    assert_eq!(metrics.get_active_orchestrations(), 0);
}

#[tokio::test(start_paused = true)]
async fn turns_are_counted_and_not_what_arrives_in_them() {
    let book = Book::default();
    let _recorder = metrics::set_default_local_recorder(&book);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Reads", |ctx, _| async move {
            let all = (0..20).map(|_| ctx.dequeue_event("q")).collect();
            let read: usize = ctx.join(all).await.len();
            ctx.schedule_activity("Echo", read.to_string()).await
        })
        .build();
    let store = store();
    let client = Client::new(Arc::clone(&store) as _);
    client.start_orchestration("i", "Reads", "").await.unwrap();
    for _ in 0..20 {
        client.enqueue_event("i", "q", "").await.unwrap();
    }
    // All of it waits when the runtime begins: one turn, and one for the activity.
    let (runtime, client) = start(&store, orchestrations).await;
    assert_eq!(ended(&client, "i").await.unwrap(), "20");
    runtime.shutdown(None).await;
    assert_eq!(
        book.series("duroxide_orchestration_completions_total"),
        [("{orchestration_name=Reads, version=1.0.0, status=success, final_turn_count=1-5}".to_owned(), 1)]
    );
}
