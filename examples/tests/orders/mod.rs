//! Orders whose outcome is known, and what a history must look like.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use duroxide::EventKind;
use duroxide::providers::{Event, Provider};
use serde_json::{Value, json};

/// Every one of these orders ended as it should, and nothing else happened.
pub(crate) async fn check(store: &dyn Provider, orders: usize) {
    let histories = histories(store).await;
    for n in 1..=orders {
        let id = order(n)["id"].as_str().unwrap().to_owned();
        let history = histories.get(&id).unwrap_or_else(|| panic!("{id} was lost"));
        let Some(output) = output_of(history) else { panic!("{id} did not complete: {history:?}") };
        assert_eq!(serde_json::from_str::<Value>(output).unwrap(), expected(&order(n)), "{id}");
    }
    histories.iter().for_each(|(id, history)| well_formed(id, history));
}

async fn histories(store: &dyn Provider) -> BTreeMap<String, Vec<Event>> {
    let mut histories = BTreeMap::new();
    for id in store.as_management_capability().unwrap().list_instances().await.unwrap() {
        let history = store.read(&id).await.unwrap();
        histories.insert(id, history);
    }
    histories
}

fn output_of(history: &[Event]) -> Option<&str> {
    history.iter().find_map(|event| match &event.kind {
        EventKind::OrchestrationCompleted { output } => Some(output.as_str()),
        _ => None,
    })
}

/// Ids without gap, one start, one end, and each answer once and to something that was asked.
fn well_formed(id: &str, history: &[Event]) {
    let mut answered = HashSet::new();
    for (event, expected_id) in history.iter().zip(1..) {
        assert_eq!(event.event_id, expected_id, "{id}");
        assert_eq!(expected_id == 1, matches!(event.kind, EventKind::OrchestrationStarted { .. }), "{id}");
        let is_answer = matches!(
            event.kind,
            EventKind::ActivityCompleted { .. }
                | EventKind::ActivityFailed { .. }
                | EventKind::TimerFired { .. }
                | EventKind::SubOrchestrationCompleted { .. }
                | EventKind::SubOrchestrationFailed { .. }
        );
        if is_answer {
            let source = event.source_event_id.unwrap();
            assert!(source < event.event_id && answered.insert(source), "{id}: {event:?}");
        }
    }
    assert_eq!(history.iter().filter(|event| event.is_terminal()).count(), 1, "{id}");
}

/// Every seventh order asks for what is not there, every fifth is paid with a bad card.
pub(crate) fn order(n: usize) -> Value {
    let sku = if n.is_multiple_of(7) { "unicorn" } else { "mug" };
    let card = if n.is_multiple_of(5) { "4000000000000002" } else { "4242424242424242" };
    json!({
        "id": format!("order-{n:03}"), "customer": "Ada", "card": card,
        "items": [{ "sku": "lamp", "quantity": 1, "cents": 4_900 }, { "sku": sku, "quantity": n, "cents": 100 }],
    })
}

/// What must become of an order, from the order alone.
fn expected(order: &Value) -> Value {
    let item = &order["items"][1];
    let cents = 4_900 + 100 * item["quantity"].as_u64().unwrap();
    match (item["sku"].as_str().unwrap(), order["card"].as_str().unwrap()) {
        ("unicorn", _) => json!({ "OutOfStock": { "sku": "unicorn" } }),
        (_, card) if card.starts_with("4000") => {
            json!({ "Declined": { "reason": format!("card {card} refused {cents} cents") } })
        }
        _ => json!({ "Shipped": { "parcel": format!("parcel-{}", order["id"].as_str().unwrap()), "cents": cents } }),
    }
}

/// The example's binary: built by `cargo test` before the tests of its package.
pub(crate) fn checkout() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().and_then(Path::parent).unwrap().join("examples");
    let binary = folder.join(format!("checkout{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.exists(), "{} is missing: run `cargo build --example checkout`", binary.display());
    binary
}
