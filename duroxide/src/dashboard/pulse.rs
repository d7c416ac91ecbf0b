//! How many instances ended in the last minutes, from totals that are looked at anyway: no store lists by the end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::info::SystemMetrics;

/// How far it looks back, in milliseconds, as soon as it has been looked at for so long.
pub(super) const WINDOW_MS: u64 = 15 * 60 * 1_000;

/// Between two totals that are kept.
const GAP_MS: u64 = WINDOW_MS / 30;

/// Totals as they were found. What is deleted between two looks is missing in what lies between.
#[derive(Clone, Default)]
pub(super) struct Pulse(Arc<Mutex<VecDeque<Beat>>>);

#[derive(Debug, Clone, Copy)]
struct Beat {
    at_ms: u64,
    completed: u64,
    failed: u64,
}

/// What ended in the last so many milliseconds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) window_ms: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
}

impl Pulse {
    /// Takes totals in, and says what ended since the oldest that still count. Nothing at the first look.
    pub(super) fn beat(&self, now_ms: u64, totals: &SystemMetrics) -> Option<Ended> {
        let now = Beat { at_ms: now_ms, completed: totals.completed_instances, failed: totals.failed_instances };
        let mut beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |beat: &Beat| now_ms.saturating_sub(beat.at_ms) >= WINDOW_MS;
        while beats.get(1).is_some_and(is_over) {
            beats.pop_front();
        }
        let first = beats.front().copied();
        // More was deleted than has ended: what came before says nothing any more.
        let shrank = |first: &Beat| now.completed < first.completed || now.failed < first.failed;
        if first.as_ref().is_some_and(shrank) {
            beats.clear();
        }
        if beats.back().is_none_or(|last| now_ms.saturating_sub(last.at_ms) >= GAP_MS) {
            beats.push_back(now);
        }
        let first = beats.front()?;
        let window_ms = now_ms.saturating_sub(first.at_ms);
        (window_ms > 0).then(|| Ended {
            window_ms,
            completed: now.completed - first.completed,
            failed: now.failed - first.failed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(completed: u64, failed: u64) -> SystemMetrics {
        SystemMetrics { completed_instances: completed, failed_instances: failed, ..SystemMetrics::default() }
    }

    #[test]
    fn ends_are_what_totals_grew_by() {
        let pulse = Pulse::default();
        let minute = |minutes: u64| 1_000_000 + minutes * 60_000;
        assert_eq!(pulse.beat(minute(0), &totals(10, 1)), None);
        let ended = |minutes: u64, completed, failed| Some(Ended { window_ms: minutes * 60_000, completed, failed });
        assert_eq!(pulse.beat(minute(1), &totals(13, 2)), ended(1, 3, 1));
        assert_eq!(pulse.beat(minute(15), &totals(20, 2)), ended(15, 10, 1));
        // The first look is more than a quarter of an hour ago, and there is a newer one that is, too.
        assert_eq!(pulse.beat(minute(16), &totals(21, 2)), ended(15, 8, 0));
        // Nobody looked for an hour: the window is as long as that.
        assert_eq!(pulse.beat(minute(76), &totals(30, 2)), ended(60, 9, 0));
    }

    #[test]
    fn a_deletion_begins_anew() {
        let pulse = Pulse::default();
        assert_eq!(pulse.beat(1_000_000, &totals(10, 1)), None);
        assert_eq!(pulse.beat(1_060_000, &totals(4, 1)), None);
        let ended = Ended { window_ms: 60_000, completed: 2, failed: 0 };
        assert_eq!(pulse.beat(1_120_000, &totals(6, 1)), Some(ended));
    }
}
