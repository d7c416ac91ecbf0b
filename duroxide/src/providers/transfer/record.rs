//! What a store that takes part in a transfer remembers of it.

use serde::{Deserialize, Serialize};

use super::rows::Cursor;
use super::tables::Table;

/// Kept in both stores, so that a transfer that was killed goes on where it was, and nobody works on either meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRecord {
    /// The same on both sides, and new with every transfer.
    pub id: String,
    /// Which side this store is.
    pub side: Side,
    /// How far it is.
    pub stage: Stage,
    /// Where the other store is, for people.
    pub peer: String,
    /// What is added to a time of the source's clock to get one of the target's, in milliseconds.
    pub shift_ms: i64,
    /// What the target has; `None` on the source, and before the first rows.
    pub checkpoint: Option<Checkpoint>,
}

/// A side of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where the rows come from.
    Source,
    /// Where they go.
    Target,
}

/// How far a transfer is. Nobody works on a store before `Done`, and on a source that is `Done` nobody does any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Rows are copied; it may still be given up.
    Copying,
    /// All is copied and proved; only to open the target is left.
    Handing,
    /// Over.
    Done,
}

/// The last row that the target has; of the tables before, it has all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// In which table it is.
    pub table: Table,
    /// Where it is there, as the source says it.
    pub after: Cursor,
}

impl TransferRecord {
    /// The same at another stage.
    pub fn at(&self, stage: Stage) -> Self {
        TransferRecord { stage, ..self.clone() }
    }

    /// As a store keeps it.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain words and numbers can be written")
    }

    /// What a store kept; `None` when a newer version of this crate wrote it.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// What whoever wants to change the closed store is told.
    pub fn refusal(&self) -> String {
        match self.side {
            Side::Source => format!("this store is closed: it is being moved, or was moved, to {}", self.peer),
            Side::Target => format!("this store is closed until the move from {} to it is finished", self.peer),
        }
    }

    /// Whether a runtime may work on the store.
    pub fn is_open(&self) -> bool {
        match (self.side, self.stage) {
            (Side::Target, Stage::Done) => true,
            (Side::Source, _) | (Side::Target, Stage::Copying | Stage::Handing) => false,
        }
    }
}
