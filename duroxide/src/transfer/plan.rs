//! What is next in a transfer, from what both sides remember of it.
//!
//! In order: the source is closed (`Copying`), the target is closed (`Copying`), rows are copied and proved, the source is
//! told that there is no way back (`Handing`), the target is opened (`Done`), and last the source is marked as moved
//! (`Done`) or opened. A target that was given up just before it would have been opened is copied to once more. At no
//! point between two of these is more than one of the stores open.

use crate::providers::transfer::{Checkpoint, Side, Stage, TransferRecord};

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Close the source under a new id.
    CloseSource,
    /// Close the target under the id of the source.
    CloseTarget,
    /// Begin anew, under a new id: the target was given up before it was opened.
    TakeBack,
    /// Copy what is behind this, and prove everything.
    Copy(Option<Checkpoint>),
    /// Open the target.
    OpenTarget,
    /// Let the source go: the target is at work.
    LetSourceGo,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Conflict {
    /// One side takes part in a transfer with somebody else.
    Elsewhere(Side),
    /// The source was moved, and is no source any more.
    Moved,
}

/// The next step, from what source and target remember.
pub(super) fn next(source: Option<&TransferRecord>, target: Option<&TransferRecord>) -> Result<Next, Conflict> {
    // What arrived is a store like any other, unless it came from this very source a moment ago.
    let source = source.filter(|record| !record.is_open());
    let Some(source) = source else {
        return match target {
            None => Ok(Next::CloseSource),
            Some(target) if target.is_open() => Ok(Next::CloseSource),
            Some(_) => Err(Conflict::Elsewhere(Side::Target)),
        };
    };
    match (source.side, source.stage) {
        (Side::Target, _) => return Err(Conflict::Elsewhere(Side::Source)),
        (Side::Source, Stage::Done) => return Err(Conflict::Moved),
        (Side::Source, Stage::Copying | Stage::Handing) => {}
    }
    let ours = target.filter(|target| target.side == Side::Target && target.id == source.id);
    match (source.stage, ours.map(|target| target.stage)) {
        (Stage::Copying, Some(Stage::Copying)) => Ok(Next::Copy(ours.and_then(|target| target.checkpoint.clone()))),
        (Stage::Copying, None) if target.is_none_or(TransferRecord::is_open) => Ok(Next::CloseTarget),
        (Stage::Handing, Some(Stage::Copying)) => Ok(Next::OpenTarget),
        (Stage::Handing, Some(Stage::Done)) => Ok(Next::LetSourceGo),
        // A target that was opened remembers it: this one was not, and holds nothing.
        (Stage::Handing, None) if target.is_none() => Ok(Next::TakeBack),
        (_, None) => Err(Conflict::Elsewhere(match target {
            Some(_) => Side::Target,
            None => Side::Source,
        })),
        (_, Some(_)) => Err(Conflict::Elsewhere(Side::Target)),
    }
}
