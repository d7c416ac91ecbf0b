//! Which bars are drawn, when there are more than fit.

use crate::insight::timeline::{Bar, Outcome, Timeline};

/// The bars to draw, in the order of history, and how many are left out.
pub(super) fn choose(timeline: &Timeline, rows: usize) -> (Vec<&Bar>, usize) {
    let bars = &timeline.bars;
    let rows = rows.clamp(1, 1_000);
    if bars.len() <= rows {
        return (bars.iter().collect(), 0);
    }
    let mut order: Vec<usize> = (0..bars.len()).collect();
    // Of those that say nothing special, the ones nearest to either end: how it began, and where it is.
    order.sort_by_key(|at| (weight(&bars[*at]), (*at).min(bars.len() - 1 - at), *at));
    order.truncate(rows);
    order.sort_unstable();
    (order.into_iter().map(|at| &bars[at]).collect(), bars.len() - rows)
}

fn weight(bar: &Bar) -> u8 {
    match &bar.outcome {
        Outcome::Open => 0,
        Outcome::Failed { .. } | Outcome::TimedOut => 1,
        Outcome::Done | Outcome::Cancelled { .. } | Outcome::Left => 2,
    }
}
