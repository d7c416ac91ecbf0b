//! A user of edition 2021, as strict as they come, with names of the standard library for other things.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, clippy::all)]
#![deny(clippy::used_underscore_binding, clippy::unused_async)]

use duroxide::{durable, event, CallError, OrchestrationContext};
use serde::{Deserialize, Serialize};

mod std {}
mod core {}
mod serde_json {}

/// The user's own.
pub type Result<T> = ::std::result::Result<T, TaxError>;

/// What can go wrong.
#[derive(Debug, Serialize, Deserialize)]
pub enum TaxError {
    /// The office is closed.
    Closed {
        /// When it was tried.
        attempt: u32,
    },
    /// Something else.
    Other(String),
}

impl From<CallError<TaxError>> for TaxError {
    fn from(error: CallError<TaxError>) -> Self {
        match error {
            CallError::App(error) => error,
            other => TaxError::Other(format!("{other:?}")),
        }
    }
}

impl ::std::fmt::Display for TaxError {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Counts the attempts of the office.
#[derive(Clone, Debug, Default)]
pub struct Attempts(pub ::std::sync::Arc<::std::sync::atomic::AtomicU32>);

/// Is closed at the first two attempts.
#[duroxide::activity(retry(max_attempts = 3, initial = "1ms", factor = 1), timeout = "1m")]
pub async fn ask_office(#[state] attempts: Attempts, cents: u64) -> Result<u64> {
    match attempts.0.fetch_add(1, ::std::sync::atomic::Ordering::SeqCst) {
        attempt @ 0..2 => Err(TaxError::Closed { attempt }),
        _ => Ok(cents),
    }
}

/// Takes no notice of what it is given, awaits nothing, and is not to be used any more.
#[duroxide::activity]
#[deprecated]
pub async fn forget(_booking: u64, _reason: String) -> Result<()> {
    Ok(())
}

/// The same as an orchestration.
#[duroxide::orchestration]
#[deprecated]
pub async fn forget_all(_ctx: OrchestrationContext, _booking: u64) -> Result<()> {
    Ok(())
}

/// Not built.
#[duroxide::activity]
#[cfg(any())]
pub async fn absent(nothing: Nowhere) -> Result<Nothing> {
    nothing.into()
}

/// Not built either.
#[duroxide::orchestration]
#[cfg(any())]
pub async fn never(ctx: OrchestrationContext, nothing: Nowhere) -> Result<Nothing> {
    println!("{nothing}");
    nothing.into()
}

/// Nor this.
#[event]
#[cfg(any())]
pub struct Nowhere(Nothing);

/// Approval.
#[event]
#[derive(Debug, Serialize, Deserialize)]
pub struct Approved {
    /// By whom.
    pub by: String,
}

/// The share of a sum, by reference.
#[durable]
pub async fn share<T: Into<u64> + Send>(ctx: &OrchestrationContext, cents: T, percent: u64) -> u64 {
    ctx.timer("1ms").await;
    cents.into() * percent / 100
}

/// As it was.
pub mod v1 {
    use super::*;

    /// Sixteen per cent.
    #[duroxide::orchestration(name = "Tax", version = "1.0.0")]
    pub async fn tax(ctx: OrchestrationContext, cents: u64) -> Result<u64> {
        Ok(share(&ctx, cents, 16).await)
    }
}

/// As it is.
pub mod v2 {
    use super::*;

    /// Nineteen per cent.
    #[duroxide::orchestration(name = "Tax", version = "2.0.0")]
    pub async fn tax(ctx: OrchestrationContext, cents: u64) -> Result<u64> {
        Ok(share(&ctx, cents, 19).await)
    }
}

/// Both, and the office.
#[duroxide::orchestration]
pub async fn compare(ctx: OrchestrationContext, cents: u64) -> Result<(u64, u64, u64)> {
    let (old, new) = duroxide::join!(v1::tax::call(&ctx, cents), v2::tax::call(&ctx, cents));
    let asked = duroxide::select! {
        asked = ask_office::call(&ctx, cents) => asked?,
        _ = ctx.wait::<Approved>() => 0,
    };
    let blocks = (0..2).map(|n| {
        let ctx = &ctx;
        async move { share(ctx, n as u32, 100).await }
    });
    let sum: u64 = ctx.join(blocks.collect()).await.into_iter().sum();
    Ok((old?, new?, asked + sum - 1))
}
