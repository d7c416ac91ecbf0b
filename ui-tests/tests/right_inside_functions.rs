//! Handlers inside functions and modules.
#![deny(warnings)]
#![allow(clippy::all, unreachable_pub, reason = "what rustc warns of is looked for, not style")]

mod inner {
    #[duroxide::activity]
    pub(crate) async fn charge(order: u64) -> Result<u64, String> {
        Ok(order)
    }
}
use inner::charge;

#[test]
fn it_compiles() {
    #[duroxide::orchestration]
    async fn checkout(ctx: duroxide::OrchestrationContext) -> Result<u64, String> {
        Ok(charge::call(&ctx, 1).await?)
    }
    let _ = |client: &duroxide::Client| checkout::attach(client, "i");
}
