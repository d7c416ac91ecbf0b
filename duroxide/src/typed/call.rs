//! Typed calls from an orchestration: placed where they are written, changed by options, awaited.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Activity, CallError, Delay, Orchestration};
use crate::codec::{self, CodecError};
use crate::context::durable::{Durable, Sealed};
use crate::context::future::{DurableFuture, Progress};
use crate::context::orchestration::OrchestrationContext;
use crate::context::retry::{self, Attempts, GaveUp};
use crate::context::schedule::{ContinueAsNew, DetachedStart};
use crate::ledger::{Emitted, Governed};
use crate::model::action::Action;
use crate::model::error::ErrorDetails;
use crate::model::ids;
use crate::model::retry::RetryPolicy;

/// A request that can still be changed, or the reason why there is none.
///
/// It takes its place in the order of requests when it is made. Dropped before its first poll and in the same poll of
/// the orchestration, it was never asked for; dropped later it is cancelled.
struct Asked {
    state: State,
    polled: bool,
}

type Request = DurableFuture<Result<String, ErrorDetails>>;

enum State {
    /// On its way, under no policy as far as is known.
    Asked(Request),
    /// Under a policy: on its way, or waiting to be tried again.
    Tried(Attempts),
    /// Never made.
    Refused(CodecError),
    Spent,
}

impl Asked {
    fn new(input: Result<String, CodecError>, ask: impl FnOnce(String) -> Request) -> Self {
        let state = input.map_or_else(State::Refused, |input| State::Asked(ask(input)));
        Asked { state, polled: false }
    }

    fn amend(&self, option: &str, change: impl FnOnce(&mut Emitted)) {
        match &self.state {
            State::Asked(request) => request.amend(option, change),
            // The options of a call are set before its first poll.
            State::Tried(_) | State::Refused(_) | State::Spent => {}
        }
    }

    /// Takes it back, and resolves to `error` instead.
    fn refuse(&mut self, error: CodecError) {
        if let State::Asked(request) = std::mem::replace(&mut self.state, State::Refused(error)) {
            request.retract();
        }
    }

    fn poll<E: serde::de::DeserializeOwned>(&mut self, cx: &mut Context<'_>) -> Poll<Result<String, CallError<E>>> {
        self.polled = true;
        let result = loop {
            match &mut self.state {
                State::Asked(request) => match request.progress() {
                    Progress::Answered(result) => break result.map_err(CallError::of),
                    Progress::Governed(governed, ctx) => self.govern(ctx, *governed),
                    Progress::Waiting => return Poll::Pending,
                },
                State::Tried(attempts) => {
                    let Poll::Ready(result) = attempts.as_mut().poll(cx) else {
                        return Poll::Pending;
                    };
                    break result.map_err(|gave_up| match gave_up {
                        GaveUp::TimedOut => CallError::TimedOut,
                        GaveUp::Failed(details) => CallError::of(details),
                    });
                }
                State::Refused(error) => break Err(CallError::codec(error)),
                State::Spent => panic!("a call was polled after it had resolved"),
            }
        };
        self.state = State::Spent;
        Poll::Ready(result)
    }

    /// From here on it is tried by the policy that governs it.
    fn govern(&mut self, ctx: OrchestrationContext, governed: Governed) {
        if let State::Asked(request) = std::mem::replace(&mut self.state, State::Spent) {
            self.state = State::Tried(retry::governed(ctx, request, governed));
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.polled
            && let State::Asked(request) = std::mem::replace(&mut self.state, State::Spent)
        {
            request.retract();
        }
    }
}

/// How a message names an option.
fn of_call(name: &str, option: &str) -> String {
    format!("{name}::call(..).{option}(..)")
}

fn read<T: serde::de::DeserializeOwned, E>(text: Result<String, CallError<E>>) -> Result<T, CallError<E>> {
    codec::from_json_or_text(&text?).map_err(|error| CallError::codec(&error))
}

/// A call of an activity: await it for the activity's own result.
#[must_use = "an activity whose call is dropped does not run; await it"]
pub struct Call<A: Activity> {
    asked: Asked,
    of: PhantomData<fn() -> A>,
}

impl<A: Activity> Call<A> {
    #[doc(hidden)]
    pub fn new(ctx: &OrchestrationContext, input: &A::In) -> Self {
        let [tag, session] = [A::TAG, A::SESSION].map(|option| option.map(str::to_owned));
        let asked =
            Asked::new(A::encode(input), |input| ctx.schedule_activity_raw(A::NAME.to_owned(), input, session, tag));
        let call = Call { asked, of: PhantomData };
        match A::POLICY {
            None => call,
            Some(policy) => call.with_policy("retry", |_| policy),
        }
    }

