//! Being copied to another store, or from one: closed meanwhile, by triggers that every writer of the file meets.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::ready;
use super::row::{int, uint};
use super::wakes::Wakes;
use super::{SqliteProvider, export, import};
use crate::clock;
use crate::providers::ProviderError;
use crate::providers::signal::WorkQueue;
use crate::providers::transfer::{
    Closing, Cursor, Fits, Marks, Row, Rows, Side, Stage, Table, TransferRecord, TransferStore,
};

/// There only while the store takes part in a transfer, and after it was moved away. `closed` is 0 inside of the
/// transactions that bring rows in, so that the triggers let them pass.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS duroxide_transfer (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    closed INTEGER NOT NULL,
    record TEXT NOT NULL
)";

const CHANGES: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

#[async_trait]
impl TransferStore for SqliteProvider {
    fn place(&self) -> String {
        self.place.clone()
    }

    async fn transfer_record(&self) -> Result<Option<TransferRecord>, ProviderError> {
        self.read_with("transfer_record", record).await
    }

    async fn close(&self, record: &TransferRecord) -> Result<Closing, ProviderError> {
        let (record, neighbours) = (record.clone(), self.node.neighbours());
        self.administer("close", move |conn, _| close(conn, &record, neighbours)).await
    }

    async fn marks(&self) -> Result<Marks, ProviderError> {
        self.read_with("marks", |conn| {
            let fence = conn.query_row("SELECT fence FROM duroxide_store", [], |row| uint(row, 0))?;
            Ok(Marks { now_ms: clock::now_ms(), fence })
        })
        .await
    }

    async fn count_rows(&self, table: Table) -> Result<u64, ProviderError> {
        self.read_with("count_rows", move |conn| Ok(count(conn, table)?)).await
    }

    async fn export_rows(&self, table: Table, after: Option<&Cursor>, fits: Fits) -> Result<Vec<Row>, ProviderError> {
        let after = after.cloned();
        self.read_with("export_rows", move |conn| export::rows(conn, table, after.as_ref(), fits)).await
    }

    fn cursor_of(&self, table: Table, row: &Row) -> Cursor {
        row.cursor(export::key(table))
    }

    async fn import_rows(
        &self,
        table: Table,
        rows: Vec<Row>,
        was: &TransferRecord,
        becomes: &TransferRecord,
    ) -> Result<(), ProviderError> {
        let (was, becomes) = (was.clone(), becomes.clone());
        self.write("import_rows", move |conn, _| {
            replace(conn, &was, &becomes, Guard::Lifted)?;
            import::rows(conn, table, &rows)?;
            conn.prepare_cached("UPDATE duroxide_transfer SET closed = 1")?.execute([])?;
            Ok(())
        })
        .await
    }

    async fn note(&self, was: &TransferRecord, becomes: &TransferRecord) -> Result<(), ProviderError> {
        let (was, becomes) = (was.clone(), becomes.clone());
        self.write("note", move |conn, _| replace(conn, &was, &becomes, Guard::Kept)).await
    }

    async fn open(
        &self,
        was: &TransferRecord,
        becomes: Option<&TransferRecord>,
        fence: u64,
        rows: Rows,
    ) -> Result<(), ProviderError> {
        let (was, becomes, signal) = (was.clone(), becomes.cloned(), self.signal.clone());
        self.administer("open", move |conn, wakes| {
            open(conn, &was, becomes.as_ref(), fence, rows, wakes)?;
            Ok(ready::seed(conn, &signal)?)
        })
        .await
    }

    async fn export_instance(&self, instance: &str) -> Result<Vec<(Table, Row)>, ProviderError> {
        let instance = instance.to_owned();
        self.read_with("export_instance", move |conn| export::instance(conn, &instance)).await
    }

    async fn import_instances(&self, mut rows: Vec<(Table, Row)>) -> Result<Option<String>, ProviderError> {
        let signal = self.signal.clone();
        self.administer("import_instances", move |conn, wakes| {
            let taken = import::instances(conn, std::mem::take(&mut rows))?;
            wakes.ready(WorkQueue::Orchestrator);
            wakes.ready(WorkQueue::Worker);
            ready::seed(conn, &signal)?;
            Ok(taken)
        })
        .await
    }
}

/// What the store takes part in.
pub(super) fn record(conn: &Connection) -> Result<Option<TransferRecord>, StoreError> {
    let table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'duroxide_transfer'";
    if conn.query_row(table, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let text: Option<String> =
        conn.query_row("SELECT record FROM duroxide_transfer", [], |row| row.get(0)).optional()?;
    text.map(|text| TransferRecord::from_text(&text).ok_or_else(unreadable)).transpose()
}

fn unreadable() -> StoreError {
    StoreError::Unreadable("the record of a transfer: a newer version wrote it".to_owned())
}

fn close(conn: &Connection, new: &TransferRecord, neighbours: u64) -> Result<Closing, StoreError> {
    match record(conn)? {
        Some(found) if found == *new => return Ok(Closing::Closed),
        Some(found) if !found.is_open() => {
            return Err(StoreError::Refused(format!("expected an open store, but {}", found.refusal())));
        }
        Some(_) | None => {}
    }
    let hindrance = match new.side {
        Side::Source => busy(conn, neighbours)?,
        Side::Target => held(conn)?,
    };
    if let Some(hindrance) = hindrance {
        return Ok(hindrance);
    }
    release(conn)?;
    conn.execute(CREATE, [])?;
    conn.execute(
        "INSERT INTO duroxide_transfer VALUES (1, 1, ?1)
         ON CONFLICT DO UPDATE SET closed = excluded.closed, record = excluded.record",
        [new.to_text()],
    )?;
    let refusal = new.refusal().replace('\'', "''");
    for table in Table::guarded() {
        for change in CHANGES {
            conn.execute_batch(&format!(
                "CREATE TRIGGER duroxide_closed_{table}_{change} BEFORE {change} ON {table}
                 WHEN (SELECT closed FROM duroxide_transfer) BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
            ))?;
        }
    }
    Ok(Closing::Closed)
}

/// Whoever works here: other stores, and leases that are not over.
fn busy(conn: &Connection, stores: u64) -> Result<Option<Closing>, StoreError> {
    let now_ms = clock::now_ms();
    let (leases, until_ms) = conn.query_row(
        "SELECT count(*), COALESCE(max(locked_until), 0) FROM (
             SELECT locked_until FROM instance_locks WHERE locked_until > ?1
             UNION ALL SELECT locked_until FROM worker_queue WHERE state = 2 AND locked_until > ?1)",
        [int(now_ms)],
        |row| Ok((uint(row, 0)?, uint(row, 1)?)),
    )?;
    let is_busy = stores > 0 || leases > 0;
    Ok(is_busy.then(|| Closing::Busy { stores, leases, ends_in_ms: until_ms.saturating_sub(now_ms) }))
}

