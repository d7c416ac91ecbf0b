//! What the code of a turn measured: kept until somebody commits the turn, and only if the turn is no replay.

use crate::model::measure::{Figure, MEASURES_PER_TURN_MAX, Measure};

/// The figures of one turn.
#[derive(Debug, Default)]
pub(crate) struct Measures {
    /// Whether what the code does now is done for the first time. Not the same as the replay flag that code sees: that
    /// one is down already when the code takes the last answer of its history again.
    pub counts: bool,
    /// One for each name with its labels: few.
    counted: Vec<Measure>,
    sampled: Vec<Measure>,
}

/// What became of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kept {
    Yes,
    /// A replay: it was kept when the code came here first.
    Replayed,
    /// The turn has measured too much.
    Full,
}

impl Measures {
    /// Keeps a figure. Counts of one name and labels are one figure.
    pub(crate) fn keep(&mut self, measure: Measure) -> Kept {
        if !self.counts {
            return Kept::Replayed;
        }
        let is_full = self.counted.len() + self.sampled.len() >= MEASURES_PER_TURN_MAX;
        match measure.figure {
            Figure::Count(more) => match self.count_of(&measure) {
                Some(count) => *count = count.saturating_add(more),
                None if is_full => return Kept::Full,
                None => self.counted.push(measure),
            },
            Figure::Sample(_) if is_full => return Kept::Full,
            Figure::Sample(_) => self.sampled.push(measure),
        }
        Kept::Yes
    }

    /// The count that this one adds to.
    fn count_of(&mut self, measure: &Measure) -> Option<&mut u64> {
        let same = |kept: &&mut Measure| kept.name == measure.name && kept.labels == measure.labels;
        match &mut self.counted.iter_mut().find(same)?.figure {
            Figure::Count(count) => Some(count),
            Figure::Sample(_) => None,
        }
    }

    /// All that was measured since the last time: counts, then samples.
    pub(crate) fn take(&mut self) -> Vec<Measure> {
        let mut taken = std::mem::take(&mut self.counted);
        taken.append(&mut self.sampled);
        taken
    }
}
