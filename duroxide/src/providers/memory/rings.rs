//! Who is to be told of new work once a change is made.

use std::collections::BTreeSet;

use crate::providers::signal::{WorkQueue, WorkSignal};

/// Collected under the lock, rung after it.
#[derive(Default)]
pub(super) struct Rings {
    orchestrator: BTreeSet<u64>,
    worker: BTreeSet<u64>,
}

impl Rings {
    /// A row of `queue` is visible from `at_ms` on.
    pub(super) fn visible_at(&mut self, queue: WorkQueue, at_ms: u64) {
        match queue {
            WorkQueue::Orchestrator => self.orchestrator.insert(at_ms),
            WorkQueue::Worker => self.worker.insert(at_ms),
        };
    }

    /// Tells those who wait; `now_ms` is when the change was made.
    pub(super) fn ring(self, signal: &WorkSignal, now_ms: u64) {
        let queues = [(WorkQueue::Orchestrator, self.orchestrator), (WorkQueue::Worker, self.worker)];
        for (queue, mut times) in queues {
            let later = times.split_off(&now_ms.saturating_add(1));
            if !times.is_empty() {
                signal.ready(queue);
            }
            for at_ms in later {
                signal.ready_at(queue, at_ms);
            }
        }
    }
}
