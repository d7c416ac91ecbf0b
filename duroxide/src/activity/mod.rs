//! What activity code holds, and the shape of its handler.

pub(crate) mod context;
mod heartbeat;
mod registry;

use async_trait::async_trait;

pub use context::ActivityContext;
pub use heartbeat::HeartbeatError;
pub use registry::{ActivityRegistry, ActivityRegistryBuilder};

/// Code that does the work an orchestration asks for.
#[async_trait]
pub trait ActivityHandler: Send + Sync {
    /// Runs once per delivery, at least once per activity.
    async fn invoke(&self, ctx: ActivityContext, input: String) -> Result<String, String>;
}

/// An async function as an activity.
pub struct FnActivity<F, Fut>(pub F)
where
    F: Fn(ActivityContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static;

#[async_trait]
impl<F, Fut> ActivityHandler for FnActivity<F, Fut>
where
    F: Fn(ActivityContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    async fn invoke(&self, ctx: ActivityContext, input: String) -> Result<String, String> {
        (self.0)(ctx, input).await
    }
}
