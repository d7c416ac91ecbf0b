//! `join*`, `select*` and `Either*`.
//!
//! Children are polled in argument order, and no waker is relied upon: results arrive one history event at a time, so
//! the winner of a race is decided by history first and by argument order second. A [`Join`] leaves out the children
//! for which nothing changed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::orchestration::OrchestrationContext;
use crate::ledger::Ledger;
use crate::ledger::joins::Seat;
use crate::ledger::probe::Probe;

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
        let children: Vec<_> = futures.into_iter().map(Child::new).collect();
        Join { seating: Seating { ledger: self.ledger.clone(), join: None }, waiting: children.len(), children }
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
    seating: Seating,
    /// Children that are not done.
    waiting: usize,
    children: Vec<Child<F>>,
}

impl<F: Future> Future for Join<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let join = &mut *self;
        if join.waiting > 0 {
            join.waiting = join.seating.poll_due(join.waiting, &mut join.children, cx);
        }
        if join.waiting > 0 {
            return Poll::Pending;
        }
        Poll::Ready(join.children.iter_mut().map(Child::take).collect())
    }
}

/// A join's place in the ledger, which knows whose answers changed.
struct Seating {
    ledger: Ledger,
    /// Its number, once it was polled.
    join: Option<u32>,
}

impl Seating {
    /// Polls, in order, the children that may be done: at first all, then those that were called, and those in which
    /// something waits that cannot call. `waiting` children are not done; returns how many are not done then.
    fn poll_due<F: Future>(&mut self, mut waiting: usize, children: &mut [Child<F>], cx: &Context<'_>) -> usize {
        let number = &mut self.join;
        let (join, within, is_watched) = self.ledger.with(|book| {
            let join = *number.get_or_insert_with(|| book.joins.open(children.len()));
            (join, book.joins.begin(join), book.probe.is(cx.waker()))
        });
        let round = Round { ledger: &self.ledger, join, within };
        // The engine's own probe will do; somebody else's waker is watched by one of ours.
        let own = (!is_watched).then(|| Probe::within(cx.waker().clone()));
        let waker = own.as_ref().map_or(cx.waker(), Probe::waker);
        while let Some(((at, signs), traces)) = self.ledger.with(|book| {
            let next = book.joins.next(join)?;
            Some((next, own.as_ref().unwrap_or(&book.probe).traces()))
        }) {
            let Some(child) = children.get_mut(at) else { break };
            if matches!(child, Child::Done(_)) {
                continue;
            }
            if child.is_done(&mut Context::from_waker(waker)) {
                waiting -= 1;
                continue;
            }
            self.ledger.with(|book| {
                let is_foreign = own.as_ref().unwrap_or(&book.probe).traces().grew_since(traces);
                book.joins.wait(signs, is_foreign);
            });
        }
        drop(round);
        if waiting > 0 {
            self.ledger.with(|book| book.joins.rest(join));
        }
        waiting
    }
}

impl Drop for Seating {
    fn drop(&mut self) {
        if let Some(join) = self.join {
            self.ledger.with(|book| book.joins.close(join));
        }
    }
}

/// One poll of a join; afterwards, and after a panic, whoever polls the join has its seat back.
struct Round<'a> {
    ledger: &'a Ledger,
    join: u32,
    within: Option<Seat>,
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        self.ledger.with(|book| book.joins.end(self.join, self.within));
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
