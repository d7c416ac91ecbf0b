//! Rows as all stores understand them, read a few at a time.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::error::StoreError;
use crate::providers::transfer::{Cell, Column, ColumnKind, Cursor, Fits, Row, Table};

/// By which columns rows are walked through, by their places: each time a step into an index.
pub(super) fn key(table: Table) -> &'static [usize] {
    match table {
        Table::Instances
        | Table::OrchestratorQueue
        | Table::WorkerQueue
        | Table::Sessions
        | Table::Quarantine
        | Table::Traces => &[0],
        Table::Executions | Table::KvStore | Table::KvDelta => &[0, 1],
        Table::History => &[0, 1, 2],
    }
}

/// How a column is called in this store, if not by its name.
pub(super) fn own_name(table: Table, column: Column) -> &'static str {
    match (table, column.name) {
        (Table::Instances, "row_id") => "rowid",
        (_, name) => name,
    }
}

/// The rows behind a place, as many as fit.
pub(super) fn rows(
    conn: &Connection,
    table: Table,
    after: Option<&Cursor>,
    fits: Fits,
) -> Result<Vec<Row>, StoreError> {
    let mut statement = conn.prepare_cached(&select(table, after.is_some()))?;
    let key = after.map(|Cursor(cells)| cells.as_slice()).unwrap_or_default();
    let limit = Cell::Number(i64::try_from(fits.rows).unwrap_or(i64::MAX));
    let mut found = statement.query(params_from_iter(key.iter().chain([&limit])))?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        let row = read(row, table)?;
        bytes += row.bytes();
        if bytes > fits.bytes && !rows.is_empty() {
            break;
        }
        rows.push(row);
    }
    Ok(rows)
}

/// All rows of an instance; what is held is ready, as nobody holds it elsewhere.
pub(super) fn instance(conn: &Connection, instance: &str) -> Result<Vec<(Table, Row)>, StoreError> {
    let mut rows = Vec::new();
    for table in Table::ALL.into_iter().filter(|table| table.place_of("instance_id").is_some()) {
        let select = format!("{} WHERE instance_id = ?1 ORDER BY {}", columns_of(table), key_of(table));
        let mut statement = conn.prepare_cached(&select)?;
        let mut found = statement.query([instance])?;
        while let Some(row) = found.next()? {
            let mut row = read(row, table)?;
            if let Some(state) = table.place_of("state")
                && row.0[state] == Cell::Number(HELD)
            {
                row.0[state] = Cell::Number(READY);
            }
            rows.push((table, row));
        }
    }
    Ok(rows)
}

/// States of a queue row, see `schema`.
const READY: i64 = 1;
const HELD: i64 = 2;

fn read(row: &rusqlite::Row<'_>, table: Table) -> Result<Row, StoreError> {
    let cells = (0..).zip(table.columns()).map(|(index, column)| cell(row.get_ref(index)?, table, *column));
    Ok(Row(cells.collect::<Result<_, StoreError>>()?))
}

fn columns_of(table: Table) -> String {
    let columns: Vec<String> = table.columns().iter().map(|&column| expression(table, column)).collect();
    format!("SELECT {} FROM {table}", columns.join(", "))
}

fn key_of(table: Table) -> String {
    let key: Vec<&str> = key(table).iter().map(|&place| own_name(table, table.columns()[place])).collect();
    key.join(", ")
}

fn select(table: Table, is_continued: bool) -> String {
    let (columns, key) = (columns_of(table), key_of(table));
    let behind = match is_continued {
        true => format!("WHERE ({key}) > ({})", vec!["?"; key.split(',').count()].join(", ")),
        false => String::new(),
    };
    format!("{columns} {behind} ORDER BY {key} LIMIT ?")
}

/// An activity that nobody can cancel has no identity here, and an empty one elsewhere.
fn expression(table: Table, column: Column) -> String {
    let name = own_name(table, column);
    match (table, name) {
        (Table::WorkerQueue, "instance_id") => format!("COALESCE({name}, '')"),
        (Table::WorkerQueue, "execution_id" | "activity_id") => format!("COALESCE({name}, 0)"),
        _ => name.to_owned(),
    }
}

/// Other programs may have put anything there. What is to be text is taken as such, and the reader of it decides.
fn cell(value: ValueRef<'_>, table: Table, column: Column) -> Result<Cell, StoreError> {
    let is_number = matches!(column.kind, ColumnKind::Number | ColumnKind::Due);
    let text = match (value, is_number) {
        (ValueRef::Null, _) => return Ok(Cell::Null),
        (ValueRef::Integer(number), true) => return Ok(Cell::Number(number)),
        (ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_), true) => {
            return Err(StoreError::Unreadable(format!("{table}.{}: expected a number", column.name)));
        }
        (ValueRef::Integer(number), false) => number.to_string(),
        (ValueRef::Real(number), false) => number.to_string(),
        (ValueRef::Text(bytes) | ValueRef::Blob(bytes), false) => String::from_utf8_lossy(bytes).into_owned(),
    };
    Ok(Cell::Text(match column.kind {
        ColumnKind::Document if text.contains('\0') => text.replace('\0', "\u{fffd}"),
        _ => text,
    }))
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Cell::Null => ToSqlOutput::Owned(Value::Null),
            Cell::Number(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}
