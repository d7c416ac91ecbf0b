//! Every form there is, under the strictest lints.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]
#![allow(clippy::cloned_ref_to_slice_refs, reason = "a call takes what a user has at hand")]

use std::time::Duration;

use duroxide::{
    ActivityContext, CallError, Client, Durable, OrchestrationContext, activity, durable, event, orchestration,
};
use serde::{Deserialize, Serialize};

/// An order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub id: u64,
}

/// What can go wrong.
#[derive(Debug, Serialize, Deserialize)]
pub enum PayError {
    /// The bank said no.
    Declined {
        /// Why.
        reason: String,
    },
}

/// What can go wrong in the shop.
#[derive(Debug, Serialize, Deserialize)]
pub enum ShopError {
    /// Payment.
    Pay(String),
}

impl<E: std::fmt::Debug> From<CallError<E>> for ShopError {
    fn from(error: CallError<E>) -> Self {
        ShopError::Pay(format!("{error:?}"))
    }
}

/// An alias, to be looked through.
pub type Paid<T> = Result<T, PayError>;

/// A handle on a bank.
#[derive(Clone)]
pub struct Bank;

/// No argument.
#[activity]
pub async fn ping() -> Paid<()> {
    Ok(())
}

/// One argument.
#[activity(name = "Charge", tag = "pci")]
pub async fn charge(_ctx: ActivityContext, order: Order) -> Paid<u64> {
    Ok(order.id)
}

/// Several, a state among them.
#[activity]
pub async fn pay(#[state] bank: Bank, order: Order, mut cents: u64, #[serde(default)] r#type: String) -> Paid<u64> {
    let _ = (bank, r#type);
    cents += order.id;
    Ok(cents)
}

/// Run by another binary.
#[activity]
pub async fn render(order: Order) -> Paid<String>;

/// Approval.
#[event(name = "approved")]
#[derive(Debug, Serialize, Deserialize)]
pub struct Approved {
    /// By whom.
    pub by: String,
}

/// A child.
#[orchestration]
pub async fn refund(ctx: OrchestrationContext, order: Order) -> Result<u64, String> {
    Ok(charge::call(&ctx, order).await.map_err(|error| format!("{error:?}"))?)
}

/// Several awaits of each kind.
#[orchestration(name = "Checkout", version = "2.0.0")]
pub async fn checkout(ctx: OrchestrationContext, order: Order, note: Option<String>) -> Result<u64, ShopError> {
    ping::call(&ctx).await?;
    #[duroxide::allow(DX0009, reason = "shown once more on replay")]
    println!("{}", charge::call(&ctx, order.clone()).tag("eu").session("s").await?);
    let approved = duroxide::select! {
        approved = ctx.wait::<Approved>() => Some(approved),
        _ = ctx.timer("24h") => {
            charge::call(&ctx, order.clone()).await?;
            None
        }
        _ = ctx.timer(Duration::from_secs(3)) => None,
    };
    if approved.is_none() {
        refund::call(&ctx, order.clone()).id("refund").version("1.0.0").await?;
    }
    let (a, b, ()) = duroxide::join!(
        pay::call(&ctx, order.clone(), 5, String::new()),
        async { render::call(&ctx, order.clone()).await },
        ctx.schedule_timer(Duration::ZERO),
    );
    let total: u64 = settle(&ctx, &[order.clone()], 2).await? + a?;
    let many: Vec<_> = (0..3).map(|_| charge::call(&ctx, order.clone())).collect();
    let all = ctx.join(many).await;
    let blocks = ctx
        .join(
            (0..3)
                .map(|n| {
                    let ctx = ctx.clone();
                    async move {
                        ctx.schedule_timer(Duration::ZERO).await;
                        n
                    }
                })
                .collect(),
        )
        .await;
    let boxed: duroxide::BoxDurable<'_, _> = Box::pin(settle::<Order>(&ctx, &[], 1));
    let _ = boxed.await?;
    duroxide::assume_durable("it is ready at once", async { 3 }).await;
    #[duroxide::allow(DX0006, reason = "only printed")]
    let home = std::env::var("HOME");
    let _ = (b, all, blocks, home, note);
    let mut timer = ctx.schedule_timer(Duration::ZERO);
    ctx.select2(&mut timer, std::future::pending::<()>()).await;
    refund::start_detached(&ctx, "other", order.clone());
    if total == 0 {
        return checkout::continue_as_new(&ctx, order, None).await;
    }
    Ok(total)
}

/// A helper that is generic and borrows.
#[durable]
pub async fn settle<T: Clone + Into<Option<Order>>>(
    ctx: &OrchestrationContext,
    orders: &[T],
    mut factor: u64,
) -> Result<u64, ShopError> {
    let mut sum = 0;
    for order in orders {
        if let Some(order) = order.clone().into() {
            sum += charge::call(ctx, order).await?;
        }
    }
    factor += 1;
    Ok(sum * factor)
}

/// Without a result.
#[durable]
async fn nap((seconds, ctx): (u64, &OrchestrationContext)) {
    ctx.schedule_timer(Duration::from_secs(seconds)).await;
}

/// Takes whatever is durable.
pub fn is_durable(_: impl Durable) {}

/// From outside.
pub async fn outside(client: &Client) -> Result<(), String> {
    let started = checkout::start(client, "o-1", Order { id: 1 }, None).version("2.0.0").await;
    let handle = started.map_err(|error| error.to_string())?;
    let raised = handle.raise(Approved { by: "eve".into() }).await;
    let queued = handle.enqueue(Approved { by: "eve".into() }).await;
    let cancelled = handle.cancel("no").await;
    let _ = (raised, queued, cancelled, handle.status().await, handle.id(), handle.clone());
    let total: u64 = handle.wait(Duration::from_secs(3)).await.map_err(|error| format!("{error:?}"))?;
    let _ = checkout::attach(client, "o-2").wait(Duration::from_secs(total)).await;
    Ok(())
}

#[test]
fn it_compiles() {
    let context = || OrchestrationContext::new(vec![], 1, "i".into(), "n".into(), "1.0.0".into(), None);
    // The functions are still there to be called.
    drop(checkout(context(), Order { id: 1 }, None));
    drop(nap((1, &context())));
    let _ = charge;
    is_durable(context().schedule_timer(Duration::ZERO));
}
