//! Rows as all stores understand them, read a few at a time.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::error::StoreError;
use super::row::{loaded, stored};
use super::writer::{Db, Query};
use crate::providers::transfer::{Cell, Column, ColumnKind, Cursor, Fits, Row, Table};

/// By which columns rows are walked through, by their places: the table's primary key.
pub(super) fn key(table: Table) -> &'static [usize] {
    match table {
        Table::Instances => &[1],
        Table::OrchestratorQueue => &[1, 0],
        Table::WorkerQueue => &[1, 2, 3, 0],
        Table::Sessions | Table::Quarantine | Table::Traces => &[0],
        Table::Executions | Table::KvStore | Table::KvDelta => &[0, 1],
        Table::History => &[0, 1, 2],
    }
}

/// The rows behind a place, as many as fit.
pub(super) async fn rows(db: &Db, table: Table, after: Option<&Cursor>, fits: Fits) -> Result<Vec<Row>, StoreError> {
    let select = select(table, after);
    let build = || {
        let query = after.iter().flat_map(|Cursor(cells)| cells).fold(db.query(&select), bind);
        query.bind(i64::try_from(fits.rows).unwrap_or(i64::MAX)).bind(i64::try_from(fits.bytes).unwrap_or(i64::MAX))
    };
    db.all(build).await?.iter().map(|row| read(row, table.columns())).collect()
}

/// All rows of an instance, of one moment.
pub(super) async fn instance(db: &Db, instance: &str) -> Result<Vec<(Table, Row)>, StoreError> {
    let mut tx = db.pool().begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let mut rows = Vec::new();
    for table in Table::ALL.into_iter().filter(|table| table.place_of("instance_id").is_some()) {
        let columns = table.columns();
        let names: Vec<String> = columns.iter().map(expression).collect();
        let order = if table.is_numbered() { columns[0].name } else { "1, 2, 3" };
        let select = format!("SELECT {} FROM @.{table} WHERE instance_id = $1 ORDER BY {order}", names.join(", "));
        for row in db.query(&select).bind(stored(instance).into_owned()).fetch_all(&mut *tx).await? {
            rows.push((table, read(&row, columns)?));
        }
    }
    tx.rollback().await?;
    Ok(rows)
}

fn bind(query: Query, cell: &Cell) -> Query {
    match cell {
        Cell::Null => query.bind(None::<String>),
        Cell::Number(number) => query.bind(*number),
        Cell::Text(text) => query.bind(stored(text).into_owned()),
    }
}

/// The database adds up how large rows are, so that those which do not fit are not even sent.
fn select(table: Table, after: Option<&Cursor>) -> String {
    let columns = table.columns();
    let names: Vec<String> = columns.iter().map(expression).collect();
    let key: Vec<&str> = key(table).iter().map(|&place| columns[place].name).collect();
    let bound = after.map_or(0, |Cursor(cells)| cells.len());
    let texts = columns.iter().filter(|column| is_text(column));
    let bytes: Vec<String> = texts.map(|column| format!("COALESCE(octet_length({}), 0)", column.name)).collect();
    let (names, key, bytes) = (names.join(", "), key.join(", "), bytes.join(" + "));
    let behind = match bound {
        0 => String::new(),
        _ => {
            let places: Vec<String> = (1..=bound).map(|n| format!("${n}")).collect();
            format!("WHERE ({key}) > ({})", places.join(", "))
        }
    };
    let (rows_max, bytes_max) = (bound + 1, bound + 2);
    format!(
        "SELECT {names} FROM (
             SELECT *, sum(bytes) OVER (ORDER BY {key}) AS so_far, row_number() OVER (ORDER BY {key}) AS place FROM (
                 SELECT *, ({bytes})::bigint AS bytes FROM @.{table} {behind} ORDER BY {key} LIMIT ${rows_max}) page
         ) sized WHERE so_far <= ${bytes_max} OR place = 1 ORDER BY place"
    )
}

fn expression(column: &Column) -> String {
    match is_text(column) {
        true => column.name.to_owned(),
        false => format!("{}::bigint", column.name),
    }
}

pub(super) fn is_text(column: &Column) -> bool {
    matches!(column.kind, ColumnKind::Text | ColumnKind::Document)
}

fn read(row: &PgRow, columns: &[Column]) -> Result<Row, StoreError> {
    let cell = |(index, column): (usize, &Column)| -> Result<Cell, StoreError> {
        Ok(match column.kind {
            ColumnKind::Text => row.try_get::<Option<String>, _>(index)?.map(loaded).map_or(Cell::Null, Cell::Text),
            ColumnKind::Document => row.try_get::<Option<String>, _>(index)?.map_or(Cell::Null, Cell::Text),
            ColumnKind::Number | ColumnKind::Due => {
                row.try_get::<Option<i64>, _>(index)?.map_or(Cell::Null, Cell::Number)
            }
        })
    };
    (0..).zip(columns).map(cell).collect::<Result<_, _>>().map(Row)
}
