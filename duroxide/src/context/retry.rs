//! An activity tried until it works: attempts, waits and timeouts, all in history.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::combinators::Either2;
use super::future::DurableFuture;
use super::orchestration::OrchestrationContext;
use crate::model::retry::RetryPolicy;

impl OrchestrationContext {
    /// Runs an activity up to `policy.max_attempts` times and resolves to the first success or the last error.
    ///
    /// An attempt that outlives `policy.timeout` ends the whole call with `timeout: activity timed out`. Nothing is
    /// scheduled before the first poll.
    pub fn schedule_activity_with_retry(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
        policy: RetryPolicy,
    ) -> Retry {
        Call { name: name.into(), input: input.into(), session_id: None }.retry(self.clone(), policy)
    }

    /// The same on a worker that owns `session_id`.
    pub fn schedule_activity_with_retry_on_session(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
        policy: RetryPolicy,
        session_id: impl Into<String>,
    ) -> Retry {
        Call { name: name.into(), input: input.into(), session_id: Some(session_id.into()) }.retry(self.clone(), policy)
    }
}

/// An activity call with retries; made by
/// [`schedule_activity_with_retry`](OrchestrationContext::schedule_activity_with_retry).
#[must_use = "futures do nothing unless awaited"]
pub struct Retry {
    attempts: Pin<Box<dyn Future<Output = Result<String, String>> + Send>>,
}

impl Future for Retry {
    type Output = Result<String, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.attempts.as_mut().poll(cx)
    }
}

struct Call {
    name: String,
    input: String,
    session_id: Option<String>,
}

impl Call {
    fn retry(self, ctx: OrchestrationContext, policy: RetryPolicy) -> Retry {
        Retry { attempts: Box::pin(async move { self.until_it_works(&ctx, &policy).await }) }
    }

    async fn until_it_works(self, ctx: &OrchestrationContext, policy: &RetryPolicy) -> Result<String, String> {
        let mut attempt = 1;
        loop {
            let result = match policy.timeout {
                None => self.schedule(ctx).await,
                Some(timeout) => {
                    // The timer is made inside the race, so that history has the activity first.
                    let timer = async { ctx.schedule_timer(timeout).await };
                    match ctx.select2(self.schedule(ctx), timer).await {
                        Either2::First(result) => result,
                        Either2::Second(()) => return Err("timeout: activity timed out".to_owned()),
                    }
                }
            };
            let Err(error) = result else { return result };
            if attempt >= policy.max_attempts {
                return Err(error);
            }
            ctx.trace_warn(self.failed_attempt(attempt, policy.max_attempts, &error));
            let delay = policy.delay_for_attempt(attempt);
            if !delay.is_zero() {
                ctx.schedule_timer(delay).await;
            }
            attempt += 1;
        }
    }

    fn schedule(&self, ctx: &OrchestrationContext) -> DurableFuture<Result<String, String>> {
        match &self.session_id {
            None => ctx.schedule_activity(&self.name, &self.input),
            Some(session_id) => ctx.schedule_activity_on_session(&self.name, &self.input, session_id),
        }
    }

    fn failed_attempt(&self, attempt: u32, max_attempts: u32, error: &str) -> String {
        let session = self.session_id.as_ref().map(|id| format!(" (session={id})")).unwrap_or_default();
        format!("Activity '{}'{session} attempt {attempt}/{max_attempts} failed: {error}. Retrying...", self.name)
    }
}
