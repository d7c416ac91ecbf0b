//! A waker that tells whether a future took it: ours never do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

/// Watches a waker that is lent to futures, and passes on to `outer` what wakes it.
#[derive(Debug)]
pub(crate) struct Probe {
    shared: Arc<Shared>,
    waker: Waker,
}

#[derive(Debug)]
struct Shared {
    wakes: AtomicUsize,
    outer: Waker,
}

/// How often a waker was kept and used until some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traces {
    handles: usize,
    wakes: usize,
}

impl Traces {
    /// Whether a future kept or used the waker since `before`: then it waits for something outside of history.
    pub(crate) fn grew_since(self, before: Traces) -> bool {
        self.handles > before.handles || self.wakes > before.wakes
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        self.outer.wake_by_ref();
    }
}

impl Default for Probe {
    fn default() -> Self {
        Probe::within(Waker::noop().clone())
    }
}

impl Probe {
    /// Whoever keeps the probe's waker keeps a handle on `outer`, so that a probe outside of this one sees it as well.
    pub(crate) fn within(outer: Waker) -> Self {
        let shared = Arc::new(Shared { wakes: AtomicUsize::new(0), outer });
        let waker = Waker::from(Arc::clone(&shared));
        Probe { shared, waker }
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Whether this is the probe's waker.
    pub(crate) fn is(&self, waker: &Waker) -> bool {
        self.waker.will_wake(waker)
    }

    pub(crate) fn traces(&self) -> Traces {
        Traces { handles: Arc::strong_count(&self.shared), wakes: self.shared.wakes.load(Ordering::Relaxed) }
    }
}
