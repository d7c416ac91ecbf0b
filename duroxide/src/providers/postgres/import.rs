//! Rows of another store, added to this one.

use sqlx::Row as _;

use super::error::StoreError;
use super::export::{is_text, key};
use super::indexed;
use super::row::stored;
use super::writer::{Db, Query, Tx};
use crate::providers::transfer::{Cell, Column, ColumnKind, Row, Table, by_table, instances_of};

/// Adds rows, as one statement. Their ids come along, so that a row that is there already is an error and not a second
/// one; where the first has none, all are given the next.
pub(super) async fn rows(db: &Db, tx: &mut Tx<'_>, table: Table, rows: &[Row]) -> Result<(), StoreError> {
    for row in rows {
        let key = row.cursor(key(table)).0;
        let texts: Vec<&str> = key.iter().filter_map(text).collect();
        indexed::check(&format!("key of a row of {table}"), &texts)?;
    }
    let is_given = table.is_numbered() && rows.first().is_some_and(|row| row.0[0] == Cell::Null);
    let first = usize::from(is_given);
    let columns = (0..).zip(table.columns()).skip(first);
    let insert = columns.fold(db.query(&insert(table, first)), |query, (place, column)| {
        bind(query, column, rows.iter().map(|row| &row.0[place]))
    });
    tx.all(insert).await?;
    if table == Table::Executions { list_under_their_status(db, tx, rows).await } else { Ok(()) }
}

/// Instances came before their executions.
async fn list_under_their_status(db: &Db, tx: &mut Tx<'_>, rows: &[Row]) -> Result<(), StoreError> {
    let ids: Vec<String> =
        rows.iter().map(|row| text(&row.0[0]).map(|id| stored(id).into_owned()).unwrap_or_default()).collect();
    let list = db.query(
        "UPDATE @.instances i SET status = left(e.status, 100) FROM @.executions e
         WHERE i.instance_id = ANY($1) AND e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id
             AND i.status <> left(e.status, 100) COLLATE \"C\"",
    );
    tx.all(list.bind(ids)).await.map(drop)
}

/// Adds the rows of instances that are not there, under numbers of this store's own; or says which is there.
pub(super) async fn instances(db: &Db, tx: &mut Tx<'_>, given: &[(Table, Row)]) -> Result<Option<String>, StoreError> {
    for instance in instances_of(given) {
        if is_known(db, tx, instance).await? {
            return Ok(Some(instance.to_owned()));
        }
        // That of a start which never came stands in nobody's way.
        let stale = db.query("DELETE FROM @.traces WHERE instance_id = $1");
        tx.all(stale.bind(stored(instance).into_owned())).await?;
    }
    for (table, of_table) in by_table(given.to_vec()) {
        rows(db, tx, table, &of_table).await?;
    }
    Ok(None)
}

async fn is_known(db: &Db, tx: &mut Tx<'_>, instance: &str) -> Result<bool, StoreError> {
    let look = "SELECT EXISTS (SELECT 1 FROM @.instances WHERE instance_id = $1)
        OR EXISTS (SELECT 1 FROM @.executions WHERE instance_id = $1)
        OR EXISTS (SELECT 1 FROM @.history WHERE instance_id = $1)
        OR EXISTS (SELECT 1 FROM @.orchestrator_queue WHERE instance_id = $1)";
    let found = tx.all(db.query(look).bind(stored(instance).into_owned())).await?;
    Ok(found[0].try_get(0)?)
}

/// Without its first columns.
fn insert(table: Table, first: usize) -> String {
    let columns = &table.columns()[first..];
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let array = |(n, column): (usize, &Column)| {
        if is_text(column) { format!("${n}::text[]") } else { format!("${n}::bigint[]") }
    };
    let arrays: Vec<String> = (1..).zip(columns).map(array).collect();
    let (names, arrays) = (names.join(", "), arrays.join(", "));
    let (own, given) = own_columns(table);
    format!("INSERT INTO @.{table} ({names}{own}) SELECT {names}{given} FROM unnest({arrays}) AS given ({names})")
}

/// Columns that only this store has, and what is in them when nobody holds the row.
fn own_columns(table: Table) -> (&'static str, &'static str) {
    match table {
        Table::Sessions => (", owner, locked_until", ", '', 0"),
        Table::Instances
        | Table::Executions
        | Table::History
        | Table::OrchestratorQueue
        | Table::WorkerQueue
        | Table::KvStore
        | Table::KvDelta
        | Table::Quarantine
        | Table::Traces => ("", ""),
    }
}

/// A column of all rows as one array.
fn bind<'a>(query: Query, column: &Column, cells: impl Iterator<Item = &'a Cell>) -> Query {
    match column.kind {
        ColumnKind::Text => {
            query.bind(cells.map(|cell| text(cell).map(|text| stored(text).into_owned())).collect::<Vec<_>>())
        }
        ColumnKind::Document => query.bind(cells.map(|cell| text(cell).map(str::to_owned)).collect::<Vec<_>>()),
        ColumnKind::Number | ColumnKind::Due => query.bind(cells.map(number).collect::<Vec<_>>()),
    }
}

fn text(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::Text(text) => Some(text),
        Cell::Null | Cell::Number(_) => None,
    }
}

fn number(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Number(number) => Some(*number),
        Cell::Null | Cell::Text(_) => None,
    }
}
