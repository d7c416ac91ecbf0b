//! DX0004 allowed: several at once, in history.
use duroxide::{OrchestrationContext, activity, orchestration};

#[activity]
pub async fn ship(order: u64) -> Result<u64, String> {
    std::thread::spawn(move || order).join().map_err(|_| "lost".to_owned())
}

#[orchestration]
pub async fn checkout(ctx: OrchestrationContext) -> Result<u64, String> {
    let (one, two) = duroxide::join!(ship::call(&ctx, 1), ship::call(&ctx, 2));
    #[duroxide::allow(DX0004, reason = "warms a cache, whose state nobody sees")]
    std::thread::spawn(|| ());
    Ok(one? + two?)
}
