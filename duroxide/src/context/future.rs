//! `DurableFuture`: a token that resolves, or cancels when dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(feature = "macros")]
use super::orchestration::OrchestrationContext;
use crate::ledger::bindings::Reply;
use crate::ledger::{Emitted, Ledger};
#[cfg(feature = "macros")]
use crate::ledger::{Governed, Taken};
use crate::model::action::Action;

/// The answer to something an orchestration asked for: an activity, a timer, an event, a child.
///
/// It resolves when history has the answer, by the order of history and never by a waker, so that a replay resolves
/// it at the same point. Dropping it unresolved cancels what was asked for. It owns its handle on the orchestration:
/// it can be stored, collected and moved.
#[must_use = "an orchestration that drops this cancels what it asked for; await it"]
pub struct DurableFuture<T> {
    state: State<T>,
}

enum State<T> {
    /// The answer is taken from the ledger.
    Asked { ledger: Ledger, token: u64, finish: Finish<T> },
    /// The request was refused at once.
    Refused(Box<dyn FnOnce() -> T + Send>),
    /// Resolved, or handed on by `map`.
    Spent,
}

type Finish<T> = Box<dyn FnOnce(Reply) -> T + Send>;

/// Nothing is pinned inside.
impl<T> Unpin for DurableFuture<T> {}

impl<T> std::fmt::Debug for DurableFuture<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match &self.state {
            State::Asked { .. } => "asked",
            State::Refused(_) => "refused",
            State::Spent => "resolved",
        };
        f.debug_tuple("DurableFuture").field(&state).finish()
    }
}

impl<T: Send + 'static> DurableFuture<T> {
    pub(crate) fn asked(ledger: Ledger, token: u64, finish: impl FnOnce(Reply) -> T + Send + 'static) -> Self {
        DurableFuture { state: State::Asked { ledger, token, finish: Box::new(finish) } }
    }

    pub(crate) fn refused(value: impl FnOnce() -> T + Send + 'static) -> Self {
        DurableFuture { state: State::Refused(Box::new(value)) }
    }

    /// The same answer, transformed. It stays the same request: dropping the result cancels it.
    pub fn map<U: Send + 'static>(mut self, f: impl FnOnce(T) -> U + Send + 'static) -> DurableFuture<U> {
        let state = match std::mem::replace(&mut self.state, State::Spent) {
            State::Asked { ledger, token, finish } => {
                State::Asked { ledger, token, finish: Box::new(move |reply| f(finish(reply))) }
            }
            State::Refused(value) => State::Refused(Box::new(move || f(value()))),
            State::Spent => State::Spent,
        };
        DurableFuture { state }
    }

    /// Routes an activity to the workers that serve `tag`.
    ///
    /// Call it where the activity is scheduled, before the next `.await`: afterwards the activity is on its way, and
    /// the orchestration fails with a message that says so.
    ///
    /// # Panics
    /// When the future is not that of an activity.
    pub fn with_tag(self, new_tag: impl Into<String>) -> Self {
        let new_tag = new_tag.into();
        assert!(
            matches!(self.state, State::Asked { .. }),
            "with_tag() can only be called on activity futures, before they resolve"
        );
        let mut is_activity = true;
        self.amend(&format!("with_tag({new_tag:?})"), |emitted| match &mut emitted.action {
            Action::CallActivity { tag, .. } => *tag = Some(new_tag.clone()),
            Action::CreateTimer { .. }
            | Action::WaitExternal { .. }
            | Action::StartOrchestrationDetached { .. }
            | Action::StartSubOrchestration { .. }
            | Action::ContinueAsNew { .. }
            | Action::UpdateCustomStatus { .. }
            | Action::DequeueEvent { .. }
            | Action::SetKeyValue { .. }
            | Action::ClearKeyValue { .. }
            | Action::ClearKeyValues => is_activity = false,
        });
        assert!(is_activity, "with_tag() can only be called on activity futures");
        self
    }

    /// Changes what was asked for, while the engine has not taken it. `option` names the call that came too late.
    pub(crate) fn amend(&self, option: &str, change: impl FnOnce(&mut Emitted)) {
        let State::Asked { ledger, token, .. } = &self.state else {
            return;
        };
        ledger.amend(*token, option, change);
    }

    /// Drops it; what the engine has not taken yet was never asked for.
    #[cfg(feature = "macros")]
    pub(crate) fn retract(mut self) {
        if let State::Asked { ledger, token, .. } = &self.state
            && ledger.with(|book| book.retract(*token))
        {
            self.state = State::Spent;
        }
    }
}

/// What a future has for a caller who wants to know of policies.
#[cfg(feature = "macros")]
pub(crate) enum Progress<T> {
    /// The answer.
    Answered(T),
    /// Once: the request was made under this policy, and is still on its way.
    Governed(Box<Governed>, OrchestrationContext),
    /// Neither yet.
    Waiting,
}

#[cfg(feature = "macros")]
impl<T> DurableFuture<T> {
    /// Like a poll, and tells which policy governs the request.
    pub(crate) fn progress(&mut self) -> Progress<T> {
        if let State::Asked { ledger, token, .. } = &self.state {
            match ledger.with(|book| book.take_governed(*token)) {
                Taken::Answer(reply) => Progress::Answered(self.answer(reply)),
                Taken::Governed(governed) => Progress::Governed(governed, OrchestrationContext::of(ledger.clone())),
                Taken::Nothing => Progress::Waiting,
            }
        } else {
            Progress::Answered(self.refusal())
        }
    }
}

impl<T> DurableFuture<T> {
    /// It resolves to this reply.
    fn answer(&mut self, reply: Reply) -> T {
        match std::mem::replace(&mut self.state, State::Spent) {
            State::Asked { finish, .. } => finish(reply),
            State::Refused(_) | State::Spent => unreachable!("only what was asked for has a reply"),
        }
    }

    /// It resolves to what it was refused with.
    fn refusal(&mut self) -> T {
        match std::mem::replace(&mut self.state, State::Spent) {
            State::Refused(value) => value(),
            State::Asked { .. } | State::Spent => panic!("a DurableFuture was polled after it had resolved"),
        }
    }
}

impl<T> Future for DurableFuture<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let State::Asked { ledger, token, .. } = &self.state else {
            return Poll::Ready(self.refusal());
        };
        match ledger.with(|book| book.take(*token)) {
            Some(reply) => Poll::Ready(self.answer(reply)),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for DurableFuture<T> {
    fn drop(&mut self) {
        if let State::Asked { ledger, token, .. } = &self.state {
            ledger.with(|book| book.abandon(*token));
        }
    }
}
