//! Who is behind the signature of a lease.

use super::{Facts, Holder};
use crate::model::insight::WorkerInfo;

impl Holder {
    /// The worker that signed a lease, as far as that can be told.
    pub(super) fn of(owner: Option<&str>, facts: &Facts) -> Self {
        let worker = owner.and_then(|owner| facts.workers.iter().flatten().find(|worker| is_behind(worker, owner)));
        Holder {
            owner: owner.map(str::to_owned),
            worker: worker.map(|worker| format!("{} ({}, pid {})", worker.node, worker.program, worker.pid)),
            is_alive: worker.map(|worker| worker.is_alive),
        }
    }
}

/// Sessions are signed by one slot of a worker, or by its node where that has a name.
fn is_behind(worker: &WorkerInfo, owner: &str) -> bool {
    owner == worker.worker_id || owner == worker.node || owner.ends_with(&format!("-{}", worker.worker_id))
}
