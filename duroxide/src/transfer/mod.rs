//! Copies a store with all that is in flight to another one, so that the work goes on there.
//!
//! ```no_run
//! # #[cfg(all(feature = "sqlite", feature = "postgres"))]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use duroxide::providers::postgres::PostgresProvider;
//! use duroxide::providers::sqlite::SqliteProvider;
//!
//! let from = SqliteProvider::open("shop.db").await?;
//! let to = PostgresProvider::connect("postgres://app:secret@db.example/shop").await?;
//! let report = duroxide::transfer(&from, &to)
//!     .progress(|at| println!("{at}"))
//!     .await?;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```

mod copy;
mod digest;
mod error;
mod instance;
mod plan;
mod report;

#[cfg(test)]
mod tests;

use std::future::IntoFuture;
use std::pin::Pin;

pub use error::TransferError;
pub use instance::{InstanceExport, export_instances, import_instances};
pub use report::{Phase, TableReport, TransferProgress, TransferReport};

use crate::providers::Provider;
use crate::providers::transfer::{Fits, Rows, Side, Stage, TransferStore};

/// Rows of one commit, unless [`Transfer::batch`] says otherwise.
const BATCH: usize = 2_000;

/// Bytes of text in one batch: what is held in memory, twice at most.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Copies everything in `from` to `to`, which must be empty: histories, queues, timers, key-values, sessions, custom
/// status, what was set aside. Await what is returned.
///
/// Stop the workers first. From the first step both stores are closed to everybody: who has them open is refused, who
/// starts a runtime on them is told. At the end the target is opened, and the source stays closed for good, so that
/// nobody works on both; opening it says where everything is. [`leave_source`](Transfer::leave_source) opens it again
/// instead.
///
/// It may be killed, and may fail, at any moment: started again on the same two stores, it goes on behind the last batch
/// that was committed. [`cancel_transfer`] gives it up.
///
/// Nothing is held in memory but a batch. When all is copied, rows are counted and digested on both sides, table by
/// table, and only then is the target opened.
///
/// What leases there were are over on the other side; attempts stay counted, and fences go on above the old ones. Rows
/// are carried as they are: a store below [`Encoded`](crate::providers::encoded::Encoded) needs the same codec there.
pub fn transfer<'a>(from: &'a dyn Provider, to: &'a dyn Provider) -> Transfer<'a> {
    let batch = Fits { rows: BATCH, bytes: BATCH_BYTES };
    Transfer { from, to, batch, progress: Box::new(|_| {}), leaves_source: false }
}

/// Gives up a transfer that `store` takes part in, and opens it for work: a source as it was, a target empty. Give up
/// both sides; a target alone cannot be opened otherwise.
///
/// # Errors
/// [`TransferError::PastReturn`] when all was copied and proved, so that the target may be at work: then run
/// [`transfer`](crate::transfer()) again, which finishes it. [`TransferError::NoTransfer`] when there is none.
pub async fn cancel_transfer(store: &dyn Provider) -> Result<(), TransferError> {
    let store = capable(store)?;
    let record = store.transfer_record().await?.filter(|record| record.stage != Stage::Done);
    let record = record.ok_or_else(|| TransferError::NoTransfer { store: store.place() })?;
    if record.stage == Stage::Handing {
        return Err(TransferError::PastReturn { store: store.place(), peer: record.peer });
    }
    let rows = match record.side {
        Side::Source => Rows::Kept,
        Side::Target => Rows::Forgotten,
    };
    Ok(store.open(&record, None, 0, rows).await?)
}

/// A transfer that begins when it is awaited; made by [`transfer`](crate::transfer()).
#[must_use = "nothing is copied before this is awaited"]
pub struct Transfer<'a> {
    from: &'a dyn Provider,
    to: &'a dyn Provider,
    batch: Fits,
    progress: Progress<'a>,
    leaves_source: bool,
}

type Progress<'a> = Box<dyn FnMut(&TransferProgress) + Send + 'a>;

impl<'a> Transfer<'a> {
    /// Calls this after each batch that was copied, and while the copy is proved.
    pub fn progress(mut self, told: impl FnMut(&TransferProgress) + Send + 'a) -> Self {
        self.progress = Box::new(told);
        self
    }

    /// How many rows are copied in one commit, 2,000 unless set; fewer when they are large.
    pub fn batch(mut self, rows: usize) -> Self {
        self.batch.rows = rows.max(1);
        self
    }

    /// Opens the source again at the end. From then on the two stores know nothing of each other: whoever starts workers
    /// on both does everything that was in flight twice.
    pub fn leave_source(mut self) -> Self {
        self.leaves_source = true;
        self
    }
}

impl<'a> IntoFuture for Transfer<'a> {
    type Output = Result<TransferReport, TransferError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (from, to) = (capable(self.from)?, capable(self.to)?);
            let Transfer { batch, progress, leaves_source, .. } = self;
            copy::Copying { from, to, batch, leaves_source }.run(progress).await
        })
    }
}

fn capable(store: &dyn Provider) -> Result<&dyn TransferStore, TransferError> {
    store.as_transfer_capability().ok_or_else(|| TransferError::Unsupported { store: store.name().to_owned() })
}
