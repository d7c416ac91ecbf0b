//! DX0013: a clock that is asked how long ago it was.
#![deny(warnings)]

use std::time::SystemTime;

use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext, started: SystemTime) -> Result<String, String> {
    let since = started.elapsed();
    let seconds = vec![started.elapsed().map(|elapsed| elapsed.as_secs())];
    Ok(format!("{since:?} {seconds:?}"))
}

fn main() {}
