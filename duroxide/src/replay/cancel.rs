//! Dropped futures and losers of races become cancellations.

use std::collections::BTreeSet;

use super::Execution;
use super::history::DROPPED_FUTURE;
use crate::ledger::bindings::Class;
use crate::model::error::ErrorDetails;
use crate::model::event::EventKind;

/// Classes in the order in which their rows are written, and what messages call them. Timers are not cancelled: they
/// fire and nobody listens.
const ORDER: [(Class, &str); 4] = [
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
        let dropped = self.ledger.with(|book| book.bindings.abandoned().clone());
        if self.history.has_persisted() {
            self.compare(&dropped)?;
        }
        let mut new = Vec::new();
        for (class, _) in ORDER {
            let of_class =
                of(&dropped, class).difference(&of(self.history.dropped(), class)).copied().collect::<Vec<_>>();
            for event_id in of_class {
                self.append(Some(event_id), row(class));
                new.push((class, event_id));
            }
        }
        Ok(new)
    }

    fn compare(&self, dropped: &BTreeSet<(Class, u64)>) -> Result<(), ErrorDetails> {
        for (class, label) in ORDER {
            let recorded = of(self.history.dropped(), class);
            let mut repeated = of(dropped, class);
            repeated.retain(|event_id| self.history.is_persisted(*event_id));
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
