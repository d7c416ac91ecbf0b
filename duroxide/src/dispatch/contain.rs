//! A panic becomes a value, so that it ends one piece of work and not the slot.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Awaits `future`; a panic inside is returned as its message. It is put into a box at once: the futures of work are
/// large, and whoever holds one in its own is copied with it.
///
/// Unwind safety: the future is dropped after a panic and never polled again, and what it shared with others is the
/// store and counters, which stand on their own.
pub(crate) fn contain<F: Future + Send>(future: F) -> impl Future<Output = Result<F::Output, String>> + Send {
    Contained(Box::pin(future))
}

struct Contained<F>(Pin<Box<F>>);

impl<F: Future> Future for Contained<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) => Poll::Ready(Err(message(payload.as_ref()))),
        }
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panicked with a value that is no text".to_owned())
}
