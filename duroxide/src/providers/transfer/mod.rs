//! What a store must be able to do so that all of it can be copied to another one, row by row.

mod record;
mod rows;
mod tables;

use async_trait::async_trait;

pub use record::{Checkpoint, Side, Stage, TransferRecord};
pub use rows::{Cell, Cursor, Row};
pub use tables::{Column, ColumnKind, Table};

use super::ProviderError;

/// A store that can be copied, reached through [`Provider::as_transfer_capability`](super::Provider). It is driven by
/// [`transfer`](crate::transfer()); nobody else has a reason to call it.
///
/// Rows are in one form for all stores, and hold no leases: a store that is closed as a source gives back what nobody
/// holds any more, so that what is left is the work itself with its counts of attempts.
///
/// A closed store refuses every change, whoever asks for it and however long ago he opened it, but for those that are
/// made here. All methods are safe to repeat when their answer was lost, or say that somebody else was first.
#[async_trait]
pub trait TransferStore: Send + Sync {
    /// Where it is, for people: no password.
    fn place(&self) -> String;

    /// What it takes part in, or took part in.
    async fn transfer_record(&self) -> Result<Option<TransferRecord>, ProviderError>;

    /// Closes it, and remembers the record, unless that is not possible; then nothing changes.
    ///
    /// # Errors
    /// Permanent when it takes part in a transfer already.
    async fn close(&self, record: &TransferRecord) -> Result<Closing, ProviderError>;

    /// Its clock and its fence.
    async fn marks(&self) -> Result<Marks, ProviderError>;

    /// How many rows there are.
    async fn count_rows(&self, table: Table) -> Result<u64, ProviderError>;

    /// The rows behind a place, in an order of the store's own: as many as fit, at least one if there is one.
    async fn export_rows(&self, table: Table, after: Option<&Cursor>, fits: Fits) -> Result<Vec<Row>, ProviderError>;

    /// The place of a row in that order.
    fn cursor_of(&self, table: Table, row: &Row) -> Cursor;

    /// Adds rows, and replaces the record, in one commit.
    ///
    /// # Errors
    /// Permanent, and nothing changes, when the record is not `was`: somebody else works on the same transfer.
    async fn import_rows(
        &self,
        table: Table,
        rows: Vec<Row>,
        was: &TransferRecord,
        becomes: &TransferRecord,
    ) -> Result<(), ProviderError>;

    /// Replaces the record.
    ///
    /// # Errors
    /// As [`import_rows`](Self::import_rows).
    async fn note(&self, was: &TransferRecord, becomes: &TransferRecord) -> Result<(), ProviderError>;

    /// Opens it for work: leases from now on have fences above `fence`, and rows ids above those that are there. The
    /// record stays if it is to become another one, and is forgotten otherwise. With `Rows::Forgotten` the store is as
    /// empty as it was before.
    ///
    /// # Errors
    /// As [`import_rows`](Self::import_rows).
    async fn open(
        &self,
        was: &TransferRecord,
        becomes: Option<&TransferRecord>,
        fence: u64,
        rows: Rows,
    ) -> Result<(), ProviderError>;

    /// All rows that belong to an instance, without what leases there are on them, in the order of [`Table::ALL`]; none
    /// when there is no such instance. Sessions are nobody's.
    ///
    /// The default looks through everything, and not at one moment.
    async fn export_instance(&self, instance: &str) -> Result<Vec<(Table, Row)>, ProviderError> {
        let mut found = Vec::new();
        for table in Table::ALL {
            let Some(place) = table.place_of("instance_id") else {
                continue;
            };
            let mut after = None;
            loop {
                let rows = self.export_rows(table, after.as_ref(), PAGE).await?;
                let Some(last) = rows.last() else {
                    break;
                };
                after = Some(self.cursor_of(table, last));
                let is_its = |row: &Row| matches!(&row.0[place], Cell::Text(id) if id == instance);
                found.extend(rows.into_iter().filter(is_its).map(|row| (table, row)));
            }
        }
        Ok(found)
    }

    /// Adds the rows of instances that are not there, in one commit and under row ids of this store's own. `Some` of the
    /// first that is there, or to which something was sent; then nothing changes.
    ///
    /// # Errors
    /// Permanent where it is not provided, as here.
    async fn import_instances(&self, rows: Vec<(Table, Row)>) -> Result<Option<String>, ProviderError> {
        let _ = rows;
        Err(ProviderError::permanent("import_instances", "expected a store that can take single instances in"))
    }
}

/// What is read at once where everything is looked through.
const PAGE: Fits = Fits { rows: 500, bytes: 1024 * 1024 };

/// The rows of each table, without the numbers that each store gives out itself.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn by_table(rows: Vec<(Table, Row)>) -> Vec<(Table, Vec<Row>)> {
    let mut of_tables: Vec<(Table, Vec<Row>)> = Table::ALL.into_iter().map(|table| (table, Vec::new())).collect();
    for (table, mut row) in rows {
        if table.is_numbered() {
            row.0[0] = Cell::Null;
        }
        if let Some((_, rows)) = of_tables.iter_mut().find(|(of, _)| *of == table) {
            rows.push(row);
        }
    }
    of_tables.retain(|(_, rows)| !rows.is_empty());
    of_tables
}

/// The instances among these rows.
pub(crate) fn instances_of(rows: &[(Table, Row)]) -> impl Iterator<Item = &str> {
    let place = Table::Instances.place_of("instance_id");
    rows.iter().filter(|(table, _)| *table == Table::Instances).filter_map(move |(_, row)| match &row.0[place?] {
        Cell::Text(id) => Some(id.as_str()),
        Cell::Null | Cell::Number(_) => None,
    })
}

/// What came of closing a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// It is closed.
    Closed,
    /// A source in which somebody works: other stores are open on it, or turns and activities are leased.
    Busy {
        /// Stores that are open on it and provably alive, without this one.
        stores: u64,
        /// Turns and activities that are under way.
        leases: u64,
        /// In how many milliseconds the last of these leases ends, 0 when there is none.
        ends_in_ms: u64,
    },
    /// A target that is not empty.
    Holds {
        /// The first table that is not.
        table: Table,
        /// How many rows it has.
        rows: u64,
    },
}

/// What is read off a store beside its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Its clock, milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// The highest fence that was ever given out.
    pub fence: u64,
}

/// How many rows are read at once: the first of both bounds that is met counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fits {
    /// Rows.
    pub rows: usize,
    /// Bytes of text in them, beyond the first row.
    pub bytes: usize,
}

/// What becomes of the rows when a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// They are its work from now on.
    Kept,
    /// The transfer that brought them is given up.
    Forgotten,
}
