//! A user who knows the library by another name.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]

use dx::OrchestrationContext;

dx::link!(taxes);

/// A year's taxes.
#[dx::orchestration(crate = dx)]
pub async fn year(ctx: OrchestrationContext, cents: u64) -> Result<u64, String> {
    let first = share_twice(&ctx, cents).await;
    dx::select! {
        second = taxes::v2::tax::call(&ctx, cents) => Ok(first + second?),
        _ = ctx.timer("1h") => Err("the office sleeps".to_owned()),
    }
}

/// A helper.
#[dx::durable(crate = ::dx)]
async fn share_twice(ctx: &OrchestrationContext, cents: u64) -> u64 {
    let (a, b) = dx::join!(taxes::share(ctx, cents, 1), taxes::share(ctx, cents, 2));
    a + b
}
