//! Several rows by one statement: binding, starting and ending a statement costs as much as a row.

use std::array;

/// Rows of one statement: most turns write no more of a kind.
pub(super) const AT_ONCE: usize = 8;

/// The same insert for one row, for two, and so on.
///
/// It must say `OR FAIL`, and whoever meets a failure must undo all that the request did: else SQLite would copy each page
/// that a statement of several rows touches, to be able to undo it alone.
pub(super) struct Inserts([String; AT_ONCE]);

impl Inserts {
    /// `values` is one row, in parentheses, of which `own` parameters are numbered from the one it is given; those before
    /// `first` are shared by all rows.
    pub(super) fn new(insert: &str, first: usize, own: usize, values: fn(usize) -> String) -> Self {
        Inserts(array::from_fn(|more| {
            let rows: Vec<String> = (0..=more).map(|row| values(first + row * own)).collect();
            format!("{insert} VALUES {}", rows.join(", "))
        }))
    }

    /// The statement for so many rows, from one to [`AT_ONCE`].
    pub(super) fn of(&self, rows: usize) -> &str {
        &self.0[rows - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_parameters_come_first_and_each_row_has_its_own() {
        let inserts = Inserts::new("INSERT OR FAIL INTO t", 2, 2, |own| format!("(?1, ?{own}, ?{})", own + 1));
        assert_eq!(inserts.of(1), "INSERT OR FAIL INTO t VALUES (?1, ?2, ?3)");
        assert_eq!(inserts.of(3), "INSERT OR FAIL INTO t VALUES (?1, ?2, ?3), (?1, ?4, ?5), (?1, ?6, ?7)");
    }
}
