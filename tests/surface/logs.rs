//! A program that reads its own log lines: targets and fields, seen by a subscriber of the driving thread.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::Runtime;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// One line: target, level, fields with the message among them.
type Line = (String, String, BTreeMap<String, String>);

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Line>>>);

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_string(), format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let metadata = event.metadata();
        let line = (metadata.target().to_string(), metadata.level().to_string(), fields);
        self.0.lock().expect("nothing panics under it").push(line);
    }
}

impl Lines {
    /// The lines of one target, as `LEVEL message`, and the names of their fields.
    fn of(&self, target: &str) -> Vec<(String, Vec<String>)> {
        let lines = self.0.lock().expect("nothing panics under it");
        let of_target = lines.iter().filter(|line| line.0 == target);
        of_target
            .map(|(_, level, fields)| {
                let message = fields.get("message").cloned().unwrap_or_default();
                let names = fields.keys().filter(|name| *name != "message").cloned().collect();
                (format!("{level} {message}"), names)
            })
            .collect()
    }
}

async fn flow(ctx: OrchestrationContext, _: String) -> Result<String, String> {
    ctx.trace_info("before");
    ctx.schedule_activity("Talk", "").await?;
    ctx.trace("warn", "after");
    Ok(String::new())
}

#[tokio::test(flavor = "current_thread")]
async fn each_line_is_written_once_with_its_fields() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines.clone()));
    let store = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    let activities = ActivityRegistry::builder()
        .register("Talk", |ctx: ActivityContext, _: String| async move {
            ctx.trace_error("inside");
            Ok(String::new())
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder().register("Flow", flow).build();
    let runtime = Runtime::start_with_store(store.clone(), activities, orchestrations).await;
    let client = Client::new(store);
    client.start_orchestration("order", "Flow", "").await.unwrap();
    client.wait_for_orchestration("order", Duration::from_secs(10)).await.unwrap();
    runtime.shutdown(None).await;

    let identity = ["execution_id", "instance_id", "orchestration_name", "orchestration_version"];
    let expected = ["INFO before", "WARN after"].map(|line| (line.to_string(), identity.map(str::to_string).to_vec()));
    assert_eq!(lines.of("duroxide::orchestration"), expected, "the second turn replays the first line silently");
    let activity = [
        "activity_id",
        "activity_name",
        "execution_id",
        "instance_id",
        "orchestration_name",
        "orchestration_version",
        "worker_id",
    ];
    assert_eq!(lines.of("duroxide::activity"), [("ERROR inside".to_string(), activity.map(str::to_string).to_vec())]);
}
