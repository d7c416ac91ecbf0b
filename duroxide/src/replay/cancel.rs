//! Dropped futures and losers of races become cancellations.

use std::collections::BTreeSet;

use super::Execution;
use super::history::DROPPED_FUTURE;
use crate::ledger::bindings::Class;
use crate::model::error::ErrorDetails;
use crate::model::event::EventKind;

/// Classes in the order in which their rows are written, which is that of [`Class`], and what messages call them.
const LABELS: [(Class, &str); 4] = [
    (Class::Activity, "activities"),
    (Class::Child, "sub-orchestrations"),
    (Class::External, "external waits"),
    (Class::Queue, "persistent waits"),
];

impl Execution {
    /// Writes a row for each future dropped since the last commit.
    ///
    /// # Errors
    /// When history records a dropped future that this run still holds.
    pub(super) fn cancel_dropped(&mut self) -> Result<Vec<(Class, u64)>, ErrorDetails> {
        let mut dropped = self.ledger.with(|book| book.bindings.take_abandoned());
        // Timers are not cancelled: they fire and nobody listens.
        dropped.retain(|(class, _)| *class != Class::Timer);
        let recorded = self.history.take_dropped();
        if self.history.has_persisted() && !recorded.is_empty() {
            self.compare(&recorded, &dropped)?;
        }
        dropped.retain(|row| !recorded.contains(row));
        for (class, event_id) in &dropped {
            self.append(Some(*event_id), row(*class));
        }
        // These are this run's own, and need no comparison with it.
        self.history.take_dropped();
        Ok(dropped)
    }

    /// What an earlier run recorded, this one must have repeated. Only a replay can find a difference, and only once:
    /// from then on the records are this run's own.
    fn compare(&self, recorded: &BTreeSet<(Class, u64)>, dropped: &[(Class, u64)]) -> Result<(), ErrorDetails> {
        let is_persisted = |row: &&(Class, u64)| self.history.is_persisted(row.1);
        let repeated: BTreeSet<(Class, u64)> = dropped.iter().filter(is_persisted).copied().collect();
        for (class, label) in LABELS {
            let (recorded, repeated) = (of(recorded, class), of(&repeated, class));
            if !recorded.is_subset(&repeated) {
                return Err(ErrorDetails::nondeterminism(format!(
                    "cancellation mismatch ({label}): baseline_dropped_future_cancel_requests={recorded:?} \
                     ctx_cancelled_in_replayed_segment={repeated:?}"
                )));
            }
        }
        Ok(())
    }
}

fn of(all: &BTreeSet<(Class, u64)>, class: Class) -> BTreeSet<u64> {
    all.range((class, 0)..=(class, u64::MAX)).map(|(_, event_id)| *event_id).collect()
}

fn row(class: Class) -> EventKind {
    let reason = DROPPED_FUTURE.to_owned();
    match class {
        Class::Activity => EventKind::ActivityCancelRequested { reason },
        Class::Child => EventKind::SubOrchestrationCancelRequested { reason },
        Class::External => EventKind::ExternalSubscribedCancelled { reason },
        Class::Queue => EventKind::QueueSubscriptionCancelled { reason },
        Class::Timer => unreachable!("timers have no cancellation row"),
    }
}
