//! Workers say what they have, and what is started, listed and found missing goes by that.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::runtime::Runtime;
use duroxide::{Client, OrchestrationContext, activity, orchestration};
use serde_json::json;

use super::live::beside;
use super::shop::Shop;

#[activity]
async fn pay_back(order: String, cents: u64) -> Result<String, String> {
    Ok(format!("{cents} for {order}"))
}

#[activity(tag = "gpu")]
async fn draw(order: String) -> Result<String, String> {
    Ok(order)
}

#[orchestration]
async fn refund(ctx: OrchestrationContext, order: String, cents: u64) -> Result<String, String> {
    pay_back::call(&ctx, order, cents).await.map_err(|error| error.to_string())
}

/// The line in which `draw` is called.
const DRAWN: u32 = line!() + 5;

#[orchestration]
async fn picture(ctx: OrchestrationContext, order: String) -> Result<String, String> {
    ctx.set_custom_status("wants a picture");
    draw::call(&ctx, order).await.map_err(|error| error.to_string())
}

async fn work(shop: &Shop) -> (Arc<Runtime>, Client) {
    let store: Arc<dyn Provider> = Arc::new(shop.open().await);
    let runtime = Runtime::builder(Arc::clone(&store)).discover().expect("they fit").start().await.expect("it starts");
    let client = Client::new(store);
    while client.list_workers().await.expect("a list").is_empty() {
        tokio::task::yield_now().await;
    }
    (runtime, client)
}

#[tokio::test]
async fn an_input_that_does_not_fit_is_refused_before_it_is_stored() {
    let shop = Shop::empty();
    let (runtime, _) = work(&shop).await;
    let refused = async |arguments: &[&str], told: &str| {
        let err = beside(&shop, arguments).await.ended(2);
        assert!(err.contains(told) && err.contains("--unchecked starts it all the same"), "{err}");
    };
    let with = |input: &'static str| ["start", "refund", "r-1", input];
    refused(&with(r#"{"order":"a"}"#), "argument `cents: u64` is missing").await;
    refused(&with(r#"{"order":"a","cents":-1}"#), "argument `cents: u64`: found -1").await;
    refused(&with("7"), "`refund(order: String, cents: u64) -> Result<String, String>` (").await;
    refused(&["start", "refnud", "r-1"], "no worker has registered `refnud`; known are picture, refund").await;
    refused(&["start", "refund", "r-1", "--of-version", "9.9.9"], "no worker has `refund` in version 9.9.9").await;
    assert_eq!(beside(&shop, &["get", "r-1"]).await.code, 1, "nothing was stored");

    let fits = ["start", "refund", "r-1", r#"{"order":"a","cents":5}"#, "--wait", "--timeout", "60s", "--full"];
    assert_eq!(beside(&shop, &fits).await.well(), "r-1  Completed  \"5 for a\"\n");
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn workers_and_handlers_are_listed_and_a_missing_tag_is_found() {
    let shop = Shop::empty();
    let (runtime, client) = work(&shop).await;
    let workers = beside(&shop, &["workers", "--json"]).await.document();
    assert_eq!((&workers[0]["is_alive"], &workers[0]["pid"]), (&json!(true), &json!(std::process::id())));
    let told = beside(&shop, &["workers"]).await.well();
    assert!(told.contains("alive") && told.contains("a power cut"), "{told}");
    let handlers = beside(&shop, &["handlers"]).await.well();
    let row = handlers.lines().find(|line| line.contains("refund")).expect("it is registered");
    assert!(
        row.contains("(order: String, cents: u64) -> Result<String, String>") && row.contains("typed.rs:"),
        "{row}"
    );

    beside(&shop, &["start", "picture", "p-1", "\"a\""]).await.well();
    client
        .wait_for_status_change("p-1", 0, Duration::from_millis(5), Duration::from_secs(60))
        .await
        .expect("it begins");
    while client.list_unserved(10).await.expect("a list").is_empty() {
        tokio::task::yield_now().await;
    }
    let handlers = beside(&shop, &["handlers", "--json", "--activities"]).await.document();
    assert_eq!((&handlers["unserved"][0]["tag"], &handlers["unserved"][0]["example"]), (&json!("gpu"), &json!("p-1")));
    assert_eq!(handlers["handlers"].as_array().map(Vec::len), Some(2), "{handlers}");
    assert!(beside(&shop, &["handlers"]).await.well().contains("no live worker serves it; waiting: 1 instance"));
    let told = beside(&shop, &["explain", "p-1"]).await.well();
    assert!(told.contains("gpu"), "{told}");
    // A visitor has no code: the worker has told where it is.
    assert!(told.contains(&format!("activity `draw` (called at {}:{DRAWN}) waits since ", file!())), "{told}");
    let doctor = beside(&shop, &["doctor", "--json"]).await;
    let lines: serde_json::Value = serde_json::from_str(&doctor.out).expect("a document");
    let of = |check: &str| lines.as_array().expect("lines").iter().find(|line| line["check"] == check).cloned();
    assert_eq!(of("workers").expect("looked at")["verdict"], "OK");
    assert_eq!(of("durability").expect("looked at")["found"], "what is acknowledged survives a power cut");
    let handlers = of("handlers").expect("looked at");
    assert!(handlers["verdict"] == "WARN" && handlers["found"].to_string().contains("gpu"), "{handlers}");
    assert_eq!(doctor.code, 0, "a warning is no failure");
    assert_eq!(beside(&shop, &["doctor", "--strict"]).await.code, 1);
    runtime.shutdown(None).await;
    let workers = beside(&shop, &["workers", "--alive", "--json"]).await.document();
    assert_eq!(workers, json!([]));
}
