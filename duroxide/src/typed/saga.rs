//! Steps that are undone in reverse when a later one fails.

use std::fmt::{Debug, Display, Formatter};
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::context::durable::{BoxDurable, Durable, Sealed};
use crate::context::orchestration::OrchestrationContext;

/// How one step is undone: asked for only when it comes to that.
type Undo = Box<dyn FnOnce(&OrchestrationContext) -> BoxDurable<'static, Result<(), String>> + Send>;

/// What has to be undone if the whole does not succeed.
///
/// Each step that succeeds leaves a compensation behind. [`finish`](Self::finish) is given the result of the whole: when
/// it is an error, the compensations run one after the other, the last step's first, and the error comes back with what
/// could not be undone.
///
/// ```
/// use duroxide::typed::Saga;
/// use duroxide::{OrchestrationContext, activity, orchestration};
/// # use duroxide::testing::{Asked, Harness};
///
/// #[activity]
/// async fn book(what: String) -> Result<u64, String>; // a booking number
/// #[activity]
/// async fn cancel(booking: u64) -> Result<(), String>;
///
/// #[orchestration]
/// async fn trip(ctx: OrchestrationContext) -> Result<u64, String> {
///     let mut saga = Saga::new(&ctx);
///     let booked = async {
///         let flight = saga.step(book::call(&ctx, "flight".into()), cancel::call).await?;
///         let hotel = saga.step(book::call(&ctx, "hotel".into()), cancel::call).await?;
///         Ok::<_, String>(flight + hotel)
///     };
///     let booked = booked.await;
///     Ok(saga.finish(booked).await?)
/// }
///
/// # let mut harness = Harness::new();
/// # harness.mock::<book>(|what: String| if what == "hotel" { Err("full".to_owned()) } else { Ok(7) });
/// # harness.mock::<cancel>(|_| Ok(()));
/// # assert_eq!(harness.run::<trip>(()).unwrap_err().to_string(), "full");
/// # assert_eq!(harness.asked()[2], Asked::activity::<cancel>(7));
/// ```
/// - **A compensation that fails** does not stop the others. All run, each once, and [`SagaError`] lists those that
///   failed beside the error that began it. Give the activity that compensates a `retry(..)`: when nothing is left to
///   try, a person has to look.
/// - **A step that fails** is not undone: it has to clean up after itself. When it can have had an effect all the same,
///   register its compensation before the step, with [`undo`](Self::undo).
/// - **Cancellation** of the instance ends it where it stands, and nothing is undone. To be undone on request, race the
///   steps with a signal (`duroxide::select!`) and give `finish` an error when the signal wins; the step that was on its
///   way then is dropped, and may have had its effect.
/// - **A crash** changes nothing: steps and compensations are in history like every other call.
/// - A saga that is dropped without `finish` undoes nothing.
#[must_use = "nothing is undone without `finish`"]
pub struct Saga {
    ctx: OrchestrationContext,
    done: Vec<Undo>,
}

impl Debug for Saga {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Saga").field("done", &self.done.len()).finish_non_exhaustive()
    }
}

impl Saga {
    /// A saga without steps.
    pub fn new(ctx: &OrchestrationContext) -> Self {
        Saga { ctx: ctx.clone(), done: Vec::new() }
    }

    /// A step: the call, and how it is undone once it has succeeded. `undo` is given the context and what the step
    /// returned, and makes the call that compensates: `cancel::call`, or a closure `|ctx, booking| ..`.
    ///
    /// The call takes its place where it is made, and is polled by awaiting the step.
    pub fn step<C, T, E, U, F>(&mut self, call: C, undo: U) -> Step<'_, C::IntoFuture, U>
    where
        C: IntoFuture<Output = Result<T, E>>,
        C::IntoFuture: Durable,
        T: Clone + Send + 'static,
        U: FnOnce(&OrchestrationContext, T) -> F + Send + 'static,
        F: IntoFuture,
    {
        Step { saga: self, call: Box::pin(call.into_future()), undo: Some(undo) }
    }

    /// Something that has to be undone whatever becomes of the next step.
    pub fn undo<U, F, T, E>(&mut self, undo: U)
    where
        U: FnOnce(&OrchestrationContext) -> F + Send + 'static,
        F: IntoFuture<Output = Result<T, E>>,
        F::IntoFuture: Durable + Send + 'static,
        E: Debug,
    {
        self.done.push(Box::new(move |ctx| Box::pin(Told { call: Box::pin(undo(ctx).into_future()) })));
    }

