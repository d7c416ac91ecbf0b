//! DX1007: plain functions only.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
async unsafe fn charge() -> Result<(), String> {
    Ok(())
}

#[activity]
async extern "C" fn refund() -> Result<(), String> {
    Ok(())
}

struct Shop;
impl Shop {
    #[orchestration]
    async fn checkout(&self, ctx: OrchestrationContext) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
