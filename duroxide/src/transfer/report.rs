//! How far a transfer is, and what it came to.

use std::fmt;

use crate::providers::transfer::Table;

/// What is being done with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its rows are copied.
    Copying,
    /// Its rows are counted and digested on both sides.
    Proving,
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferProgress {
    /// With which table.
    pub table: Table,
    /// What is done with it.
    pub phase: Phase,
    /// Rows that are done, those of an earlier attempt included.
    pub rows_done: u64,
    /// Rows in all.
    pub rows: u64,
}

/// `history: 1200 of 4000 rows copied`.
impl fmt::Display for TransferProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = match self.phase {
            Phase::Copying => "copied",
            Phase::Proving => "proved",
        };
        write!(f, "{}: {} of {} rows {done}", self.table, self.rows_done, self.rows)
    }
}

/// What a transfer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferReport {
    /// Where everything was.
    pub from: String,
    /// Where it is now.
    pub to: String,
    /// The tables, with what was found in both stores alike. Empty when an earlier attempt proved them and this one only
    /// finished it.
    pub tables: Vec<TableReport>,
    /// Whether an earlier attempt had copied something.
    pub resumed: bool,
}

/// A table that both stores hold alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableReport {
    /// Which.
    pub table: Table,
    /// Rows.
    pub rows: u64,
    /// A digest of them, whatever their order.
    pub digest: String,
}

/// A line for each table.
impl fmt::Display for TransferReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is now {}", self.from, self.to)?;
        self.tables.iter().try_for_each(|TableReport { table, rows, digest }| {
            write!(f, "\n  {:<20}{rows:>12} rows  {digest}", table.name())
        })
    }
}
