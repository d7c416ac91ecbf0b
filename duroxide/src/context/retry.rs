//! An activity tried until it works: attempts, waits and timeouts, all in history.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::combinators::Either2;
use super::future::DurableFuture;
use super::orchestration::OrchestrationContext;
#[cfg(feature = "macros")]
use crate::ledger::Governed;
#[cfg(feature = "macros")]
use crate::model::action::Action;
use crate::model::error::ErrorDetails;
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
        let call = Call { name: name.into(), input: input.into(), session_id: None, tag: None };
        Retry { attempts: call.tried(self.clone(), policy, None) }
    }

    /// The same on a worker that owns `session_id`.
    pub fn schedule_activity_with_retry_on_session(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
        policy: RetryPolicy,
        session_id: impl Into<String>,
    ) -> Retry {
        let call = Call { name: name.into(), input: input.into(), session_id: Some(session_id.into()), tag: None };
        Retry { attempts: call.tried(self.clone(), policy, None) }
    }
}

/// An activity call with retries; made by
/// [`schedule_activity_with_retry`](OrchestrationContext::schedule_activity_with_retry).
#[must_use = "futures do nothing unless awaited"]
pub struct Retry {
    attempts: Attempts,
}

impl Future for Retry {
    type Output = Result<String, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.attempts.as_mut().poll(cx).map_err(GaveUp::text)
    }
}

/// All attempts of one call.
pub(crate) type Attempts = Pin<Box<dyn Future<Output = Result<String, GaveUp>> + Send>>;

/// Why there is no result.
pub(crate) enum GaveUp {
    /// An attempt took longer than the policy allows.
    TimedOut,
    /// The last attempt failed.
    Failed(ErrorDetails),
}

impl GaveUp {
    fn text(self) -> String {
        match self {
            GaveUp::TimedOut => "timeout: activity timed out".to_owned(),
            GaveUp::Failed(details) => details.display_message(),
        }
    }
}

type Attempt = DurableFuture<Result<String, ErrorDetails>>;

/// A call that is on its way already, tried on under the policy that governs it.
#[cfg(feature = "macros")]
pub(crate) fn governed(ctx: OrchestrationContext, first: Attempt, governed: Governed) -> Attempts {
    let Governed { policy, call } = governed;
    match call {
        Action::CallActivity { name, input, session_id, tag, .. } => {
            Call { name, input, session_id, tag }.tried(ctx, policy, Some(first))
        }
        Action::CreateTimer { .. }
        | Action::WaitExternal { .. }
        | Action::StartOrchestrationDetached { .. }
        | Action::StartSubOrchestration { .. }
        | Action::ContinueAsNew { .. }
        | Action::UpdateCustomStatus { .. }
        | Action::DequeueEvent { .. }
        | Action::SetKeyValue { .. }
        | Action::ClearKeyValue { .. }
        | Action::ClearKeyValues => unreachable!("only calls of activities have a policy"),
    }
}

/// What each attempt asks for.
struct Call {
    name: String,
    input: String,
    session_id: Option<String>,
    tag: Option<String>,
}

impl Call {
    /// All attempts; `first` is one that was asked for before.
    fn tried(self, ctx: OrchestrationContext, policy: RetryPolicy, first: Option<Attempt>) -> Attempts {
        Box::pin(async move { self.until_it_works(&ctx, &policy, first).await })
    }

    async fn until_it_works(
        self,
        ctx: &OrchestrationContext,
        policy: &RetryPolicy,
        mut first: Option<Attempt>,
    ) -> Result<String, GaveUp> {
        let mut number = 1;
        loop {
            let attempt = first.take().unwrap_or_else(|| self.schedule(ctx));
            let result = match policy.timeout {
                None => attempt.await,
                Some(timeout) => {
                    // The timer is made inside the race, so that history has the activity first.
                    let timer = async { ctx.schedule_timer(timeout).await };
                    match ctx.select2(attempt, timer).await {
                        Either2::First(result) => result,
                        Either2::Second(()) => return Err(GaveUp::TimedOut),
                    }
                }
            };
            let details = match result {
                Ok(value) => return Ok(value),
                Err(details) if number >= policy.max_attempts => return Err(GaveUp::Failed(details)),
                Err(details) => details,
            };
            ctx.trace_warn(self.failed_attempt(number, policy.max_attempts, &details.display_message()));
            let delay = policy.delay_for_attempt(number);
            if !delay.is_zero() {
                ctx.schedule_timer(delay).await;
            }
            number += 1;
        }
    }

    fn schedule(&self, ctx: &OrchestrationContext) -> Attempt {
        let Call { name, input, session_id, tag } = self;
        ctx.schedule_activity_raw(name.clone(), input.clone(), session_id.clone(), tag.clone())
    }

    fn failed_attempt(&self, attempt: u32, max_attempts: u32, error: &str) -> String {
        let session = self.session_id.as_ref().map(|id| format!(" (session={id})")).unwrap_or_default();
        format!("Activity '{}'{session} attempt {attempt}/{max_attempts} failed: {error}. Retrying...", self.name)
    }
}
