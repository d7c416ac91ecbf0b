//! DX0010: state that nobody may share is an error, not a warning.

use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    static mut ORDERS: u64 = 0;
    thread_local! {
        static SEEN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }
    Ok(())
}

fn main() {}
