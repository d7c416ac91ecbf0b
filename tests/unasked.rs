//! The library installs no subscriber unless it is asked to.
//!
//! A program of its own, because the subscriber is that of the whole process.

use std::sync::Arc;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::{OrchestrationRegistry, Runtime};
use duroxide::{Client, OrchestrationContext};
use tracing::dispatcher::has_been_set;

fn hello() -> OrchestrationRegistry {
    let hello = |ctx: OrchestrationContext, name: String| async move {
        ctx.trace_info("said once");
        Ok(format!("hello {name}"))
    };
    OrchestrationRegistry::builder().register("hello", hello).build()
}

#[tokio::test]
async fn a_runtime_installs_no_subscriber_unless_it_is_asked_to() {
    let store = Arc::new(MemoryProvider::new());
    let runtime = Runtime::builder(store.clone()).orchestrations(hello()).start().await.unwrap();
    let client = Client::new(store.clone());
    client.start_orchestration("i", "hello", "you").await.unwrap();
    client.wait_for_orchestration("i", std::time::Duration::from_secs(60)).await.unwrap();
    runtime.shutdown(None).await;
    assert!(!has_been_set(), "nobody asked for it");

    let runtime = Runtime::builder(store).orchestrations(hello()).logs().start().await.unwrap();
    runtime.shutdown(None).await;
    assert!(has_been_set(), "it was asked for");
}
