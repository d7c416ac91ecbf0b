//! The workflows: what happens in which order, however often the process dies.

use billing::{Order, PayError, Receipt};
use duroxide::{CallError, OrchestrationContext, durable, event, orchestration};
use serde::{Deserialize, Serialize};

/// What can keep an order from being sold.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShopError {
    /// It could not be paid.
    Payment(PayError),
    /// Nobody approved it in time.
    NotApproved,
    /// Anything else.
    Other(String),
}

impl From<CallError<PayError>> for ShopError {
    fn from(error: CallError<PayError>) -> Self {
        match error {
            CallError::App(error) => ShopError::Payment(error),
            other => ShopError::Other(format!("{other:?}")),
        }
    }
}

/// That somebody approved a large order.
#[event(name = "approved")]
#[derive(Debug, Serialize, Deserialize)]
pub struct Approved {
    /// Who.
    pub by: String,
}

/// Orders above this many cents need an approval.
const APPROVED_ABOVE: u64 = 10_000;
/// What we take for our trouble, in cents.
const FEE: u64 = 50;

/// Sells one order.
#[orchestration(name = "Checkout", version = "1.0.0")]
pub async fn checkout(ctx: OrchestrationContext, order: Order, patience: String) -> Result<Receipt, ShopError> {
    let receipt = billing::charge::call(&ctx, order.clone(), FEE).await?;
    if order.cents > APPROVED_ABOVE && !is_approved(&ctx, &patience).await {
        billing::refund::call(&ctx, receipt).await?;
        return Err(ShopError::NotApproved);
    }
    Ok(receipt)
}

/// Waits for an approval, or until patience ends.
#[durable]
async fn is_approved(ctx: &OrchestrationContext, patience: &str) -> bool {
    duroxide::select! {
        approved = ctx.wait::<Approved>() => {
            ctx.trace_info(format!("approved by {}", approved.by));
            true
        }
        _ = ctx.timer(patience) => false,
    }
}

/// Sells several orders at once, each as a child of its own; counts those that were sold.
#[orchestration]
pub async fn sell_all(ctx: OrchestrationContext, orders: Vec<Order>) -> Result<usize, String> {
    let children = orders.into_iter().map(|order| checkout::call(&ctx, order, "1s".to_owned())).collect();
    let sold = ctx.join(children).await;
    Ok(sold.iter().filter(|receipt| receipt.is_ok()).count())
}
