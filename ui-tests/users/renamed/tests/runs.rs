//! Handlers of a renamed crate are found under the name that `link!` was given, in every version they have.
use std::sync::Arc;
use std::time::Duration;

use duroxide_user_renamed::year;
use dx::Client;
use dx::providers::memory::MemoryProvider;
use dx::runtime::Runtime;

#[tokio::test]
async fn versions_stand_side_by_side_and_retries_come_from_the_attribute() {
    let store = Arc::new(MemoryProvider::new());
    let attempts = taxes::Attempts::default();
    let runtime = Runtime::builder(store.clone()).state(attempts.clone()).discover().expect("all is linked");
    let runtime = runtime.start().await.expect("it starts");
    let client = Client::new(store);
    let patience = Duration::from_secs(30);

    let year = year::start(&client, "year", 1_000).await.expect("started");
    assert_eq!(year.wait(patience).await.expect("a year"), 10 + 20 + 190);

    // By name alone the latest runs; a type pins its own.
    client.start_orchestration("latest", "Tax", "1000").await.expect("started");
    let latest = client.wait_for_orchestration("latest", patience).await.expect("ended");
    assert!(format!("{latest:?}").contains("190"), "{latest:?}");
    let pinned = taxes::v1::tax::start(&client, "pinned", 1_000).await.expect("started");
    assert_eq!(pinned.wait(patience).await.expect("a tax"), 160);

    let compared = taxes::compare::start(&client, "compare", 1_000).await.expect("started");
    assert_eq!(compared.wait(patience).await.expect("compared"), (160, 190, 1_000));
    assert_eq!(attempts.0.load(std::sync::atomic::Ordering::SeqCst), 3);
    runtime.shutdown(None).await;
}