fn held(conn: &Connection) -> Result<Option<Closing>, StoreError> {
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Traces) {
        let rows = count(conn, table)?;
        if rows > 0 {
            return Ok(Some(Closing::Holds { table, rows }));
        }
    }
    // Contexts of instances that are not there, and whose starts are not: of starts that never came.
    conn.execute("DELETE FROM traces", [])?;
    Ok(None)
}

fn count(conn: &Connection, table: Table) -> rusqlite::Result<u64> {
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| uint(row, 0))
}

/// Gives back what is leased, by leases that are over: attempts were counted when it was taken.
fn release(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(
        "DELETE FROM instance_locks;
         UPDATE orchestrator_queue SET state = 1, lock_token = NULL WHERE state = 2;
         UPDATE worker_queue SET state = 1, lock_token = NULL, locked_until = NULL, owner = NULL WHERE state = 2;
         UPDATE sessions SET locked_until = 0, owner = '';",
    )
}

/// Whether the triggers let the rest of the transaction pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    Kept,
    Lifted,
}

/// Whoever was not the last to write the record is refused.
fn replace(conn: &Connection, was: &TransferRecord, becomes: &TransferRecord, guard: Guard) -> Result<(), StoreError> {
    let replaced = conn
        .prepare_cached("UPDATE duroxide_transfer SET record = ?2, closed = ?3 WHERE record = ?1")?
        .execute(params![was.to_text(), becomes.to_text(), guard == Guard::Kept])?;
    if replaced == 1 {
        return Ok(());
    }
    Err(StoreError::Fenced("somebody else goes on with this transfer, or has given it up"))
}

/// Lets what a migration does to a closed store pass, which changes its form and nothing that was said in it.
pub(super) fn with_guard_lifted(
    conn: &Connection,
    change: impl FnOnce() -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    conn.execute("UPDATE duroxide_transfer SET closed = 0", [])?;
    let before = guards(conn)?;
    change()?;
    // A table that was made anew has lost its own.
    let left = guards(conn)?;
    before.iter().filter(|guard| !left.contains(guard)).try_for_each(|guard| conn.execute_batch(guard))?;
    conn.execute("UPDATE duroxide_transfer SET closed = 1", [])?;
    Ok(())
}

/// The triggers that close a store, as they were made.
fn guards(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'duroxide_closed_*'")?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn open(
    conn: &Connection,
    was: &TransferRecord,
    becomes: Option<&TransferRecord>,
    fence: u64,
    rows: Rows,
    wakes: &mut Wakes,
) -> Result<(), StoreError> {
    replace(conn, was, becomes.unwrap_or(was), Guard::Lifted)?;
    // A table that is younger than the closing has none.
    for table in Table::guarded() {
        for change in CHANGES {
            conn.execute_batch(&format!("DROP TRIGGER IF EXISTS duroxide_closed_{table}_{change}"))?;
        }
    }
    match rows {
        Rows::Kept => {
            conn.execute("UPDATE duroxide_store SET fence = MAX(fence, ?1)", [int(fence)])?;
            wakes.ready(WorkQueue::Orchestrator);
            wakes.ready(WorkQueue::Worker);
        }
        Rows::Forgotten => {
            for table in Table::ALL {
                conn.execute(&format!("DELETE FROM {table}"), [])?;
            }
        }
    }
    if becomes.is_none() {
        conn.execute("DROP TABLE duroxide_transfer", [])?;
    }
    Ok(())
}

/// What a store that is about to be opened by `migrate` finds.
pub(super) enum Found {
    /// Nothing that would matter.
    Open,
    /// It is closed: nothing in it may be touched.
    Closed,
    /// It was moved there.
    Moved(String),
}

/// Whether the file may be worked on.
pub(super) fn look(conn: &Connection) -> rusqlite::Result<Found> {
    match record(conn) {
        Ok(None) => Ok(Found::Open),
        Ok(Some(record)) if record.is_open() => Ok(Found::Open),
        Ok(Some(record)) if record.stage == Stage::Done => Ok(Found::Moved(record.peer)),
        Err(StoreError::Sql(error)) => Err(error),
        // What cannot be read was written by somebody who closed it.
        Ok(Some(_)) | Err(_) => Ok(Found::Closed),
    }
}
