//! What is wrong, where, and what to do instead.

use std::fmt;

/// One finding of one rule. Findings sort by place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    /// Path from the root of the workspace, with forward slashes.
    pub(super) file: String,
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) weight: Weight,
    pub(super) what: String,
    pub(super) instead: String,
}

/// Whether a finding fails the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    Error,
    /// Worth a thought, nothing more.
    Remark,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remark = match self.weight {
            Weight::Error => "",
            Weight::Remark => "(remark) ",
        };
        write!(out, "{}:{}: {remark}{}; {}", self.file, self.line, self.what, self.instead)
    }
}
