//! The business of an order: reserve, charge, ship; and undo what was done when a step fails.

use std::time::Duration;

use duroxide::{ActivityContext, CallError, OrchestrationContext, activity, orchestration};
use serde::{Deserialize, Serialize};

use crate::orders::{Item, Order};

/// How an order ended. All of these are good ends: the customer is told, the stock is right, the books are right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// On its way.
    Shipped { parcel: String, cents: u64 },
    /// Something was not there; nothing was charged.
    OutOfStock { sku: String },
    /// The card was declined; the stock was given back.
    Declined { reason: String },
}

/// Why stock could not be reserved.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum StockError {
    /// None left.
    OutOfStock { sku: String },
}

/// Why money could not be taken.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum PayError {
    /// The bank said no.
    Declined { reason: String },
}

/// Sets an item aside.
#[activity]
pub(crate) async fn reserve(order: String, item: Item) -> Result<String, StockError> {
    work().await;
    match item.sku.as_str() {
        "unicorn" => Err(StockError::OutOfStock { sku: item.sku }),
        sku => Ok(format!("{order}/{sku}")),
    }
}

/// Puts an item back.
#[activity]
pub(crate) async fn release(reservation: String) -> Result<(), String> {
    work().await;
    let _ = reservation;
    Ok(())
}

/// Takes the money; the instance id makes a good idempotency key for a real bank.
#[activity]
pub(crate) async fn charge(ctx: ActivityContext, card: String, cents: u64) -> Result<String, PayError> {
    work().await;
    if card.starts_with("4000") {
        return Err(PayError::Declined { reason: format!("card {card} refused {cents} cents") });
    }
    Ok(format!("payment-{}", ctx.instance_id()))
}

/// Hands the parcel to the carrier.
#[activity]
pub(crate) async fn hand_over(order: String) -> Result<String, String> {
    work().await;
    Ok(format!("parcel-{order}"))
}

/// Packs for a while, then ships: a workflow of its own.
#[orchestration]
pub(crate) async fn ship(ctx: OrchestrationContext, order: String) -> Result<String, String> {
    ctx.schedule_timer(Duration::from_millis(200)).await;
    Ok(hand_over::call(&ctx, order).await?)
}

/// One order from start to end.
#[orchestration]
pub(crate) async fn checkout(ctx: OrchestrationContext, order: Order) -> Result<Outcome, String> {
    let calls = order.items.iter().map(|item| reserve::call(&ctx, order.id.clone(), item.clone()).into_future());
    let mut reserved = Vec::new();
    let mut missing = None;
    for result in ctx.join(calls.collect()).await {
        match result {
            Ok(reservation) => reserved.push(reservation),
            Err(CallError::App(StockError::OutOfStock { sku })) => missing = Some(sku),
            Err(other) => return Err(format!("{other:?}")),
        }
    }
    if let Some(sku) = missing {
        give_back(&ctx, reserved).await?;
        return Ok(Outcome::OutOfStock { sku });
    }
    let cents = order.cents();
    match charge::call(&ctx, order.card.clone(), cents).await {
        Ok(_) => Ok(Outcome::Shipped { parcel: ship::call(&ctx, order.id.clone()).await?, cents }),
        Err(CallError::App(PayError::Declined { reason })) => {
            give_back(&ctx, reserved).await?;
            Ok(Outcome::Declined { reason })
        }
        Err(other) => Err(format!("{other:?}")),
    }
}

/// Compensation: releases everything, all at once.
#[duroxide::durable]
async fn give_back(ctx: &OrchestrationContext, reserved: Vec<String>) -> Result<(), String> {
    let calls = reserved.into_iter().map(|reservation| release::call(ctx, reservation).into_future());
    for result in ctx.join(calls.collect()).await {
        result?;
    }
    Ok(())
}

/// What a call to a real warehouse, bank or carrier would take.
async fn work() {
    tokio::time::sleep(Duration::from_millis(40)).await;
}
