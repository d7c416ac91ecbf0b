//! A helper is checked like an orchestration, as a function and as a method.
use duroxide::{OrchestrationContext, durable};

#[durable]
async fn settle<T: Send>(ctx: &OrchestrationContext, orders: &[T]) -> usize {
    tokio::task::yield_now().await;
    let _ = (std::env::var("HOME"), ctx);
    orders.len()
}

struct Shop;
impl Shop {
    #[durable]
    async fn close(&mut self, ctx: OrchestrationContext) {
        std::thread::sleep(std::time::Duration::ZERO);
        ctx.timer("1s").await;
    }
}

fn main() {}
