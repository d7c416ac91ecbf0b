//! The library under another name.
#![deny(warnings)]
#![allow(clippy::all, unreachable_pub, reason = "what rustc warns of is looked for, not style")]

mod vendor {
    pub extern crate duroxide as dx;
}
use vendor::dx;

#[dx::activity(crate = crate::vendor::dx)]
async fn charge(order: u64) -> Result<u64, String> {
    Ok(order)
}

#[dx::event(crate = crate::vendor::dx)]
#[derive(serde::Serialize, serde::Deserialize)]
struct Approved;

#[dx::orchestration(crate = dx)]
async fn checkout(ctx: dx::OrchestrationContext) -> Result<u64, String> {
    let _ = dx::select! {
        _ = ctx.wait::<Approved>() => (),
        _ = ctx.timer("1s") => (),
    };
    let (a, b) = dx::join!(charge::call(&ctx, 1), charge::call(&ctx, 2));
    Ok(a? + b?)
}

#[test]
fn it_compiles() {}
