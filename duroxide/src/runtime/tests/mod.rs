//! A runtime on the memory store, end to end.

mod builder;
mod faults;
mod faulty;
mod figures;
mod heartbeats;
mod idle;
mod journeys;
mod measures;
mod presence;
mod shutdown;
mod traces;
mod warm;

use std::sync::Arc;
use std::time::Duration;

use super::{Runtime, RuntimeOptions};
use crate::activity::{ActivityContext, ActivityRegistry};
use crate::client::Client;
use crate::model::status::OrchestrationStatus;
use crate::providers::Provider;
use crate::providers::memory::MemoryProvider;
use crate::registry::OrchestrationRegistry;

/// Far longer than anything takes; in virtual time it costs nothing.
const LONG: Duration = Duration::from_secs(600);

/// A store whose leases and delays follow virtual time.
fn store() -> Arc<MemoryProvider> {
    let began = tokio::time::Instant::now();
    let began_ms = crate::clock::now_ms();
    Arc::new(MemoryProvider::with_clock(Arc::new(move || began_ms + crate::clock::as_ms(began.elapsed()))))
}

fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move { Ok(input) })
        .register("Fail", |_: ActivityContext, input: String| async move { Err(input) })
        .register("Panic", |_: ActivityContext, input: String| async move { panic!("{input}") })
        .build()
}

async fn start(store: &Arc<impl Provider>, orchestrations: OrchestrationRegistry) -> (Arc<Runtime>, Client) {
    start_with(store, orchestrations, RuntimeOptions::default()).await
}

async fn start_with(
    store: &Arc<impl Provider>,
    orchestrations: OrchestrationRegistry,
    options: RuntimeOptions,
) -> (Arc<Runtime>, Client) {
    let store: Arc<dyn Provider> = Arc::clone(store) as _;
    let runtime = Runtime::start_with_options(Arc::clone(&store), activities(), orchestrations, options).await;
    (runtime, Client::new(store))
}

async fn ended(client: &Client, instance: &str) -> Result<String, String> {
    match client.wait_for_orchestration(instance, LONG).await.unwrap() {
        OrchestrationStatus::Completed { output, .. } => Ok(output),
        OrchestrationStatus::Failed { details, .. } => Err(details.display_message()),
        unexpected => panic!("a wait ended at {unexpected:?}"),
    }
}
