//! One trace from the request to the last activity, over processes and restarts, sent to an OpenTelemetry collector.
//!
//! Three commands share a database file; each is a process of its own:
//!
//! ```sh
//! docker run -p 16686:16686 -p 4318:4318 jaegertracing/jaeger    # or any other collector
//! alias traced='cargo run -p duroxide-examples --features opentelemetry --example 10_opentelemetry --'
//! traced order   orders.db order-1      # the request: starts the order and ends
//! traced work    orders.db order-1      # the worker: kill it as often as you like, and start it again
//! traced approve orders.db order-1      # somebody approves; the worker ends with the order
//! ```
//!
//! The endpoint is `http://localhost:4318`, or what `OTEL_EXPORTER_OTLP_ENDPOINT` says.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::Runtime;
use duroxide::trace::OpenTelemetry;
use duroxide::typed::StartError;
use duroxide::{Client, OrchestrationContext, activity, event, orchestration};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::{Deserialize, Serialize};
use tracing::{Instrument, info_span};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const USAGE: &str = "usage: 10_opentelemetry order|work|approve DATABASE-FILE ORDER";

#[event]
#[derive(Serialize, Deserialize)]
struct Approved {
    by: String,
}

#[activity]
async fn reserve(order: String) -> Result<String, String> {
    // Spans of the activity's own hang under that of the activity; so do those of an instrumented HTTP client.
    async { Ok(format!("goods of {order}")) }.instrument(info_span!("ask the warehouse")).await
}

#[activity]
async fn charge(_order: String) -> Result<(), String> {
    Ok(())
}

#[activity]
async fn label(order: String) -> Result<String, String> {
    Ok(format!("label of {order}"))
}

#[orchestration]
async fn ship(ctx: OrchestrationContext, order: String) -> Result<String, String> {
    Ok(label::call(&ctx, order).await?)
}

#[orchestration]
async fn order(ctx: OrchestrationContext, id: String) -> Result<String, String> {
    reserve::call(&ctx, id.clone()).await?;
    let approved = ctx.queue::<Approved>().await;
    charge::call(&ctx, id.clone()).await?;
    let label = ship::call(&ctx, id).await?;
    Ok(format!("{label}, approved by {}", approved.by))
}

/// The handler of a request: whatever span it is in, the order becomes part of its trace.
async fn place(client: &Client, id: &str) -> Result<(), StartError> {
    order::start(client, id, id.to_owned()).await.map(drop)
}

/// Sends spans to the collector: those of the library, by their target, and the program's own.
fn collect(service: &'static str) -> Result<SdkTracerProvider, Box<dyn std::error::Error>> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build()?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name(service).build())
        .build();
    let wanted = Targets::new()
        .with_target(duroxide::trace::TARGET, tracing::Level::INFO)
        .with_target(env!("CARGO_CRATE_NAME"), tracing::Level::INFO);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(service));
    tracing_subscriber::registry().with(wanted).with(layer).init();
    Ok(provider)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, file, id] = &arguments[..] else {
        eprintln!("{USAGE}");
        std::process::exit(2);
    };
    let store = Arc::new(SqliteProvider::open(file).await?);
    let client = Client::new(store.clone()).with_propagator(Arc::new(OpenTelemetry));
    match command.as_str() {
        "order" => {
            let provider = collect("shop")?;
            place(&client, id).instrument(info_span!("POST /orders")).await?;
            provider.shutdown()?;
        }
        "approve" => order::attach(&client, id).enqueue(Approved { by: "Ada".to_owned() }).await?,
        "work" => {
            let provider = collect("worker")?;
            let runtime = Runtime::builder(store).propagator(Arc::new(OpenTelemetry)).discover()?.start().await?;
            println!("{}", order::attach(&client, id).wait(Duration::from_secs(3_600)).await?);
            runtime.shutdown(None).await;
            provider.shutdown()?;
        }
        _ => eprintln!("{USAGE}"),
    }
    Ok(())
}
