//! What orchestrations measure is recorded once, whatever happens to the turn that did.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

use super::faulty::{Fault, Faulty, busy};
use super::{activities, ended, store};
use crate::client::Client;
use crate::context::orchestration::OrchestrationContext;
use crate::providers::{Provider, ProviderError};
use crate::registry::OrchestrationRegistry;
use crate::runtime::{Runtime, Warmth};

/// Sums of the figures of user code, by name and labels.
#[derive(Clone, Default)]
struct Sums(Arc<Mutex<BTreeMap<String, f64>>>);

struct Sum(String, Sums);

impl Sums {
    fn add(&self, name: &str, by: f64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default() += by;
    }

    fn of(&self, name: &str) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or_default()
    }

    fn sum(&self, key: &Key) -> Arc<Sum> {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        Arc::new(Sum(format!("{}{}", key.name(), labels.collect::<String>()), self.clone()))
    }
}

impl CounterFn for Sum {
    fn increment(&self, by: u64) {
        self.1.add(&self.0, by as f64);
    }

    fn absolute(&self, _: u64) {}
}

impl HistogramFn for Sum {
    fn record(&self, sample: f64) {
        self.1.add(&self.0, sample);
    }
}

impl Recorder for Sums {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.sum(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.sum(key))
    }
}

/// Three turns, of which the second takes an answer and asks for nothing more.
fn orders() -> OrchestrationRegistry {
    let order = |ctx: OrchestrationContext, _: String| async move {
        ctx.counter("orders_total", 1, &[("kind", "begun")]);
        let go = ctx.schedule_wait("go");
        ctx.schedule_activity("Echo", "x").await?;
        ctx.histogram("order_value", 10.0, &[]);
        go.await;
        ctx.counter("orders_total", 1, &[("kind", "done")]);
        Ok(String::new())
    };
    OrchestrationRegistry::builder().register("Order", order).build()
}

/// Begun, value and done, as they were recorded in one life of an order.
async fn figures(store: Arc<dyn Provider>, warmth: Warmth) -> (f64, f64, f64) {
    let sums = Sums::default();
    let _recording = ::metrics::set_default_local_recorder(&sums);
    let builder = Runtime::builder(Arc::clone(&store)).warmth(warmth).activities(activities()).orchestrations(orders());
    let runtime = builder.start().await.unwrap();
    let client = Client::new(Arc::clone(&store));
    client.start_orchestration("order", "Order", "").await.unwrap();
    // Told in the middle of the journey, so that the second turn is not also the last.
    while !store.read("order").await.unwrap().iter().any(|event| event.event_id >= 4) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.raise_event("order", "go", "").await.unwrap();
    ended(&client, "order").await.unwrap();
    runtime.shutdown(None).await;
    (sums.of("orders_total kind=begun"), sums.of("order_value"), sums.of("orders_total kind=done"))
}

#[tokio::test(start_paused = true)]
async fn a_figure_is_recorded_once_by_executions_that_rest_that_are_evicted_and_that_are_replayed() {
    for warmth in [Warmth::default(), Warmth::EvictEachTurn, Warmth::Off] {
        assert_eq!(figures(store(), warmth).await, (1.0, 10.0, 1.0), "{warmth:?}");
        let quick: Arc<dyn Provider> = Faulty::quick();
        assert_eq!(figures(quick, warmth).await, (1.0, 10.0, 1.0), "{warmth:?}, quick");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_could_not_be_committed_records_nothing_and_its_repetition_does() {
    // Six failures in a row: the turn is given back and run again.
    let faults = (0..6).map(|_| busy()).collect();
    let store = Faulty::new([("ack_orchestration_item", faults)]);
    assert_eq!(figures(store, Warmth::Off).await, (1.0, 10.0, 1.0));
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_is_lost_loses_its_figures_and_doubles_none() {
    // It happened, and every repetition of it is refused: nobody can tell any more whose commit it was.
    let lost = Fault::After(ProviderError::retryable("test", "lost"));
    let store = Faulty::new([("ack_orchestration_item", vec![lost])]);
    assert_eq!(figures(store, Warmth::Off).await, (0.0, 10.0, 1.0));
}
