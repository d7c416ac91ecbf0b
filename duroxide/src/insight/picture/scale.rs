//! Time to pixels: long stretches in which nothing begins or ends are broken.
//!
//! Otherwise a day's wait would hide the seconds around it.

use crate::insight::span::span;

/// Only stretches of this length are broken: below it everybody can see the scale for themselves.
const BROKEN_MS: u64 = 2_000;
/// A broken stretch is so many times longer than the longest that is drawn to scale.
const BROKEN_TIMES: u64 = 20;
/// The part of the width that one broken stretch takes, and all of them.
const BROKEN_PART: f64 = 0.14;
const BROKEN_PARTS: f64 = 0.6;
/// Pixels between two figures on the axis.
const TICK_PX: f64 = 74.0;

/// Steps of the axis, in milliseconds.
const STEPS_MS: [u64; 33] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
    1_209_600_000,
    2_592_000_000,
    7_776_000_000,
    31_536_000_000,
];

/// A stretch of time and where it is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) is_broken: bool,
}

/// A figure on the axis.
#[derive(Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) x: f64,
    pub(super) text: String,
}

/// From milliseconds to pixels.
#[derive(Debug)]
pub(super) struct Scale {
    pub(super) pieces: Vec<Piece>,
}

impl Scale {
    /// A scale over all `times`, which are where something begins or ends, from 0 to `width` pixels.
    pub(super) fn of(mut times: Vec<u64>, width: f64) -> Self {
        times.sort_unstable();
        times.dedup();
        if times.len() == 1 {
            times.push(times[0] + 1);
        }
        let stretches: Vec<(u64, u64)> = times.windows(2).map(|pair| (pair[0], pair[1])).collect();
        let limit = broken_from(&stretches);
        let mut runs: Vec<Piece> = Vec::new();
        for (from_ms, to_ms) in stretches {
            let is_broken = to_ms - from_ms >= limit;
            match runs.last_mut().filter(|last| !last.is_broken && !is_broken) {
                Some(last) => last.to_ms = to_ms,
                None => runs.push(Piece { from_ms, to_ms, left: 0.0, right: 0.0, is_broken }),
            }
        }
        place(&mut runs, width);
        Scale { pieces: runs }
    }

    /// Where a time is drawn.
    pub(super) fn x(&self, ms: u64) -> f64 {
        let (Some(first), Some(last)) = (self.pieces.first(), self.pieces.last()) else {
            return 0.0;
        };
        let ms = ms.clamp(first.from_ms, last.to_ms);
        let piece = self.pieces.iter().find(|piece| ms <= piece.to_ms).unwrap_or(last);
        let part = (ms - piece.from_ms) as f64 / (piece.to_ms - piece.from_ms) as f64;
        piece.left + (piece.right - piece.left) * part
    }

    /// Figures: the time since the beginning, and behind a break since the break.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let mut ticks: Vec<Tick> = Vec::new();
        let start = self.pieces.first().map_or(0, |piece| piece.from_ms);
        for piece in self.pieces.iter().filter(|piece| !piece.is_broken) {
            let per_ms = (piece.right - piece.left) / (piece.to_ms - piece.from_ms) as f64;
            let step = STEPS_MS.into_iter().find(|step| *step as f64 * per_ms >= TICK_PX);
            let step = step.unwrap_or(STEPS_MS[STEPS_MS.len() - 1]);
            for ms in (piece.from_ms..=piece.to_ms).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
                let text = match (ms == piece.from_ms, ms == start) {
                    (_, true) => "0".to_owned(),
                    (true, false) => span(ms - start),
                    (false, false) if piece.from_ms == start => span(ms - start),
                    (false, false) => format!("+{}", span(ms - piece.from_ms)),
                };
                let x = self.x(ms);
                if ticks.last().is_none_or(|last| x - last.x >= TICK_PX * 0.8) {
                    ticks.push(Tick { x, text });
                }
            }
        }
        ticks
    }
}

/// Stretches of this length and longer are broken: the uppermost gap in their lengths decides.
fn broken_from(stretches: &[(u64, u64)]) -> u64 {
    let mut lengths: Vec<u64> = stretches.iter().map(|(from, to)| to - from).collect();
    lengths.sort_unstable();
    let is_gap = |pair: &&[u64]| pair[1] >= BROKEN_MS && pair[1] / pair[0] >= BROKEN_TIMES;
    lengths.windows(2).rev().find(is_gap).map_or(u64::MAX, |pair| pair[1])
}

fn place(runs: &mut [Piece], width: f64) {
    let broken = runs.iter().filter(|run| run.is_broken).count() as f64;
    let one = if broken > 0.0 { BROKEN_PART.min(BROKEN_PARTS / broken) } else { 0.0 };
    let whole: u64 = runs.iter().filter(|run| !run.is_broken).map(|run| run.to_ms - run.from_ms).sum();
    let rest = 1.0 - one * broken;
    let mut left = 0.0;
    for run in runs {
        let part = if run.is_broken { one } else { rest * (run.to_ms - run.from_ms) as f64 / whole as f64 };
        run.left = left;
        run.right = left + part * width;
        left = run.right;
    }
}
