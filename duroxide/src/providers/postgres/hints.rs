//! Tells other machines that work may be ready, and hears it from them: hints only, polling is the truth.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use crate::providers::signal::{WorkQueue, WorkSignal};

/// The signal of this process, and what is to be told to others.
#[derive(Debug, Default)]
pub(super) struct Hints {
    signal: Arc<WorkSignal>,
    /// Queues that others should look at, by [`index`].
    untold: [AtomicBool; 2],
    news: Notify,
}

impl Hints {
    /// The signal of this process.
    pub(super) fn signal(&self) -> &Arc<WorkSignal> {
        &self.signal
    }

    /// Work of this queue was committed: wakes who waits here, and lets others know soon.
    pub(super) fn tell(&self, queue: WorkQueue) {
        self.signal.ready(queue);
        if !self.untold[index(queue)].swap(true, Ordering::Relaxed) {
            self.news.notify_one();
        }
    }

    /// Somebody else's work was committed.
    pub(super) fn hear(&self, queue: WorkQueue) {
        self.signal.ready(queue);
    }

    /// Waits until there is something to tell, and takes it: one message for however many commits.
    pub(super) async fn news(&self) -> Vec<WorkQueue> {
        loop {
            let queues: Vec<WorkQueue> = [WorkQueue::Orchestrator, WorkQueue::Worker]
                .into_iter()
                .filter(|queue| self.untold[index(*queue)].swap(false, Ordering::Relaxed))
                .collect();
            if !queues.is_empty() {
                return queues;
            }
            self.news.notified().await;
        }
    }
}

fn index(queue: WorkQueue) -> usize {
    match queue {
        WorkQueue::Orchestrator => 0,
        WorkQueue::Worker => 1,
    }
}