    /// Tries it again when it fails, in place of what the activity says of itself. A timeout set before stays, unless
    /// the policy has one of its own; `RetryPolicy::new(1)` does without retries.
    ///
    /// The policy is recorded with the call: an orchestration that is running when this line is changed goes on by
    /// the policy that it recorded.
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.with_policy("retry", |before| RetryPolicy { timeout: policy.timeout.or(before.timeout), ..policy })
    }

    /// Gives up with [`CallError::TimedOut`], and cancels the activity, when one attempt takes longer than this,
    /// waiting for a worker included; it is not tried again then. A `Duration` or a text like `"30s"`. Recorded like
    /// [`retry`](Self::retry).
    ///
    /// # Panics
    /// When the text is not a span of time; in an orchestration that fails it with this message.
    pub fn timeout(self, limit: impl Delay) -> Self {
        let limit = limit.duration();
        self.with_policy("timeout", |before| RetryPolicy { timeout: Some(limit), ..before })
    }

    fn with_policy(self, option: &str, change: impl FnOnce(RetryPolicy) -> RetryPolicy) -> Self {
        self.asked.amend(&of_call(A::NAME, option), |emitted| {
            let before = emitted.policy.take().unwrap_or_else(|| RetryPolicy::new(1));
            emitted.policy = Some(change(before)).filter(RetryPolicy::is_in_force);
        });
        self
    }

    /// Routes the call to the workers that serve `tag`.
    pub fn tag(self, tag: impl Into<String>) -> Self {
        let new = Some(tag.into());
        self.amend("tag", |_, tag| *tag = new)
    }

    /// Runs it in the process that owns `session`.
    pub fn session(self, session: impl Into<String>) -> Self {
        let new = Some(session.into());
        self.amend("session", |session, _| *session = new)
    }

    fn amend(self, option: &str, change: impl FnOnce(&mut Option<String>, &mut Option<String>)) -> Self {
        self.asked.amend(&of_call(A::NAME, option), |emitted| match &mut emitted.action {
            Action::CallActivity { session_id, tag, .. } => change(session_id, tag),
            Action::CreateTimer { .. }
            | Action::WaitExternal { .. }
            | Action::StartOrchestrationDetached { .. }
            | Action::StartSubOrchestration { .. }
            | Action::ContinueAsNew { .. }
            | Action::UpdateCustomStatus { .. }
            | Action::DequeueEvent { .. }
            | Action::SetKeyValue { .. }
            | Action::ClearKeyValue { .. }
            | Action::ClearKeyValues => unreachable!("the call of an activity asks for an activity"),
        });
        self
    }
}

impl<A: Activity> Future for Call<A> {
    type Output = Result<A::Ok, CallError<A::Err>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.asked.poll(cx).map(read)
    }
}

impl<A: Activity> Sealed for Call<A> {}
impl<A: Activity> Durable for Call<A> {}

/// A call of an orchestration by another: await it for the child's own result.
#[must_use = "a child whose call is dropped does not run; await it"]
pub struct Child<O: Orchestration> {
    asked: Asked,
    of: PhantomData<fn() -> O>,
}

impl<O: Orchestration> Child<O> {
    #[doc(hidden)]
    pub fn new(ctx: &OrchestrationContext, input: &O::In) -> Self {
        let asked = Asked::new(O::encode(input), |input| {
            ctx.schedule_child_raw(O::NAME.to_owned(), Some(O::VERSION.to_owned()), None, input)
        });
        Child { asked, of: PhantomData }
    }

