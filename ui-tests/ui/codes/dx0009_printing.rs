//! DX0009: output, once more on every replay.
#![deny(warnings)]

use duroxide::{OrchestrationContext, orchestration};

mod tracing {
    macro_rules! info {
        ($($text:tt)*) => {{
            let _ = format!($($text)*);
        }};
    }
    pub(crate) use info;
}

#[orchestration]
async fn checkout(ctx: OrchestrationContext) -> Result<(), String> {
    println!("started {}", ctx.instance_id());
    eprintln!("started");
    let id = dbg!(ctx.instance_id());
    tracing::info!("started {id}");
    Ok(())
}

fn main() {}
