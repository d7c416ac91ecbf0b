//! The shape of user code: the orchestration handler.

use std::future::Future;

use async_trait::async_trait;

use super::orchestration::OrchestrationContext;

/// An orchestration: deterministic async code from a string to a string.
///
/// Every async function or closure `Fn(OrchestrationContext, String) -> Result<String, String>` becomes one through
/// [`FnOrchestration`], which the registry does by itself.
#[async_trait]
pub trait OrchestrationHandler: Send + Sync {
    /// Runs one execution from its start; called again from the start whenever the execution is replayed.
    async fn invoke(&self, ctx: OrchestrationContext, input: String) -> Result<String, String>;

    /// Where the handler is defined, as `file:line`, for messages.
    #[doc(hidden)]
    fn defined_at(&self) -> Option<&'static str> {
        None
    }
}

/// A function as an [`OrchestrationHandler`].
pub struct FnOrchestration<F, Fut>(pub F)
where
    F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static;

#[async_trait]
impl<F, Fut> OrchestrationHandler for FnOrchestration<F, Fut>
where
    F: Fn(OrchestrationContext, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    async fn invoke(&self, ctx: OrchestrationContext, input: String) -> Result<String, String> {
        (self.0)(ctx, input).await
    }
}
