//! What the program does: orders, with everything that an order may need.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duroxide::runtime::registry::{ActivityRegistry, OrchestrationRegistry};
use duroxide::{ActivityContext, BackoffStrategy, Client, Either2, OrchestrationContext, RetryPolicy};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: u32,
    pub(crate) items: Vec<String>,
}

pub(crate) fn order(id: u32) -> Order {
    Order { id, items: vec!["pen".to_string(), "ink".to_string()] }
}

/// What the order of this number ends in.
pub(crate) fn receipt(id: u32) -> String {
    format!("order {id}: pen ink, paid after 2 tries, approved by boss, shipped by tracked, 2 notes")
}

/// How often each activity ran.
#[derive(Clone, Default)]
pub(crate) struct Runs(Arc<AtomicUsize>);

impl Runs {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn another(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Activities that an order runs: two items, two tries to pay, one to ship.
pub(crate) const ACTIVITIES_OF_AN_ORDER: usize = 5;

pub(crate) fn activities(runs: &Runs) -> ActivityRegistry {
    let (reserves, pays, ships) = (runs.clone(), runs.clone(), runs.clone());
    ActivityRegistry::builder()
        .register("Reserve", move |ctx: ActivityContext, item: String| {
            reserves.another();
            async move {
                ctx.trace_info(format!("reserving {item}"));
                Ok(item)
            }
        })
        .register_typed("Pay", move |_: ActivityContext, (order, attempt): (u32, u32)| {
            pays.another();
            async move { if attempt == 1 { Err(format!("card of order {order} is asleep")) } else { Ok(attempt) } }
        })
        .register("Ship", move |ctx: ActivityContext, how: String| {
            ships.another();
            async move {
                assert_eq!(ctx.session_id(), Some("dock"));
                Ok(how)
            }
        })
        .build()
}

pub(crate) fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register_typed("Order", order_flow)
        .register("Payment", |_: OrchestrationContext, _: String| async move { Err("too old".to_string()) })
        .register_versioned("Payment", "1.1.0", payment)
        .register("Shipping", shipping)
        .register("Notes", notes)
        .build()
}

async fn order_flow(ctx: OrchestrationContext, order: Order) -> Result<String, String> {
    ctx.set_custom_status("reserving");
    let reserved = order.items.iter().map(|item| ctx.schedule_activity("Reserve", item.clone())).collect();
    let items: Result<Vec<String>, String> = ctx.join(reserved).await.into_iter().collect();
    let items = items?.join(" ");
    ctx.set_kv_value("items", items.clone());
    ctx.trace_info("reserved");

    let tries: u32 = ctx.schedule_sub_orchestration_typed("Payment", &order.id).await?;
    ctx.set_custom_status("waiting for approval");
    let approval = ctx.schedule_wait("approval");
    let boss = match ctx.select2(approval, ctx.schedule_timer(Duration::from_secs(3_600))).await {
        Either2::First(boss) => boss,
        Either2::Second(()) => return Err("nobody cares".to_string()),
    };
    let id = format!("shipping-{}", order.id);
    let shipped = ctx.schedule_sub_orchestration_with_id("Shipping", id, "tracked").await?;
    ctx.dequeue_event("notes").await;
    ctx.dequeue_event("notes").await;
    let notes = ctx.schedule_sub_orchestration_with_id("Notes", format!("notes-{}", order.id), "0");
    Ok(format!(
        "order {}: {}, paid after {tries} tries, approved by {boss}, shipped by {shipped}, {} notes",
        order.id,
        ctx.get_kv_value("items").unwrap_or_default(),
        notes.await?
    ))
}

/// Tries again by hand, so that each attempt has an input of its own.
async fn payment(ctx: OrchestrationContext, order: String) -> Result<String, String> {
    let order: u32 = order.parse().map_err(|_| format!("{order} is no order"))?;
    let policy = RetryPolicy::new(2).with_backoff(BackoffStrategy::None);
    for attempt in 1..=policy.max_attempts {
        let paid = ctx.schedule_activity_typed::<_, u32>("Pay", &(order, attempt)).await;
        match paid {
            Ok(tries) => return Ok(tries.to_string()),
            Err(error) => ctx.trace_warn(error),
        }
        ctx.schedule_timer(Duration::from_millis(1)).await;
    }
    Err("never paid".to_string())
}

async fn shipping(ctx: OrchestrationContext, how: String) -> Result<String, String> {
    ctx.new_guid().await?;
    ctx.schedule_activity_on_session("Ship", how, "dock").await
}

/// Writes one note an execution, until there are two.
async fn notes(ctx: OrchestrationContext, seen: String) -> Result<String, String> {
    if seen == "2" {
        return Ok(seen);
    }
    ctx.schedule_timer(Duration::ZERO).await;
    ctx.continue_as_new(if seen == "0" { "1" } else { "2" }).await
}

/// Starts an order with everything it will wait for but the approval, which would be missed if it came too early.
pub(crate) async fn place(client: &Client, id: u32) {
    let instance = format!("order-{id}");
    client.start_orchestration_typed(&instance, "Order", order(id)).await.expect("the order is placed");
    for note in ["fragile", "gift"] {
        client.enqueue_event(&instance, "notes", note).await.expect("the note is kept");
    }
}

/// Approves once the order asks for it.
pub(crate) async fn approve(client: &Client, id: u32) {
    let instance = format!("order-{id}");
    let mut seen = 0;
    loop {
        let poll = Duration::from_millis(2);
        let status = client.wait_for_status_change(&instance, seen, poll, crate::PATIENCE).await;
        match status.expect("the order says what it does") {
            duroxide::OrchestrationStatus::Running { custom_status, custom_status_version } => {
                if custom_status.as_deref() == Some("waiting for approval") {
                    break;
                }
                seen = custom_status_version;
            }
            other => panic!("{instance} did not wait for its approval: {other:?}"),
        }
    }
    client.raise_event(instance, "approval", "boss").await.expect("the approval is raised");
}
