//! `join*`, `select*` and `Either*`.
//!
//! All children are polled in argument order on every poll, and no waker is relied upon: results arrive one history
//! event at a time, so the winner of a race is decided by history first and by argument order second.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::orchestration::OrchestrationContext;

/// Which of two was first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Either2<A, B> {
    /// The first argument.
    First(A),
    /// The second argument.
    Second(B),
}

impl<A, B> Either2<A, B> {
    /// Whether the first argument won.
    pub fn is_first(&self) -> bool {
        self.index() == 0
    }

    /// Whether the second argument won.
    pub fn is_second(&self) -> bool {
        self.index() == 1
    }

    /// The winner's position, from 0.
    pub fn index(&self) -> usize {
        match self {
            Either2::First(_) => 0,
            Either2::Second(_) => 1,
        }
    }
}

impl<T> Either2<T, T> {
    /// The winner's position and value.
    pub fn into_tuple(self) -> (usize, T) {
        match self {
            Either2::First(value) => (0, value),
            Either2::Second(value) => (1, value),
        }
    }
}

/// Which of three was first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Either3<A, B, C> {
    /// The first argument.
    First(A),
    /// The second argument.
    Second(B),
    /// The third argument.
    Third(C),
}

impl<A, B, C> Either3<A, B, C> {
    /// The winner's position, from 0.
    pub fn index(&self) -> usize {
        match self {
            Either3::First(_) => 0,
            Either3::Second(_) => 1,
            Either3::Third(_) => 2,
        }
    }
}

impl<T> Either3<T, T, T> {
    /// The winner's position and value.
    pub fn into_tuple(self) -> (usize, T) {
        match self {
            Either3::First(value) => (0, value),
            Either3::Second(value) => (1, value),
            Either3::Third(value) => (2, value),
        }
    }
}

impl OrchestrationContext {
    /// Waits for all; outputs come in argument order. An empty join is ready at once.
    pub fn join<T, F: Future<Output = T>>(&self, futures: Vec<F>) -> Join<F> {
        Join { children: futures.into_iter().map(Child::new).collect() }
    }

    /// Waits for both.
    pub fn join2<T1, T2, F1: Future<Output = T1>, F2: Future<Output = T2>>(&self, f1: F1, f2: F2) -> Join2<F1, F2> {
        Join2::new(f1, f2)
    }

    /// Waits for all three.
    pub fn join3<T1, T2, T3, F1, F2, F3>(&self, f1: F1, f2: F2, f3: F3) -> Join3<F1, F2, F3>
    where
        F1: Future<Output = T1>,
        F2: Future<Output = T2>,
        F3: Future<Output = T3>,
    {
        Join3 { first: Child::new(f1), second: Child::new(f2), third: Child::new(f3) }
    }

    /// Waits for whichever is ready first; at the same point of history the earlier argument wins. The losers are
    /// dropped, and so cancelled, at the end of the `.await`.
    pub fn select2<T1, T2, F1: Future<Output = T1>, F2: Future<Output = T2>>(&self, f1: F1, f2: F2) -> Select2<F1, F2> {
        Select2::new(f1, f2)
    }

    /// Waits for whichever of three is ready first; see [`select2`](Self::select2).
    pub fn select3<T1, T2, T3, F1, F2, F3>(&self, f1: F1, f2: F2, f3: F3) -> Select3<F1, F2, F3>
    where
        F1: Future<Output = T1>,
        F2: Future<Output = T2>,
        F3: Future<Output = T3>,
    {
        Select3 { first: Box::pin(f1), second: Box::pin(f2), third: Box::pin(f3) }
    }
}

/// One future of a join: dropped as soon as it is ready.
enum Child<F: Future> {
    Running(Pin<Box<F>>),
    Done(Option<F::Output>),
}

/// The future is boxed and the output is only moved.
impl<F: Future> Unpin for Child<F> {}

impl<F: Future> Child<F> {
    fn new(future: F) -> Self {
        Child::Running(Box::pin(future))
    }

