//! Metrics of workflows and of the runtime, for Prometheus to fetch.
//!
//! `cargo run -p duroxide-examples --features prometheus --example 11_prometheus` serves
//! `http://127.0.0.1:9464/metrics` until Ctrl-C, while orders come in; `-- --once` prints what there is after a few
//! orders, and ends.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::{ObservabilityConfig, Runtime, RuntimeOptions};
use duroxide::{Client, OrchestrationContext, activity, orchestration};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 9464);

/// Seconds: from an activity of a millisecond to an order that waits for an hour.
const SECONDS: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 600.0, 3_600.0];

#[activity]
async fn charge(order: u32) -> Result<(), String> {
    if order.is_multiple_of(4) { Err("card declined".to_owned()) } else { Ok(()) }
}

#[orchestration]
async fn order(ctx: OrchestrationContext, number: u32) -> Result<(), String> {
    // Recorded when the turn is committed, once: replays of this line record nothing.
    ctx.counter("orders_total", 1, &[("kind", if number > 2 { "large" } else { "small" })]);
    ctx.histogram("order_items", number.into(), &[]);
    charge::call(&ctx, number).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let once = std::env::args().any(|argument| argument == "--once");
    // Buckets make histograms of what would be summaries: only histograms can be added up over processes.
    let prometheus = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_items".to_owned()), &[1.0, 2.0, 5.0, 10.0])?;
    let shown = if once {
        Some(prometheus.install_recorder()?)
    } else {
        prometheus.with_http_listener(ADDRESS).install()?;
        println!("http://127.0.0.1:9464/metrics");
        None
    };
    let store = Arc::new(MemoryProvider::new());
    let observability =
        ObservabilityConfig { gauge_poll_interval: Duration::from_secs(10), ..ObservabilityConfig::default() };
    let options = RuntimeOptions { observability, ..RuntimeOptions::default() };
    let runtime = Runtime::builder(store.clone()).options(options).discover()?.start().await?;
    let client = Client::new(store);
    for number in 1.. {
        let handle = order::start(&client, format!("order-{number}"), number).await?;
        // One in four is declined.
        let _ = handle.wait(Duration::from_secs(10)).await;
        match &shown {
            Some(shown) if number == 8 => {
                print!("{}", shown.render());
                break;
            }
            Some(_) => {}
            None => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
    runtime.shutdown(None).await;
    Ok(())
}
