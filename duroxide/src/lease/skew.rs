//! How far one clock is ahead of another, from answers that take their time.

/// Differences of clocks below this are not told from the time that answers take.
const IN_STEP_MS: i64 = 1_000;

/// What the other clock is ahead of this one, in milliseconds: not less than the one and not more than the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Skew {
    at_least_ms: i64,
    at_most_ms: i64,
}

impl Skew {
    /// From one look at the other clock, between two at this one. `None` when this one was set back meanwhile, so that
    /// nothing can be said.
    pub(crate) fn seen(before_ms: i64, other_ms: i64, after_ms: i64) -> Option<Skew> {
        let skew =
            Skew { at_least_ms: other_ms.saturating_sub(after_ms), at_most_ms: other_ms.saturating_sub(before_ms) };
        (skew.at_least_ms <= skew.at_most_ms).then_some(skew)
    }

    /// What is added to a time of this clock to get one of the other. Clocks that may agree, as far as answers take,
    /// count as one. Of what is possible otherwise the most is taken: something may be due late by what an answer takes,
    /// and never early.
    pub(crate) fn shift_ms(self) -> i64 {
        let may_agree = self.at_least_ms < IN_STEP_MS && self.at_most_ms > -IN_STEP_MS;
        if may_agree { 0 } else { self.at_most_ms }
    }
}

#[cfg(any(test, feature = "postgres"))]
impl Skew {
    /// What both this and a later look allow; the later one alone when they contradict each other, because a clock was
    /// set.
    pub(crate) fn narrowed(self, later: Skew) -> Skew {
        let both = Skew {
            at_least_ms: self.at_least_ms.max(later.at_least_ms),
            at_most_ms: self.at_most_ms.min(later.at_most_ms),
        };
        if both.at_least_ms <= both.at_most_ms { both } else { later }
    }

    /// What this clock shows when the other one has reached `other_ms` for certain.
    pub(crate) fn reached_ms(self, other_ms: u64) -> u64 {
        other_ms.saturating_add_signed(self.at_least_ms.saturating_neg())
    }
}