    /// Runs it under an instance id of your own, which must not begin with `sub::`.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        let id = id.into();
        if ids::is_auto_generated_sub_orch_id(&id) {
            let reason = "begins with `sub::`, which marks the ids that the runtime makes";
            self.asked.refuse(CodecError::at(&format!("child id `{id}`"), reason));
            return self;
        }
        self.amend("id", |instance, _| *instance = id)
    }

    /// Runs it in another version than that of the type.
    pub fn version(self, version: impl Into<String>) -> Self {
        let new = Some(version.into());
        self.amend("version", |_, version| *version = new)
    }

    fn amend(self, option: &str, change: impl FnOnce(&mut String, &mut Option<String>)) -> Self {
        self.asked.amend(&of_call(O::NAME, option), |emitted| match &mut emitted.action {
            Action::StartSubOrchestration { instance, version, .. } => change(instance, version),
            Action::CallActivity { .. }
            | Action::CreateTimer { .. }
            | Action::WaitExternal { .. }
            | Action::StartOrchestrationDetached { .. }
            | Action::ContinueAsNew { .. }
            | Action::UpdateCustomStatus { .. }
            | Action::DequeueEvent { .. }
            | Action::SetKeyValue { .. }
            | Action::ClearKeyValue { .. }
            | Action::ClearKeyValues => unreachable!("the call of a child asks for a child"),
        });
        self
    }
}

impl<O: Orchestration> Future for Child<O> {
    type Output = Result<O::Ok, CallError<O::Err>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.asked.poll(cx).map(read)
    }
}

impl<O: Orchestration> Sealed for Child<O> {}
impl<O: Orchestration> Durable for Child<O> {}

/// The next execution of an orchestration: it never resolves, and has the type that the orchestration returns.
#[must_use = "await and return it: what follows would run in an execution that has ended"]
pub struct Again<O: Orchestration> {
    inner: ContinueAsNew,
    of: PhantomData<fn() -> O>,
}

impl<O: Orchestration> Again<O> {
    #[doc(hidden)]
    pub fn new(ctx: &OrchestrationContext, input: &O::In) -> Self {
        ctx.require_name(O::NAME);
        let inner = ctx.continue_as_new_versioned(O::VERSION, written::<O>(input));
        Again { inner, of: PhantomData }
    }

    /// Begins the next execution in this version instead of that of the type. Its arguments must be able to read
    /// what those of the type are written as.
    pub fn version(self, version: impl Into<String>) -> Self {
        self.amend("version", Some(version.into()))
    }

    /// Begins the next execution in the version that the registry resolves then: the latest, unless it says otherwise.
    /// Its arguments must be able to read what those of the type are written as.
    pub fn latest(self) -> Self {
        self.amend("latest", None)
    }

    fn amend(self, option: &str, version: Option<String>) -> Self {
        self.inner.amend_version(&format!("{}::continue_as_new(..).{option}(..)", O::NAME), version);
        self
    }
}

impl<O: Orchestration> Future for Again<O> {
    type Output = Result<O::Ok, O::Err>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match Pin::new(&mut self.inner).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => unreachable!("continue_as_new never resolves"),
        }
    }
}

impl<O: Orchestration> Sealed for Again<O> {}
impl<O: Orchestration> Durable for Again<O> {}

/// The start of an independent instance, which is on its way already: nobody waits for it.
#[derive(Debug)]
pub struct Detached<O: Orchestration> {
    inner: DetachedStart,
    of: PhantomData<fn() -> O>,
}

impl<O: Orchestration> Detached<O> {
    /// # Panics
    /// When the input has no JSON form, or the id is one of those that the runtime makes.
    #[doc(hidden)]
    pub fn new(ctx: &OrchestrationContext, id: impl Into<String>, input: &O::In) -> Self {
        let (name, version) = (O::NAME.to_owned(), Some(O::VERSION.to_owned()));
        let inner = ctx.start_detached_raw(name, version, id.into(), written::<O>(input));
        Detached { inner, of: PhantomData }
    }

    /// Starts it in another version than that of the type.
    pub fn version(self, version: impl Into<String>) {
        self.inner.amend_version(&format!("{}::start_detached(..).version(..)", O::NAME), version.into());
    }
}

/// There is no result through which a failure could be told; the panic fails the orchestration with this text.
fn written<O: Orchestration>(input: &O::In) -> String {
    O::encode(input).unwrap_or_else(|error| panic!("the input of `{}` has no JSON form: {error}", O::NAME))
}
