//! Beside a runtime that works: start, wait, send, follow, cancel; and nobody is disturbed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{OrchestrationRegistry, Runtime};
use duroxide::{ActivityContext, Client, OrchestrationContext};
use serde_json::json;

use super::program::{Ran, command, on};
use super::shop::Shop;

pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A runtime on the shop's store.
pub(crate) struct Working {
    pub(crate) client: Client,
    runtime: Arc<Runtime>,
}

impl Working {
    pub(crate) async fn on(shop: &Shop) -> Self {
        let store: Arc<dyn Provider> = Arc::new(shop.open().await);
        let activities = ActivityRegistry::builder()
            .register("Charge", |_: ActivityContext, cents: String| async move { Ok(format!("charged {cents}")) })
            .build();
        let orchestrations = OrchestrationRegistry::builder()
            .register("Checkout", |ctx: OrchestrationContext, cents: String| async move {
                ctx.set_custom_status("waits for approval");
                let word = ctx.schedule_wait("approved").await;
                if word == "no" {
                    return Err("declined by hand".to_owned());
                }
                ctx.schedule_activity("Charge", cents).await
            })
            .register(
                "Inbox",
                |ctx: OrchestrationContext, _: String| async move { Ok(ctx.dequeue_event("inbox").await) },
            )
            .register("Forever", |ctx: OrchestrationContext, round: String| async move {
                let round: u32 = round.parse().unwrap_or(0);
                if round == 5 { Ok("done".to_owned()) } else { ctx.continue_as_new((round + 1).to_string()).await }
            })
            .build();
        let runtime = Runtime::start_with_store(Arc::clone(&store), activities, orchestrations).await;
        Working { client: Client::new(store), runtime }
    }

    /// Until the orchestration says so of itself.
    pub(crate) async fn waits(&self, id: &str) {
        self.client.wait_for_status_change(id, 0, Duration::from_millis(5), LONG).await.expect("it begins");
    }

    pub(crate) async fn stop(self) {
        self.runtime.shutdown(None).await;
    }
}

/// The program on a thread of its own, while the runtime works on this one.
pub(crate) async fn beside(shop: &Shop, arguments: &[&str]) -> Ran {
    let path = shop.path();
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let run = move || on(&path, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.expect("the program ran")
}

#[tokio::test]
async fn an_order_is_started_approved_and_waited_for() {
    let shop = Shop::empty();
    let working = Working::on(&shop).await;
    let started = beside(&shop, &["start", "Checkout", "order-1", "1250", "--unchecked"]).await;
    assert_eq!(started.well(), "asked for Checkout as order-1\n");
    working.waits("order-1").await;
    let again = beside(&shop, &["start", "Checkout", "order-1", "1", "--unchecked"]).await.ended(1);
    assert!(again.contains("exists already"), "{again}");
    let got = beside(&shop, &["get", "order-1", "--json"]).await.document();
    assert_eq!((&got["status"], &got["custom_status"]), (&json!("Running"), &json!("waits for approval")));
    assert_eq!(
        beside(&shop, &["raise", "order-1", "approved", "\"yes\""]).await.well(),
        "raised `approved` in order-1\n"
    );
    let end = beside(&shop, &["wait", "order-1", "--json", "--full", "--timeout", "60s"]).await.document();
    assert_eq!(end, json!({"instance_id": "order-1", "status": "Completed", "output": "charged 1250"}));
    working.stop().await;
}

#[tokio::test]
async fn messages_are_enqueued_and_instances_cancelled() {
    let shop = Shop::empty();
    let working = Working::on(&shop).await;
    working.client.start_orchestration("box", "Inbox", "").await.unwrap();
    beside(&shop, &["enqueue", "box", "inbox", "{\"letter\":1}"]).await.well();
    let end = beside(&shop, &["wait", "box", "--full", "--timeout", "60s"]).await.well();
    assert_eq!(end, "box  Completed  {\"letter\":1}\n");

    working.client.start_orchestration("order-2", "Checkout", "1").await.unwrap();
    working.waits("order-2").await;
    beside(&shop, &["cancel", "order-2", "--reason", "no longer wanted"]).await.well();
    let end = beside(&shop, &["wait", "order-2", "--timeout", "60s"]).await;
    assert_eq!((end.code, end.out.as_str()), (1, "order-2  Failed  canceled: no longer wanted\n"));
    working.stop().await;
}

#[tokio::test]
async fn start_waits_when_it_is_told_to() {
    let shop = Shop::empty();
    let working = Working::on(&shop).await;
    let arguments = ["start", "Forever", "f", "0", "--wait", "--timeout", "60s", "--full", "--unchecked"];
    assert_eq!(beside(&shop, &arguments).await.well(), "f  Completed  done\n");
    let kept = beside(&shop, &["prune", "f", "--keep", "2", "--dry-run"]).await.well();
    assert!(kept.starts_with("would delete 4 executions with"), "{kept}");
    let pruned = beside(&shop, &["prune", "f", "--keep", "2", "--yes", "--json"]).await.document();
    assert_eq!((&pruned["executions"], &pruned["dry_run"]), (&json!(4), &json!(false)));
    assert_eq!(working.client.list_executions("f").await.unwrap(), [5, 6]);
    working.stop().await;
}

#[tokio::test]
async fn an_instance_is_followed_to_its_end() {
    let shop = Shop::empty();
    let working = Working::on(&shop).await;
    working.client.start_orchestration("order-1", "Checkout", "1250").await.unwrap();
    working.waits("order-1").await;
    let mut program = command();
    program.arg("--store").arg(shop.path()).args(["tail", "order-1", "--json"]);
    let mut child: Child = program.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let reading = tokio::task::spawn_blocking(move || {
        for line in lines {
            let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            told.send(event["type"].as_str().unwrap().to_owned()).unwrap();
        }
    });
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last: &String| last != "ExternalSubscribed") {
        seen.push(heard.recv().await.expect("it is followed"));
    }
    working.client.raise_event("order-1", "approved", "yes").await.unwrap();
    while let Some(event) = heard.recv().await {
        seen.push(event);
    }
    reading.await.unwrap();
    assert!(child.wait().unwrap().success());
    let all = working.client.read_execution_history("order-1", 1).await.unwrap();
    assert_eq!(seen.len(), all.len(), "each once: {seen:?}");
    assert_eq!(seen.last().map(String::as_str), Some("OrchestrationCompleted"));
    working.stop().await;
}

/// What a look must not do: take the place of a store, or give back what somebody holds.
#[tokio::test]
async fn looking_leaves_no_trace_beside_a_store_at_work() {
    let shop = Shop::empty();
    let working = Working::on(&shop).await;
    working.client.start_orchestration("order-1", "Checkout", "1250").await.unwrap();
    working.waits("order-1").await;
    let files = || {
        let mut names: Vec<_> =
            std::fs::read_dir(shop.folder()).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = files();
    for arguments in [&["ls"][..], &["get", "order-1"], &["queue"], &["doctor"], &["raise", "order-1", "other"]] {
        beside(&shop, arguments).await;
        assert_eq!(files(), before, "{arguments:?}");
    }
    working.client.raise_event("order-1", "approved", "yes").await.unwrap();
    working.client.wait_for_orchestration("order-1", LONG).await.expect("it goes on");
    working.stop().await;
}
