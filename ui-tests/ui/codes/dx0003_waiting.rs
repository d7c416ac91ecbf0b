//! DX0003: waiting in this process.

use std::time::Duration;

use duroxide::{OrchestrationContext, orchestration};

struct Handle;
impl Handle {
    fn block_on(&self, _: impl Future) {}
}
#[allow(non_upper_case_globals)]
const handle: Handle = Handle;

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    std::thread::sleep(Duration::from_secs(1));
    handle.block_on(async {});
    ctx.timer("1s").await;
    let limited = tokio::time::timeout(Duration::from_secs(1), ctx.timer("1h"));
    drop(limited);
    Ok(())
}

fn main() {}
