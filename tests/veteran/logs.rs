//! One thread, and a subscriber that only this thread has: what orders say is seen, once, in order.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use duroxide::Client;
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::Runtime;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::{end_of, flows};

/// `target message` of each line that user code wrote.
#[derive(Clone, Default)]
struct Spoken(Arc<Mutex<Vec<String>>>);

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for Spoken {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        if ["duroxide::orchestration", "duroxide::activity"].contains(&target) {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().expect("nothing panics under it").push(format!("{target} {}", message.0));
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_an_order_says_is_heard_once() {
    let spoken = Spoken::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(spoken.clone()));
    let store = Arc::new(MemoryProvider::new());
    let (activities, orchestrations) = (flows::activities(&flows::Runs::default()), flows::orchestrations());
    let runtime = Runtime::start_with_store(Arc::clone(&store) as _, activities, orchestrations).await;
    let client = Client::new(store);
    flows::place(&client, 7).await;
    flows::approve(&client, 7).await;
    assert_eq!(end_of(&client, "order-7").await, Ok(flows::receipt(7)));
    runtime.shutdown(None).await;
    let mut lines = spoken.0.lock().unwrap().clone();
    // The two items are reserved side by side.
    lines[..2].sort_unstable();
    assert_eq!(
        lines,
        [
            "duroxide::activity reserving ink",
            "duroxide::activity reserving pen",
            "duroxide::orchestration reserved",
            "duroxide::orchestration card of order 7 is asleep",
        ]
    );
}
