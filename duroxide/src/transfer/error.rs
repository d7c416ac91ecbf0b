//! Why a store was not copied. No variant tells what is in a row.

use std::time::Duration;

use crate::providers::ProviderError;
use crate::providers::transfer::Table;

/// Why a transfer ended before its end. Unless it says otherwise, it goes on when it is started again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// A store that is not made for it.
    #[error("store `{store}`: expected one that can be copied, as those of this crate can")]
    Unsupported {
        /// Its name.
        store: String,
    },
    /// Somebody works on the source. Nothing was changed.
    #[error(
        "{store}: expected that nobody works there, found {stores} other stores that are open on it and {leases} turns \
         and activities under way, whose leases end within {ends_in:?}; stop all workers first"
    )]
    SourceBusy {
        /// Where it is.
        store: String,
        /// Stores that are open on it in living processes.
        stores: u64,
        /// Turns and activities that are leased.
        leases: u64,
        /// When the last of these leases ends by itself.
        ends_in: Duration,
    },
    /// The target holds data of its own. Neither store was changed.
    #[error("{store}: expected an empty store, found {rows} rows in its table {table}")]
    TargetNotEmpty {
        /// Where it is.
        store: String,
        /// The first table with rows.
        table: Table,
        /// How many.
        rows: u64,
    },
    /// A store takes part in a transfer with another one.
    #[error(
        "{store}: expected no other transfer, found one with {peer}; finish that one, or give it up with \
         `cancel_transfer`"
    )]
    OtherTransfer {
        /// Where it is.
        store: String,
        /// With whom it takes part.
        peer: String,
    },
    /// The source was moved already.
    #[error("{store} was moved to {peer} already")]
    Moved {
        /// Where it is.
        store: String,
        /// Where everything is now.
        peer: String,
    },
    /// Both are the same store.
    #[error("{store}: expected two stores, found this one on both sides")]
    SameStore {
        /// Where it is.
        store: String,
    },
    /// The copy is not what the source holds. Nobody can work on either store; `cancel_transfer` on both opens the source
    /// and empties the target.
    #[error(
        "table {table}: expected {expected_rows} rows with digest {expected}, as in the source, found {found_rows} with \
         {found} in the target"
    )]
    Differs {
        /// Which table.
        table: Table,
        /// Rows of the source.
        expected_rows: u64,
        /// Their digest.
        expected: String,
        /// Rows of the target.
        found_rows: u64,
        /// Their digest.
        found: String,
    },
    /// It cannot be given up any more.
    #[error("{store}: all of it was copied and may be at work with {peer}; run the transfer again to finish it")]
    PastReturn {
        /// Where it is.
        store: String,
        /// The other store.
        peer: String,
    },
    /// There is none to give up.
    #[error("{store} takes part in no transfer")]
    NoTransfer {
        /// Where it is.
        store: String,
    },
    /// There is no such instance.
    #[error("instance {instance}: expected one of this store, found none")]
    UnknownInstance {
        /// Which one.
        instance: String,
    },
    /// An instance that is to be taken in is there already, or something was sent to its id. Nothing was changed.
    #[error("instance {instance}: expected an id that is free, found one that is taken; nothing was changed")]
    InstanceExists {
        /// Which one.
        instance: String,
    },
    /// An exported instance that cannot be read.
    #[error("line {line}: {reason}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What was expected, and what was found.
        reason: String,
    },
    /// A store failed.
    #[error(transparent)]
    Store(#[from] ProviderError),
}
