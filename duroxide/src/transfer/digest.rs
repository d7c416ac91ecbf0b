//! A digest of rows in whatever order they come: equal for two tables that hold the same rows equally often.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::providers::transfer::{Cell, ColumnKind, Row, Table};

/// How many rows, and what they come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Digest {
    pub(super) rows: u64,
    sums: [u64; 2],
}

impl Digest {
    /// One more row.
    pub(super) fn add(&mut self, row: &Row) {
        self.rows += 1;
        // Two sums that have nothing in common: rows that make up for each other in one do not in the other.
        for (seed, sum) in (0_u8..).zip(&mut self.sums) {
            let mut hasher = DefaultHasher::new();
            (seed, row).hash(&mut hasher);
            *sum = sum.wrapping_add(hasher.finish());
        }
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [one, other] = self.sums;
        write!(f, "{one:016x}{other:016x}")
    }
}

/// The row as the other side's clock has it.
pub(super) fn shifted(table: Table, row: &mut Row, by_ms: i64) {
    if by_ms == 0 {
        return;
    }
    for place in table.places_of(ColumnKind::Due) {
        if let Some(Cell::Number(at_ms)) = row.0.get_mut(place) {
            // What is due at the end of time stays so.
            if *at_ms < i64::MAX / 2 {
                *at_ms = at_ms.saturating_add(by_ms).max(0);
            }
        }
    }
}