    /// Ends the saga with the result of the whole: an error is returned when everything has been undone.
    pub fn finish<T, E>(self, result: Result<T, E>) -> Finish<T, E> {
        Finish { ctx: self.ctx, left: self.done, running: None, failed: Vec::new(), result: Some(result) }
    }
}

/// A step of a [`Saga`]; await it for the step's own result.
#[must_use = "a step whose future is dropped does not run; await it"]
pub struct Step<'a, C, U> {
    saga: &'a mut Saga,
    call: Pin<Box<C>>,
    undo: Option<U>,
}

/// The call is boxed.
impl<C, U> Unpin for Step<'_, C, U> {}

impl<C, T, E, U, F, R, X> Future for Step<'_, C, U>
where
    C: Future<Output = Result<T, E>>,
    T: Clone + Send + 'static,
    U: FnOnce(&OrchestrationContext, T) -> F + Send + 'static,
    F: IntoFuture<Output = Result<R, X>>,
    F::IntoFuture: Durable + Send + 'static,
    X: Debug,
{
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(result) = self.call.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        if let (Ok(value), Some(undo)) = (&result, self.undo.take()) {
            let value = value.clone();
            self.saga.undo(move |ctx| undo(ctx, value));
        }
        Poll::Ready(result)
    }
}

impl<C: Durable, U> Sealed for Step<'_, C, U> {}
impl<C: Durable, U> Durable for Step<'_, C, U> where Self: Future {}

/// A compensation whose error is kept as text.
struct Told<C> {
    call: Pin<Box<C>>,
}

impl<C: Future<Output = Result<T, E>>, T, E: Debug> Future for Told<C> {
    type Output = Result<(), String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.call.as_mut().poll(cx).map(|result| result.map(drop).map_err(|error| format!("{error:?}")))
    }
}

impl<C: Durable> Sealed for Told<C> {}
impl<C: Durable> Durable for Told<C> where Self: Future {}

/// The end of a [`Saga`]; await it.
#[must_use = "nothing is undone unless awaited"]
pub struct Finish<T, E> {
    ctx: OrchestrationContext,
    /// The next to be undone is the last.
    left: Vec<Undo>,
    running: Option<BoxDurable<'static, Result<(), String>>>,
    failed: Vec<UndoFailure>,
    result: Option<Result<T, E>>,
}

/// Nothing is pinned inside but what is boxed.
impl<T, E> Unpin for Finish<T, E> {}

impl<T, E> Future for Finish<T, E> {
    type Output = Result<T, SagaError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.result.take().expect("the end of a saga is not polled after it was reached") {
            Ok(value) => Poll::Ready(Ok(value)),
            Err(cause) => {
                if self.undo_all(cx).is_pending() {
                    self.result = Some(Err(cause));
                    return Poll::Pending;
                }
                Poll::Ready(Err(SagaError { cause, failed: std::mem::take(&mut self.failed) }))
            }
        }
    }
}

impl<T, E> Finish<T, E> {
    /// One compensation after the other: what they undo may build on one another.
    fn undo_all(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(running) = &mut self.running {
                let Poll::Ready(undone) = running.as_mut().poll(cx) else {
                    return Poll::Pending;
                };
                self.running = None;
                let step = self.left.len() + 1;
                self.failed.extend(undone.err().map(|error| UndoFailure { step, error }));
            }
            let Some(undo) = self.left.pop() else { return Poll::Ready(()) };
            self.running = Some(undo(&self.ctx));
        }
    }
}

impl<T, E> Sealed for Finish<T, E> {}
impl<T, E> Durable for Finish<T, E> {}

/// Why a saga did not succeed, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaError<E> {
    /// The error that began the undoing.
    pub cause: E,
    /// Compensations that failed, in the order in which they ran. Empty when everything was undone.
    pub failed: Vec<UndoFailure>,
}

/// A compensation that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoFailure {
    /// Which one, counted from 1 in the order in which they were registered.
    pub step: usize,
    /// Its error, as `{:?}` shows it.
    pub error: String,
}

impl<E: Display> Display for SagaError<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.cause.fmt(f)?;
        self.failed
            .iter()
            .try_for_each(|UndoFailure { step, error }| write!(f, "; undoing step {step} failed: {error}"))
    }
}

impl<E: Debug + Display> std::error::Error for SagaError<E> {}

/// Orchestrations whose error is a `String` may use `?`.
impl<E: Display> From<SagaError<E>> for String {
    fn from(error: SagaError<E>) -> Self {
        error.to_string()
    }
}
