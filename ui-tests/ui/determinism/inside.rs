//! Blocks, closures, joins, races and the arguments of macros are checked like the body.
use std::time::Duration;

use duroxide::{orchestration, OrchestrationContext};
use tokio::time as hidden;

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    async { hidden::sleep(Duration::ZERO).await }.await;
    let nap = || async { hidden::sleep(Duration::ZERO).await };
    nap().await;
    println!("{:?}", hidden::sleep(Duration::ZERO).await);
    ctx.join(vec![hidden::sleep(Duration::ZERO)]).await;
    ctx.select2(ctx.schedule_timer(Duration::ZERO), hidden::sleep(Duration::ZERO)).await;
    duroxide::join!(hidden::sleep(Duration::ZERO), ctx.schedule_timer(Duration::ZERO));
    duroxide::select! {
        _ = ctx.schedule_timer(Duration::ZERO) => hidden::sleep(Duration::ZERO).await,
        _ = hidden::sleep(Duration::ZERO) => (),
    }
    Ok(())
}

fn main() {}
