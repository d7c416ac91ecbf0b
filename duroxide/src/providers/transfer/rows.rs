//! Rows in the one form that all stores have in common.

use serde::{Deserialize, Serialize};

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number: an id, a count, a time.
    Number(i64),
    /// Text.
    Text(String),
}

/// The values of a row, in the order of [`Table::columns`](super::Table::columns).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row(pub Vec<Cell>);

/// Where a row is among those of its table: the values by which the store orders them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub Vec<Cell>);

impl Cell {
    /// Bytes of text in it.
    pub fn bytes(&self) -> usize {
        match self {
            Cell::Text(text) => text.len(),
            Cell::Null | Cell::Number(_) => 0,
        }
    }
}

impl Row {
    /// The values at these places, as a cursor.
    pub fn cursor(&self, key: &[usize]) -> Cursor {
        Cursor(key.iter().filter_map(|&index| self.0.get(index)).cloned().collect())
    }

    /// Bytes of text in it.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Cell::bytes).sum()
    }
}
