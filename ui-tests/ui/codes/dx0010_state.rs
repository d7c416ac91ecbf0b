//! DX0010: state of the process.
#![deny(warnings)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use duroxide::{OrchestrationContext, orchestration};

static ORDERS: AtomicU64 = AtomicU64::new(0);
static TOTAL: Mutex<u64> = Mutex::new(0);
static LIMIT: OnceLock<u64> = OnceLock::new();

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    static INSIDE: Mutex<u64> = Mutex::new(0);
    let shared = std::sync::Arc::new(Mutex::new(1));
    *shared.lock().unwrap() += ORDERS.fetch_add(1, Ordering::Relaxed);
    *shared.lock().unwrap() += *TOTAL.lock().unwrap();
    let limit = LIMIT.get_or_init(|| 3);
    let _ = (limit, &INSIDE);
    Ok(())
}

fn main() {}