    /// Polls if still needed; returns whether the output is there.
    fn is_done(&mut self, cx: &mut Context<'_>) -> bool {
        if let Child::Running(future) = self {
            match future.as_mut().poll(cx) {
                Poll::Ready(output) => *self = Child::Done(Some(output)),
                Poll::Pending => return false,
            }
        }
        true
    }

    fn take(&mut self) -> F::Output {
        match self {
            Child::Done(output) => output.take().expect("a join is not polled after it was ready"),
            Child::Running(_) => unreachable!("a join takes outputs only when all are done"),
        }
    }
}

/// All of many; made by [`OrchestrationContext::join`].
#[must_use = "futures do nothing unless awaited"]
pub struct Join<F: Future> {
    children: Vec<Child<F>>,
}

impl<F: Future> Future for Join<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // No short cut at the first that is not ready: each must be polled each time.
        let waiting = self.children.iter_mut().filter_map(|child| (!child.is_done(cx)).then_some(())).count();
        if waiting > 0 {
            return Poll::Pending;
        }
        Poll::Ready(self.children.iter_mut().map(Child::take).collect())
    }
}

/// Both; made by [`OrchestrationContext::join2`].
#[must_use = "futures do nothing unless awaited"]
pub struct Join2<F1: Future, F2: Future> {
    first: Child<F1>,
    second: Child<F2>,
}

impl<F1: Future, F2: Future> Join2<F1, F2> {
    pub(crate) fn new(f1: F1, f2: F2) -> Self {
        Join2 { first: Child::new(f1), second: Child::new(f2) }
    }
}

impl<F1: Future, F2: Future> Future for Join2<F1, F2> {
    type Output = (F1::Output, F2::Output);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let done = self.first.is_done(cx) & self.second.is_done(cx);
        if done { Poll::Ready((self.first.take(), self.second.take())) } else { Poll::Pending }
    }
}

/// All three; made by [`OrchestrationContext::join3`].
#[must_use = "futures do nothing unless awaited"]
pub struct Join3<F1: Future, F2: Future, F3: Future> {
    first: Child<F1>,
    second: Child<F2>,
    third: Child<F3>,
}

impl<F1: Future, F2: Future, F3: Future> Future for Join3<F1, F2, F3> {
    type Output = (F1::Output, F2::Output, F3::Output);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let done = self.first.is_done(cx) & self.second.is_done(cx) & self.third.is_done(cx);
        if done { Poll::Ready((self.first.take(), self.second.take(), self.third.take())) } else { Poll::Pending }
    }
}

/// The first of two; made by [`OrchestrationContext::select2`].
#[must_use = "futures do nothing unless awaited"]
pub struct Select2<F1, F2> {
    first: Pin<Box<F1>>,
    second: Pin<Box<F2>>,
}

impl<F1: Future, F2: Future> Select2<F1, F2> {
    pub(crate) fn new(f1: F1, f2: F2) -> Self {
        Select2 { first: Box::pin(f1), second: Box::pin(f2) }
    }
}

impl<F1: Future, F2: Future> Future for Select2<F1, F2> {
    type Output = Either2<F1::Output, F2::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(value) = self.first.as_mut().poll(cx) {
            return Poll::Ready(Either2::First(value));
        }
        self.second.as_mut().poll(cx).map(Either2::Second)
    }
}

/// The first of three; made by [`OrchestrationContext::select3`].
#[must_use = "futures do nothing unless awaited"]
pub struct Select3<F1, F2, F3> {
    first: Pin<Box<F1>>,
    second: Pin<Box<F2>>,
    third: Pin<Box<F3>>,
}

impl<F1: Future, F2: Future, F3: Future> Future for Select3<F1, F2, F3> {
    type Output = Either3<F1::Output, F2::Output, F3::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(value) = self.first.as_mut().poll(cx) {
            return Poll::Ready(Either3::First(value));
        }
        if let Poll::Ready(value) = self.second.as_mut().poll(cx) {
            return Poll::Ready(Either3::Second(value));
        }
        self.third.as_mut().poll(cx).map(Either3::Third)
    }
}
