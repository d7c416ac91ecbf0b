//! What activity code holds, and the shape of its handler.

pub(crate) mod context;
mod heartbeat;
mod registry;

use async_trait::async_trait;

use crate::providers::transaction::OpenTransaction;

pub use context::ActivityContext;
pub use heartbeat::HeartbeatError;
pub use registry::{ActivityRegistry, ActivityRegistryBuilder};

/// Code that does the work an orchestration asks for.
#[async_trait]
pub trait ActivityHandler: Send + Sync {
    /// Runs once per delivery, at least once per activity.
    async fn invoke(&self, ctx: ActivityContext, input: String) -> Result<String, String>;

    /// Whether it writes in a transaction of the store, which is committed together with its result: then
    /// [`invoke_within`](Self::invoke_within) is called instead.
    fn is_transactional(&self) -> bool {
        false
    }

    /// Runs once per delivery, in a transaction that is committed if it returns `Ok`, and undone otherwise.
    async fn invoke_within(
        &self,
        ctx: ActivityContext,
        _tx: OpenTransaction<'_, '_>,
        input: String,
    ) -> Result<String, String> {
        self.invoke(ctx, input).await
    }
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
