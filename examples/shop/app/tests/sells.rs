//! The three crates together, on the memory store.

use std::sync::Arc;
use std::time::Duration;

use billing::{Bank, Order, PayError};
use duroxide::providers::Provider;
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::{OrchestrationStatus, Runtime};
use duroxide::{CallError, Client};
use flows::{Approved, ShopError, checkout, sell_all};

duroxide::link!(billing, flows);

const PATIENCE: Duration = Duration::from_secs(20);

async fn shop() -> (Arc<Runtime>, Client) {
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let runtime = Runtime::builder(store.clone())
        .state(Bank { limit: 100_000 })
        .discover()
        .expect("all is registered once")
        .start()
        .await
        .expect("the state is given");
    (runtime, Client::new(store))
}

fn order(cents: u64) -> Order {
    Order { customer: "ann".to_owned(), cents }
}

#[tokio::test]
async fn an_order_is_sold_with_its_fee() {
    let (runtime, client) = shop().await;
    let sale = checkout::start(&client, "s-1", order(100), "1h".to_owned()).await.unwrap();
    assert_eq!(sale.wait(PATIENCE).await.unwrap().number, "s-1-150");
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn the_users_own_errors_come_back_as_themselves() {
    let (runtime, client) = shop().await;
    let sale = checkout::start(&client, "s-1", order(100_000), "1h".to_owned()).await.unwrap();
    let error = sale.wait(PATIENCE).await.unwrap_err().app().unwrap();
    let reason = "100050 cents are too much for ann".to_owned();
    assert_eq!(error, ShopError::Payment(PayError::Declined { reason }));
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn a_large_order_waits_for_its_approval() {
    let (runtime, client) = shop().await;
    let sale = checkout::start(&client, "s-1", order(50_000), "1h".to_owned()).await.unwrap();
    // An event that nobody waits for yet is not kept, so it is raised until it is heard.
    while let OrchestrationStatus::Running { .. } | OrchestrationStatus::NotFound = sale.status().await.unwrap() {
        sale.raise(Approved { by: "eve".to_owned() }).await.unwrap();
        let _ = sale.wait(Duration::from_millis(20)).await;
    }
    assert!(sale.wait(PATIENCE).await.is_ok());
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn without_approval_the_money_goes_back() {
    let (runtime, client) = shop().await;
    let sale = checkout::start(&client, "s-1", order(50_000), "10ms".to_owned()).await.unwrap();
    assert_eq!(sale.wait(PATIENCE).await.unwrap_err().app(), Some(ShopError::NotApproved));
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn children_run_at_once_and_fail_on_their_own() {
    let (runtime, client) = shop().await;
    let all = sell_all::start(&client, "all", vec![order(1), order(100_000), order(2)]).await.unwrap();
    assert_eq!(all.wait(PATIENCE).await.unwrap(), 2);
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn a_cancelled_order_says_why() {
    let (runtime, client) = shop().await;
    let sale = checkout::start(&client, "s-1", order(50_000), "1h".to_owned()).await.unwrap();
    sale.cancel("changed my mind").await.unwrap();
    match checkout::attach(&client, "s-1").wait(PATIENCE).await {
        Err(CallError::Cancelled { reason }) => assert_eq!(reason, "changed my mind"),
        other => panic!("{other:?}"),
    }
    runtime.shutdown(None).await;
}

#[tokio::test]
async fn a_client_without_types_reaches_typed_handlers() {
    let (runtime, client) = shop().await;
    let input = r#"{"patience":"1h","order":{"customer":"ann","cents":1}}"#;
    client.start_orchestration("s-1", "Checkout", input).await.unwrap();
    assert_eq!(checkout::attach(&client, "s-1").wait(PATIENCE).await.unwrap().number, "s-1-51");
    client.start_orchestration("s-2", "Checkout", r#"{"patience":"1h","order":{"customer":"ann"}}"#).await.unwrap();
    match checkout::attach(&client, "s-2").wait(PATIENCE).await {
        Err(CallError::Other(text)) => {
            assert_eq!(text, "the input of `Checkout` does not fit its arguments: order: missing field `cents`")
        }
        other => panic!("{other:?}"),
    }
    runtime.shutdown(None).await;
}
