//! Single instances as lines of text: out of one store, to be kept, looked at, or taken in by another one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{TransferError, capable};
use crate::providers::Provider;
use crate::providers::transfer::{Cell, ColumnKind, Row, Table, instances_of};

/// The version of the form. A reader refuses those that it does not know.
const FORM: u32 = 1;

/// All that a store holds of some instances.
///
/// As text it is one JSON document a line: first a head, then one line for each row, named by its table and with its
/// columns by their names, and last the number of rows, so that what was cut off is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceExport {
    rows: Vec<(Table, Row)>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    /// The form.
    duroxide_instances: u32,
    instances: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    table: Table,
    row: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct End {
    rows: usize,
}

/// Reads all that belongs to these instances: histories of all executions that are kept, key-values, and what is on its
/// way to them. Each is of one moment; several may be of several.
///
/// What is exported of an instance that runs can go on elsewhere, but then it must not here.
///
/// # Errors
/// [`UnknownInstance`](TransferError::UnknownInstance), [`Unsupported`](TransferError::Unsupported),
/// [`Store`](TransferError::Store).
pub async fn export_instances(store: &dyn Provider, ids: &[String]) -> Result<InstanceExport, TransferError> {
    let store = capable(store)?;
    let mut rows = Vec::new();
    for id in ids {
        let found = store.export_instance(id).await?;
        if instances_of(&found).next().is_none() {
            return Err(TransferError::UnknownInstance { instance: id.clone() });
        }
        rows.extend(found);
    }
    Ok(InstanceExport { rows })
}

/// Takes exported instances in, all of them or none. Those that run go on here.
///
/// # Errors
/// [`InstanceExists`](TransferError::InstanceExists), [`Unsupported`](TransferError::Unsupported),
/// [`Store`](TransferError::Store).
pub async fn import_instances(store: &dyn Provider, export: &InstanceExport) -> Result<(), TransferError> {
    match capable(store)?.import_instances(export.rows.clone()).await? {
        None => Ok(()),
        Some(instance) => Err(TransferError::InstanceExists { instance }),
    }
}

impl InstanceExport {
    /// The instances, in the order in which they were asked for.
    pub fn instances(&self) -> Vec<&str> {
        instances_of(&self.rows).collect()
    }

    /// Those that have not ended.
    pub fn running(&self) -> Vec<&str> {
        let runs = |id: &&str| {
            let mut executions = self.rows.iter().filter(|(table, _)| *table == Table::Executions);
            executions.any(|(table, row)| {
                text(*table, row, "instance_id") == Some(*id) && text(*table, row, "status") == Some("Running")
            })
        };
        self.instances().into_iter().filter(runs).collect()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// As text, a line at a time, without the ends of the lines.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let instances = self.instances().into_iter().map(str::to_owned).collect();
        let head = written(&Head { duroxide_instances: FORM, instances });
        let end = written(&End { rows: self.rows.len() });
        let rows = self.rows.iter().map(|(table, row)| written(&line(*table, row)));
        std::iter::once(head).chain(rows).chain(std::iter::once(end))
    }

    /// Reads what [`lines`](Self::lines) wrote.
    ///
    /// # Errors
    /// [`Line`](TransferError::Line), which says which line is not as it should be, and why.
    pub fn read<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, TransferError> {
        let wrong = |line: usize, reason: String| TransferError::Line { line, reason };
        let mut lines = (1..).zip(lines);
        let head = lines.next().map(|(_, head)| head).unwrap_or_default();
        let head: Head = serde_json::from_str(head).map_err(|error| {
            wrong(1, format!("expected the head of an export of duroxide, found something else: {error}"))
        })?;
        if head.duroxide_instances != FORM {
            let found = head.duroxide_instances;
            return Err(wrong(1, format!("expected an export in form {FORM}, found form {found}")));
        }
        let mut rows = Vec::new();
        for (number, text) in lines {
            if let Ok(End { rows: expected }) = serde_json::from_str(text) {
                let found = rows.len();
                if found != expected {
                    return Err(wrong(number, format!("expected {expected} rows before it, found {found}")));
                }
                let is_missing = |id: &&String| !instances_of(&rows).any(|instance| instance == id.as_str());
                return match head.instances.iter().find(is_missing) {
                    Some(id) => Err(wrong(1, format!("expected an instance for each id, found none for `{id}`"))),
                    None => Ok(InstanceExport { rows }),
                };
            }
            let line: Line = serde_json::from_str(text).map_err(|error| wrong(number, error.to_string()))?;
            rows.push((line.table, row(&line, &head).map_err(|reason| wrong(number, reason))?));
        }
        Err(wrong(rows.len() + 2, "expected the number of rows as the last line, found the end".to_owned()))
    }
}

fn written(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("text and numbers can be written")
}

fn text<'a>(table: Table, row: &'a Row, name: &str) -> Option<&'a str> {
    match &row.0[table.place_of(name)?] {
        Cell::Text(text) => Some(text),
        Cell::Null | Cell::Number(_) => None,
    }
}

fn line(table: Table, row: &Row) -> Line {
    let value = |cell: &Cell| match cell {
        Cell::Null => Value::Null,
        Cell::Number(number) => (*number).into(),
        Cell::Text(text) => text.as_str().into(),
    };
    let named = table.columns().iter().zip(&row.0).map(|(column, cell)| (column.name.to_owned(), value(cell)));
    Line { table, row: named.collect() }
}

/// A line as a row, if it is one of an instance that the head names.
fn row(line: &Line, head: &Head) -> Result<Row, String> {
    let cells = line.table.columns().iter().map(|column| {
        let value = line.row.get(column.name).unwrap_or(&Value::Null);
        let is_number = matches!(column.kind, ColumnKind::Number | ColumnKind::Due);
        match (value, is_number) {
            (Value::Null, _) => Ok(Cell::Null),
            (Value::String(text), false) => Ok(Cell::Text(text.clone())),
            (Value::Number(number), true) if number.is_i64() => Ok(Cell::Number(number.as_i64().unwrap_or_default())),
            (_, true) => Err(format!("{}.{}: expected a number", line.table, column.name)),
            (_, false) => Err(format!("{}.{}: expected text", line.table, column.name)),
        }
    });
    let row = Row(cells.collect::<Result<_, String>>()?);
    match text(line.table, &row, "instance_id") {
        Some(id) if head.instances.iter().any(|named| named == id) => Ok(row),
        Some(id) => {
            Err(format!("{}: expected a row of an instance that the head names, found one of {id}", line.table))
        }
        None => Err(format!("{}: expected a row of an instance, found one without", line.table)),
    }
}
