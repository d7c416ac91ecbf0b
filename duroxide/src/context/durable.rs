//! The sealed `Durable` bound: only what replays may be awaited.

use std::future::{Future, Pending, Ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::combinators::{Join, Join2, Join3, Select2, Select3};
use super::future::DurableFuture;
use super::retry::Retry;
use super::schedule::ContinueAsNew;
use super::typed::Decoded;

mod sealed {
    /// Only this crate says what replays.
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// A future whose outcome history records, so that a replay sees it resolve at the same point with the same value.
///
/// Inside `#[orchestration]` and `#[durable]` functions every `.await` requires it. Durable are the futures of
/// [`OrchestrationContext`](super::orchestration::OrchestrationContext), calls of activities and orchestrations, joins
/// and selects of durable futures, `async` blocks in such functions, and `#[durable]` functions themselves.
#[diagnostic::on_unimplemented(
    message = "DX2001: an orchestration cannot await `{Self}`: history does not record its outcome",
    label = "not a durable future",
    note = "after a restart a replay would run it again, and could get another answer, or none",
    note = "work with side effects: put it in an `#[activity]` and await `x::call(&ctx, ..)`",
    note = "waiting: `ctx.timer(\"24h\")`, `ctx.wait::<MyEvent>()`, `duroxide::select!`, `duroxide::join!`",
    note = "a deterministic async helper of yours: mark it `#[durable]`",
    note = "if its outcome cannot differ all the same: `duroxide::assume_durable(\"why\", future).await`"
)]
pub trait Durable: Future + Sealed {}

/// A durable future on the heap, for those whose type cannot be named: recursion, or several kinds in one `Vec`.
pub type BoxDurable<'a, T> = Pin<Box<dyn Durable<Output = T> + Send + 'a>>;

/// Vouches for a future that is not durable by its type. `reason` says why its outcome cannot differ between runs.
///
/// The run-time net stays: a future that leaves the orchestration waiting for something outside of history fails it.
pub fn assume_durable<F: Future>(reason: &'static str, future: F) -> AssumedDurable<F> {
    debug_assert!(!reason.trim().is_empty(), "assume_durable needs a reason");
    AssumedDurable { inner: Box::pin(future) }
}

/// See [`assume_durable`].
#[must_use = "futures do nothing unless awaited"]
pub struct AssumedDurable<F> {
    inner: Pin<Box<F>>,
}

/// An `async` block whose awaits were all checked; only the macros make one.
#[cfg(feature = "macros")]
#[must_use = "futures do nothing unless awaited"]
pub struct DurableBlock<F> {
    inner: Pin<Box<F>>,
}

#[cfg(feature = "macros")]
impl<F: Future> DurableBlock<F> {
    pub(crate) fn new(block: F) -> Self {
        DurableBlock { inner: Box::pin(block) }
    }
}

impl<F: Future> Future for AssumedDurable<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.inner.as_mut().poll(cx)
    }
}

#[cfg(feature = "macros")]
impl<F: Future> Future for DurableBlock<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.inner.as_mut().poll(cx)
    }
}

macro_rules! durable {
    ($([$($generics:tt)*] $future:ty;)*) => {
        $(
            impl<$($generics)*> Sealed for $future {}
            impl<$($generics)*> Durable for $future where Self: Future {}
        )*
    };
}

durable! {
    [T] DurableFuture<T>;
    [] Retry;
    [] ContinueAsNew;
    [F: Durable, T] Decoded<F, T>;
    [F: Durable] Join<F>;
    [A: Durable, B: Durable] Join2<A, B>;
    [A: Durable, B: Durable, C: Durable] Join3<A, B, C>;
    [A: Durable, B: Durable] Select2<A, B>;
    [A: Durable, B: Durable, C: Durable] Select3<A, B, C>;
    [F: Future] AssumedDurable<F>;
    // Neither depends on anything outside; the first is a legal way to wait for cancellation.
    [T] Pending<T>;
    [T] Ready<T>;
    [F: Durable + Unpin + ?Sized] &mut F;
    [F: Durable + ?Sized] Pin<Box<F>>;
    [F: Durable + Unpin + ?Sized] Box<F>;
}

#[cfg(feature = "macros")]
durable! {
    [F: Future] DurableBlock<F>;
}
