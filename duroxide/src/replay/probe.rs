//! A waker that tells whether a future took it: ours never do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

#[derive(Default)]
struct Probe {
    woken: AtomicBool,
}

impl Wake for Probe {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Relaxed);
    }
}

/// Polls once and says whether the future kept or used its waker: then it waits for something outside of history.
pub(super) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> (Poll<F::Output>, bool) {
    let probe = Arc::new(Probe::default());
    let waker = Waker::from(probe.clone());
    let poll = future.poll(&mut Context::from_waker(&waker));
    drop(waker);
    let kept = Arc::strong_count(&probe) > 1;
    (poll, kept || probe.woken.load(Ordering::Relaxed))
}
